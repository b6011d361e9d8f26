"""Workers of this machine: how many, with what, and that each loads the networks once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_cli.batch import local
from vsr_cli.batch.attempts import Attempts
from vsr_cli.batch.cluster import run_on_cluster
from vsr_cli.batch.inputs import find_inputs
from vsr_cli.batch.jobs import FileSettings, ListedInput, make_jobs
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.local import Crew, choose_crew, local_cluster, visible_gpus
from vsr_cli.pipeline import loaded
from vsr_cli.specs import BatchSpec, DecodingSpec, EncodingSpec, SchedulerSpec, UpscaleSpec

Clip = Callable[..., Path]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Makes this machine one with so many cores and GPUs."""

    def make(cores: int, gpus: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
        monkeypatch.setattr(local, "num_gpus", lambda: gpus)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return make


@pytest.mark.parametrize(
    ("cores", "gpus", "spec", "device", "num_jobs", "expected"),
    [
        (16, 0, BatchSpec(), "auto", 99, Crew(4, 4)),
        (2, 0, BatchSpec(), "auto", 99, Crew(1, 2)),
        (16, 0, BatchSpec(), "auto", 2, Crew(2, 8)),
        (16, 0, BatchSpec(threads_per_worker=2), "cpu", 99, Crew(8, 2)),
        (16, 0, BatchSpec(workers=3), "auto", 99, Crew(3, 5)),
        (2, 0, BatchSpec(workers=4), "auto", 99, Crew(4, 1)),
        (4, 0, BatchSpec(scheduler=SchedulerSpec("local", workers=2)), "auto", 9, Crew(2, 2)),
        (16, 4, BatchSpec(), "auto", 99, Crew(4, 4, ("0", "1", "2", "3"))),
        (16, 1, BatchSpec(), "cuda", 99, Crew(1, 16, ("0",))),
        (16, 2, BatchSpec(workers=4), "cuda", 99, Crew(4, 4, ("0", "1"))),
        (16, 2, BatchSpec(), "cuda:1", 99, Crew(1, 16)),
        (16, 2, BatchSpec(), "cpu", 99, Crew(4, 4)),
        (16, 4, BatchSpec(), "cuda:3,cuda", 99, Crew(2, 8, ("3", "0"))),
        (16, 4, BatchSpec(workers=4), "cuda:1,cuda:2", 99, Crew(4, 4, ("1", "2"))),
        (16, 2, BatchSpec(), "cuda:all", 99, Crew(2, 8, ("0", "1"))),
        (16, 2, BatchSpec(), "cpu,cpu", 99, Crew(2, 8)),
        (16, 2, BatchSpec(), "cpu,cpu", 1, Crew(1, 16)),
    ],
)
def test_workers_by_what_there_is(
    machine: Callable[[int, int], None],
    cores: int,
    gpus: int,
    spec: BatchSpec,
    device: str,
    num_jobs: int,
    expected: Crew,
) -> None:
    machine(cores, gpus)
    assert choose_crew(spec, device, num_jobs) == expected


@pytest.mark.parametrize(
    ("variable", "count", "expected"),
    [
        (None, 2, ("0", "1")),
        ("2,3", 2, ("2", "3")),
        ("GPU-8f1a, GPU-77b0", 2, ("GPU-8f1a", "GPU-77b0")),
        ("3,1,2", 2, ("3", "1")),
        ("", 0, ()),
        ("0,1", 0, ()),
    ],
)
def test_gpus_have_the_names_that_the_system_gave(
    variable: str | None, count: int, expected: tuple[str, ...]
) -> None:
    environment = {} if variable is None else {"CUDA_VISIBLE_DEVICES": variable}
    assert visible_gpus(environment, count) == expected


def test_every_worker_has_its_gpu() -> None:
    crew = Crew(5, 2, ("4", "7"))
    pinned = [crew.environment(number)["CUDA_VISIBLE_DEVICES"] for number in range(5)]
    assert pinned == ["4", "7", "4", "7", "4"]
    assert "CUDA_VISIBLE_DEVICES" not in Crew(2, 2).environment(0)


def _loads() -> tuple[int, int]:
    """On a worker: how often networks were read, and how often they were there already."""
    found = loaded._load.cache_info()
    return found.misses, found.hits


def _environment() -> tuple[str | None, str | None]:
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("OMP_NUM_THREADS")


@pytest.mark.slow
def test_workers_are_pinned_and_load_networks_once(
    make_clip: Clip, tmp_path: Path, random_weights: tuple[Path, Path]
) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "in").mkdir()
    for number in range(6):
        make_clip("x.mkv").rename(tmp_path / "in" / f"{number}.mkv")
    settings = FileSettings(
        upscale=UpscaleSpec(model="2d3d", weights=random_weights, device="cpu"),
        encoding=EncodingSpec(),
        decoding=DecodingSpec(),
    )
    spec, out = BatchSpec(), tmp_path / "out"
    found = find_inputs([tmp_path / "in"], out, spec)
    jobs = make_jobs([ListedInput(file=f, settings=settings) for f in found], out, spec)
    attempts = Attempts([(job, "new") for job in jobs], retries=0)
    with local_cluster(Crew(2, 1, ("5", "9"))) as client:
        run_on_cluster(client, attempts, BatchListener(), threads=1)
        environments = client.run(_environment)
        loads = client.run(_loads)
    assert sorted(environments.values()) == [("5", "1"), ("9", "1")]
    assert [result.status for result in attempts.results] == ["done"] * 6
    used = [(misses, hits) for misses, hits in loads.values() if misses]
    assert {misses for misses, _ in used} == {1}
    assert sum(misses + hits for misses, hits in used) == 6
