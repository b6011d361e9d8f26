"""A batch on workers of Dask: real schedulers, real processes, and what their death costs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

pytest.importorskip("distributed")

Clip = Callable[..., Path]
PENDING = re.compile(r"\.(?P<name>.+)\.[^.]+\.(?P<pid>\d+)\.part\..+")
TIMEOUT_S = 240
LONG = [900 * tick for tick in range(1500)]  # pts of a clip that takes seconds


class Batch:
    """``vsr batch`` in a process and a group of its own."""

    def __init__(self, source: Path, out: Path, *options: str) -> None:
        self.out = out
        command = [sys.executable, "-m", "vsr_cli", "batch", str(source), str(out), "--json"]
        self.process = subprocess.Popen(
            [*command, "--model", "bicubic", "--codec", "ffv1", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def pending(self) -> dict[str, int]:
        """Outputs in the making, and the processes that make them."""
        matches = (PENDING.fullmatch(path.name) for path in self.out.rglob(".*.part.*"))
        return {match["name"]: int(match["pid"]) for match in matches if match}

    def wait_for(self, name: str) -> int:
        """The process that makes an output, once it has begun to."""
        deadline = time.monotonic() + TIMEOUT_S
        while (pid := self.pending().get(name)) is None:
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return pid

    def end(self) -> tuple[int, Any, str]:
        """Exit code, the document, and stderr."""
        stdout, stderr = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, json.loads(stdout or "null"), stderr


@pytest.fixture
def clips(make_clip: Clip, tmp_path: Path) -> Path:
    """A folder with a long clip and four short ones."""
    folder = tmp_path / "in"
    folder.mkdir()
    make_clip("long.mkv", pts=LONG).rename(folder / "long.mkv")
    for number in range(4):
        make_clip("x.mkv", size=(64, 16 + 16 * number)).rename(folder / f"ü{number}.mkv")
    return folder


def tries(document: Any) -> dict[str, tuple[str, int]]:
    return {Path(f["output"]).name: (f["status"], f["attempts"]) for f in document["files"]}


def frames_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(plane) for f in container.decode(video=0) for plane in f.planes]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part*")]


@pytest.mark.slow
def test_killed_worker_loses_only_its_file_and_that_is_tried_again(
    clips: Path, tmp_path: Path
) -> None:
    (clips / "bad.mkv").write_text("no clip")
    batch = Batch(clips, tmp_path / "out", "--scheduler", "local:2")
    killed = batch.wait_for("long.mkv")
    os.kill(killed, signal.SIGKILL)
    code, document, stderr = batch.end()
    assert code == 1, stderr
    short = {f"ü{number}.mkv": ("done", 1) for number in range(4)}
    assert tries(document) == {"bad.mkv": ("failed", 1), "long.mkv": ("done", 2), **short}
    assert document["workers"] == 2
    assert "long.mkv: attempt 1 failed, another follows: the worker died" in stderr
    assert "dashboard: http://127.0.0.1:" in stderr
    assert "Traceback" not in stderr
    assert leftovers(tmp_path / "out") == []
    workers = {file["worker"].partition(":")[2] for file in document["files"]}
    assert str(killed) not in workers
    plain = Batch(clips, tmp_path / "plain", "--scheduler", "none")
    assert plain.end()[0] == 1
    for name in ("long.mkv", "ü3.mkv"):
        assert frames_of(tmp_path / "out" / name) == frames_of(tmp_path / "plain" / name)


@pytest.mark.slow
def test_file_that_kills_every_worker_fails_alone(clips: Path, tmp_path: Path) -> None:
    batch = Batch(clips, tmp_path / "out", "--workers", "2", "--retries", "1")

    def poison() -> None:
        killed: set[int] = set()
        while batch.process.poll() is None:
            pid = batch.pending().get("long.mkv")
            if pid is not None and pid not in killed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.01)

    thread = threading.Thread(target=poison)
    thread.start()
    code, document, stderr = batch.end()
    thread.join()
    assert code == 1, stderr
    short = {f"ü{number}.mkv": ("done", 1) for number in range(4)}
    assert tries(document) == {"long.mkv": ("failed", 2), **short}
    (failed,) = [file for file in document["files"] if file["status"] == "failed"]
    assert "the worker died" in failed["error"]
    again = Batch(clips, tmp_path / "out", "--scheduler", "none")
    code, document, _ = again.end()
    assert code == 0
    assert document["counts"] == {"done": 1, "skipped": 4}
    assert leftovers(tmp_path / "out") == []


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["none", "local:2"])
def test_interrupt_keeps_what_is_finished_and_leaves_nothing_else(
    clips: Path, tmp_path: Path, scheduler: str
) -> None:
    out = tmp_path / "out"
    (clips / "ü1.mkv").rename(clips / "a.mkv")  # before the long one
    batch = Batch(clips, out, "--scheduler", scheduler)
    batch.wait_for("long.mkv")
    deadline = time.monotonic() + TIMEOUT_S
    while not (out / "a.mkv").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(batch.process.pid, signal.SIGINT)  # as a terminal does
    code, document, stderr = batch.end()
    assert (code, document) == (130, None)
    assert stderr.splitlines()[-1] == "Error: interrupted"
    assert "Traceback" not in stderr
    assert leftovers(out) == []
    assert not (out / "long.mkv").exists()
    code, document, _ = Batch(clips, out, "--scheduler", "none").end()
    assert code == 0
    assert document["counts"]["skipped"] >= 1
    assert tries(document)["long.mkv"] == ("done", 1)


@pytest.mark.slow
def test_death_of_the_command_ends_its_workers_and_the_next_call_goes_on(
    clips: Path, tmp_path: Path
) -> None:
    batch = Batch(clips, tmp_path / "out", "--scheduler", "local:2")
    worker = batch.wait_for("long.mkv")
    batch.process.kill()
    batch.process.communicate(timeout=TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(worker, 0)
            time.sleep(0.05)
    assert time.monotonic() < deadline
    code, document, _ = Batch(clips, tmp_path / "out", "--scheduler", "none").end()
    assert code == 0
    assert {*document["counts"]} <= {"done", "skipped"}
    assert leftovers(tmp_path / "out") == []


class Cluster:
    """A scheduler and two workers that run already, as on a cluster."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard")
        deadline = time.monotonic() + TIMEOUT_S
        while not self.file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        options = ("--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
        self.workers = [self._start("worker", *options) for _ in range(2)]

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file), *options]
        if what == "worker":
            command += ["--local-directory", str(self._folder)]
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    yield found
    found.end()


