"""Settings of a batch."""

from __future__ import annotations

import pytest

from vsr_cli.specs import BatchSpec, SchedulerSpec, Shard


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", SchedulerSpec()),
        ("none", SchedulerSpec("none")),
        ("local", SchedulerSpec("local")),
        ("local:3", SchedulerSpec("local", workers=3)),
        ("tcp://node7:8786", SchedulerSpec("address", "tcp://node7:8786")),
        ("tls://10.0.0.1:8786", SchedulerSpec("address", "tls://10.0.0.1:8786")),
        ("/scratch/me/scheduler.json", SchedulerSpec("file", "/scratch/me/scheduler.json")),
    ],
)
def test_scheduler_is_read(text: str, expected: SchedulerSpec) -> None:
    assert SchedulerSpec.parse(text) == expected


@pytest.mark.parametrize("text", ["", "slurm", "local:x", "tcp:node", "local:"])
def test_other_words_are_no_scheduler(text: str) -> None:
    with pytest.raises(ValueError, match="a scheduler is none, local"):
        SchedulerSpec.parse(text)


def test_shard_is_read() -> None:
    assert Shard.parse("0/1") == Shard(0, 1)
    assert Shard.parse("7/8") == Shard(7, 8)


@pytest.mark.parametrize("text", ["", "1", "1/", "a/b", "-1/3", "1/2/3", "1.0/2"])
def test_other_words_are_no_shard(text: str) -> None:
    with pytest.raises(ValueError, match="a shard is i/n"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["8/8", "0/0", "9/8"])
def test_shards_count_from_zero(text: str) -> None:
    with pytest.raises(ValueError, match="counts from 0"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": 0}, "workers must be in 1"),
        ({"threads_per_worker": 0}, "threads per worker must be in 1"),
        ({"retries": -1}, "retries must be at least 0"),
        ({"extension": "m/k"}, "letters and digits"),
        ({"suffix": "a/b"}, "holds no /"),
        ({"patterns": ("",)}, "must not be empty"),
        ({"scheduler": SchedulerSpec("local", workers=0)}, "local:N takes 1"),
        ({"scheduler": SchedulerSpec("none"), "workers": 2}, "none has one worker"),
        ({"scheduler": SchedulerSpec("local", workers=2), "workers": 3}, "different numbers"),
        ({"scheduler": SchedulerSpec("file", "a.json"), "workers": 3}, "for local clusters"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BatchSpec(**settings)  # type: ignore[arg-type]
