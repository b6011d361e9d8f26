"""Several devices for one batch: a worker for each, and jobs that name one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from vsr_cli.batch.devices import find_several, on_own_device
from vsr_cli.batch.inputs import find_inputs
from vsr_cli.batch.jobs import FileSettings, Job, ListedInput
from vsr_cli.batch.run import plan_batch, run_batch
from vsr_cli.specs import BatchSpec, DecodingSpec, EncodingSpec, SchedulerSpec, UpscaleSpec

Clip = Callable[..., Path]


def settings(device: str) -> FileSettings:
    upscale = UpscaleSpec(model="bicubic", device=device)
    return FileSettings(upscale=upscale, encoding=EncodingSpec(), decoding=DecodingSpec())


def job(device: str) -> Job:
    return Job(
        source=Path("/in/a.mp4"),
        target=Path("/out/a.mp4"),
        place=PurePath("a.mp4"),
        settings=settings(device),
        overwrite=False,
        out_dir=Path("/out"),
        size_bytes=1,
    )


@pytest.mark.parametrize(
    ("device", "pinned", "alone"),
    [
        ("cuda:2,cuda:3", "cuda", "cuda:2"),
        ("cuda:all", "cuda", "cuda"),
        ("cpu,cpu", "cpu", "cpu"),
    ],
)
def test_worker_has_a_job_for_one_device(device: str, pinned: str, alone: str) -> None:
    assert find_several([job(device), job(device)], BatchSpec()) == device
    assert on_own_device(job(device), is_pinned=True).settings.upscale.device == pinned
    own = on_own_device(job(device), is_pinned=False)
    assert own.settings.upscale.device == alone
    assert replace(own, settings=settings(device)) == job(device)


def test_jobs_that_name_one_device_are_left_alone() -> None:
    scheduler = SchedulerSpec.parse("tcp://node:8786")
    assert find_several([job("cpu"), job("cuda:1")], BatchSpec(scheduler=scheduler)) == ""
    with pytest.raises(ValueError, match=r"cpu,cpu\) are for workers of this machine"):
        find_several([job("cpu,cpu")], BatchSpec(scheduler=scheduler))
    with pytest.raises(ValueError, match="for all files of a batch, but one has auto"):
        find_several([job("cpu,cpu"), job("auto")], BatchSpec())


@pytest.fixture
def inputs(make_clip: Clip, tmp_path: Path) -> list[ListedInput]:
    """A clip of two segments of 10 frames, for two devices."""
    (tmp_path / "in").mkdir()
    make_clip("in/a.mkv", pts=[3600 * tick for tick in range(20)])
    found = find_inputs([tmp_path / "in"], tmp_path / "out", BatchSpec())
    return [ListedInput(file=file, settings=settings("cpu,cpu")) for file in found]


def test_plan_counts_a_worker_for_each(inputs: list[ListedInput], tmp_path: Path) -> None:
    plan = plan_batch(inputs, tmp_path / "out", BatchSpec(segment_frames=10))
    assert (plan.device, plan.workers, plan.failed) == ("cpu,cpu", 2, {})


@pytest.mark.slow
def test_each_device_has_its_worker(inputs: list[ListedInput], tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    spec = BatchSpec(segment_frames=10)
    report = run_batch(inputs, tmp_path / "out", spec)
    assert (report.workers, report.counts) == (2, {"done": 1})
    again = run_batch(inputs, tmp_path / "out", spec)
    assert again.counts == {"skipped": 1}