@pytest.mark.slow
def test_cluster_that_runs_already_and_the_loss_of_its_scheduler(
    clips: Path, tmp_path: Path, cluster: Cluster
) -> None:
    code, document, stderr = Batch(clips, tmp_path / "a", "--scheduler", str(cluster.file)).end()
    assert code == 0, stderr
    assert document["counts"] == {"done": 5}
    address = json.loads(cluster.file.read_text())["address"]
    batch = Batch(clips, tmp_path / "b", "--scheduler", address)
    batch.wait_for("long.mkv")
    while not [*(tmp_path / "b").glob("ü*.mkv")]:
        assert batch.process.poll() is None
        time.sleep(0.05)
    cluster.scheduler.kill()
    code, document, stderr = batch.end()
    assert (code, document) == (1, None)
    assert re.search("^Error: the scheduler .* what is finished is kept", stderr.splitlines()[-1])
    assert "Traceback" not in stderr
    cluster.end()
    code, document, _ = Batch(clips, tmp_path / "b", "--scheduler", "none").end()
    assert code == 0
    assert document["counts"]["skipped"] >= 1
    assert leftovers(tmp_path / "b") == []


@pytest.mark.slow
def test_scheduler_that_is_not_there_is_one_line(clips: Path, tmp_path: Path) -> None:
    batch = Batch(clips, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1")
    code, _, stderr = batch.end()
    assert code == 1
    (line,) = stderr.splitlines()
    assert line.startswith("Error: no scheduler answers at tcp://127.0.0.1:1")


def at_work(batch: Batch) -> list[int]:
    """The processes that make a file or a segment, or died with it."""
    pids = {*batch.pending().values()}
    for path in batch.out.rglob("*.part"):
        pids |= {int(word) for word in path.name.split(".")[-2:-1] if word.isdigit()}
    return sorted(pids)


def kill(batch: Batch, cluster: Cluster | None, victim: str, chance: random.Random) -> str:
    """End something at a random moment of the work; "-" if all was done before."""
    while not at_work(batch) and batch.process.poll() is None:
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        batch.process.wait(chance.uniform(0, 6))
    while batch.process.poll() is None:
        if victim == "client":
            batch.process.kill()
            return victim
        if victim == "scheduler" and cluster is not None:
            cluster.scheduler.kill()
            return victim
        for pid in at_work(batch):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return victim
        time.sleep(0.002)
    return "-"


@pytest.mark.soak
def test_twenty_rounds_of_kills_lose_nothing(clips: Path, make_clip: Clip, tmp_path: Path) -> None:
    """Workers, the command and the scheduler are killed at random moments; then all is completed.

    The table is logged: a row for each round, with what was killed in its two runs.
    """
    chance, table = random.Random(6), []
    make_clip("long.mkv", pts=LONG, size=(192, 128)).replace(clips / "long.mkv")
    options = ("--segment-frames", "100", "--extension", "mkv")
    plain = Batch(clips, tmp_path / "plain", "--scheduler", "none", "--segment-frames", "0")
    assert plain.end()[0] == 0
    expected = {path.name: frames_of(path) for path in (tmp_path / "plain").glob("*.mkv")}
    for number in range(20):
        out, killed = tmp_path / f"out{number}", []
        for _ in range(2):
            victim = ("worker", "client", "scheduler")[chance.randrange(3)]
            folder = tmp_path / f"cluster{number}{len(killed)}"
            folder.mkdir()
            cluster = Cluster(folder) if victim == "scheduler" else None
            where = str(cluster.file) if cluster else "local:2"
            batch = Batch(clips, out, "--scheduler", where, *options)
            killed.append(kill(batch, cluster, victim, chance))
            batch.process.communicate(timeout=TIMEOUT_S)
            if cluster:
                cluster.end()
        kept = len([*out.rglob("*.segment")]), len([*out.glob("*.mkv")])
        deadline = time.monotonic() + TIMEOUT_S
        while True:  # workers of a killed command end by themselves, and let go of their files
            code, document, stderr = Batch(clips, out, "--scheduler", "none", *options).end()
            if code == 0:
                break
            assert "another" in stderr, stderr
            assert time.monotonic() < deadline
        assert {*document["counts"]} <= {"done", "skipped"}
        assert {path.name: frames_of(path) for path in out.glob("*.mkv")} == expected
        assert leftovers(out) == []
        assert [*out.rglob("*.segment")] == []
        assert killed != ["-", "-"]
        table.append(f"{number:2} | {killed[0]:9} | {killed[1]:9} | {kept[0]:2} | {kept[1]}")
        shutil.rmtree(out)
    head = "round | killed | then | segments kept | files kept"
    logging.getLogger(__name__).info("\n%s\n%s", head, "\n".join(table))


@pytest.mark.soak
def test_three_hundred_clips_with_five_bad_ones(make_clip: Clip, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in range(300):
        place = folder / f"run {number % 7}" / f"{number:03}.mkv"
        place.parent.mkdir(parents=True, exist_ok=True)
        make_clip("x.mkv", size=(32 + 16 * (number % 3), 32)).rename(place)
    bad = [folder / "run 1" / f"bad{number}.mkv" for number in range(5)]
    whole = (folder / "run 0" / "000.mkv").read_bytes()
    for number, path in enumerate(bad):
        path.write_bytes(
            [b"", b"no clip", whole[:300], whole[: len(whole) // 2], bytes(999)][number]
        )
    code, document, stderr = Batch(folder, tmp_path / "out", "--scheduler", "local:2").end()
    assert code == 1, stderr
    assert document["counts"] == {"done": 300, "failed": 5}
    failed = {file["input"] for file in document["files"] if file["status"] == "failed"}
    assert failed == {str(path) for path in bad}
    for path in folder.rglob("[0-9]*.mkv"):
        assert len(frames_of(tmp_path / "out" / path.relative_to(folder))) == 3 * 5
    code, document, _ = Batch(folder, tmp_path / "out", "--scheduler", "none").end()
    assert (code, document["counts"]) == (1, {"failed": 5, "skipped": 300})
    logging.getLogger(__name__).info("300 clips in %s s", document["seconds"])
