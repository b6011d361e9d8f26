"""Long files in segments: made by several workers, and what is finished stays finished."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest

from vsr_cli.batch import steps, work
from vsr_cli.batch.attempts import JOIN, WHOLE, Attempts
from vsr_cli.batch.jobs import FileSettings, Job
from vsr_cli.batch.parts import Part, Split, measure, num_parts
from vsr_cli.batch.progress import StoppedError
from vsr_cli.batch.record import read_record
from vsr_cli.batch.work import Order, Outcome, run_order
from vsr_cli.errors import InputError
from vsr_cli.media.locks import try_lock
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
LENGTH = 20
UNEVEN = [3600 * tick + 900 * (tick % 3) for tick in range(110)]
TIMEOUT_S = 240


class Silent:
    """Keeps the numbers that a part tells."""

    def __init__(self) -> None:
        self.started: list[tuple[int | None, int]] = []
        self.frames: list[int] = []

    def on_start(self, num_frames: int | None, frame_pixels: int) -> None:
        self.started.append((num_frames, frame_pixels))

    def on_frame(self, number: int) -> None:
        self.frames.append(number)


def make_job(source: Path, out: Path, encoding: EncodingSpec, **changes: Any) -> Job:
    settings = FileSettings(
        upscale=UpscaleSpec(model="bicubic", device="cpu"),
        encoding=encoding,
        decoding=DecodingSpec(),
    )
    place = PurePath(source.with_suffix(".mkv").name)
    job = Job(
        source=source,
        target=out / place,
        place=place,
        settings=settings,
        overwrite=False,
        out_dir=out,
        size_bytes=source.stat().st_size,
        segment_frames=LENGTH,
    )
    return replace(job, **changes)


@pytest.fixture
def job(make_clip: Clip, tmp_path: Path) -> Job:
    """A clip of 110 frames at uneven times, which is six segments."""
    source = make_clip("long.mkv", pts=UNEVEN)
    return make_job(source, tmp_path / "out", EncodingSpec(codec="ffv1"))


def run(job: Job, part: Part, **changes: Any) -> Outcome:
    return run_order(Order(job=job, part=part, may_split=True, **changes), Silent())


def hashes(require_tool: Tool, path: Path) -> list[str]:
    command = [
        require_tool("ffmpeg"),
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0",
        "-f",
        "framemd5",
        "-",
    ]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line for line in answer.stdout.splitlines() if not line.startswith("#")]


def test_segments_made_in_any_order_are_the_frames_of_one_run(
    job: Job, require_tool: Tool, tmp_path: Path
) -> None:
    split = run(job, WHOLE).split
    assert split == Split(missing=(0, 1, 2, 3, 4, 5), frames=110)
    assert not job.target.exists()
    made = [run(job, Part("segment", number)) for number in (5, 2, 0, 4, 1, 3)]
    assert [outcome.error for outcome in made] == [""] * 6
    assert [outcome.frames for outcome in made] == [10, 20, 20, 20, 20, 20]
    joined = run(job, JOIN, seconds=2.5)
    assert (joined.error, joined.frames) == ("", 110)
    upscale_video(job.source, tmp_path / "plain.mkv", job.settings.upscale, job.settings.encoding)
    assert hashes(require_tool, job.target) == hashes(require_tool, tmp_path / "plain.mkv")
    assert [path.name for path in job.out_dir.iterdir() if path.name[0] == "."] == [".vsr-batch"]
    record = read_record(job.record)
    assert record is not None
    assert (record.state, record.frames) == ("done", 110)
    assert record.report is not None
    assert record.report["segments"] == 6
    assert record.report["seconds"] >= 2.5


def test_joining_again_after_a_worker_died_behind_it_does_no_harm(job: Job) -> None:
    run(job, WHOLE)
    for number in range(6):
        run(job, Part("segment", number))
    assert run(job, JOIN).frames == 110
    before = job.target.stat()
    assert run(job, JOIN).frames == 110
    assert job.target.stat().st_ino == before.st_ino


def test_damaged_segment_is_missing_when_they_are_joined(job: Job) -> None:
    run(job, WHOLE)
    for number in range(6):
        run(job, Part("segment", number))
    (segment,) = job.out_dir.rglob("000003.segment")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 255
    segment.write_bytes(data)
    assert run(job, JOIN).split == Split(missing=(3,), frames=LENGTH)
    assert run(job, Part("segment", 3)).frames == 20
    assert run(job, JOIN).frames == 110


def test_second_survey_finds_what_is_made(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    run(job, WHOLE)
    run(job, Part("segment", 4))
    monkeypatch.delattr(steps, "survey_source")  # the first one is still there
    assert run(job, WHOLE).split == Split(missing=(0, 1, 2, 3, 5), frames=90)


def test_segment_without_a_survey_and_of_a_changed_file_is_an_error(job: Job) -> None:
    lost = run(job, Part("segment", 1))
    assert "changed while it was read" in lost.error  # nothing is recorded of it
    run(job, WHOLE)
    with job.source.open("ab") as file:
        file.write(b"\0")
    changed = run(job, Part("segment", 1))
    assert "changed while it was read" in changed.error
    assert changed.may_retry
    run(job, WHOLE)
    for folder in job.out_dir.glob(".*.resume"):
        shutil.rmtree(folder)
    gone = run(job, Part("segment", 1))
    assert gone.error
    assert "Traceback" not in gone.error


def test_segment_that_sees_other_frames_is_refused(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(job, WHOLE)
    (path,) = job.out_dir.rglob("survey.json")
    survey = json.loads(path.read_text())
    survey["borders"][3]["head"]["digest"] = "0"
    path.write_text(json.dumps(survey))
    assert "is not the one that was there before" in run(job, Part("segment", 2)).error
    assert run(job, Part("segment", 1)).error == ""


def test_long_file_of_one_process_is_made_in_segments_too(job: Job) -> None:
    silent = Silent()
    outcome = run_order(Order(job=job, part=WHOLE), silent)
    assert (outcome.error, outcome.frames, outcome.split) == ("", 110, None)
    assert silent.started == [(110, 64 * 48)]
    record = read_record(job.record)
    assert record is not None
    assert record.report is not None
    assert record.report["segments"] == 6


@pytest.mark.parametrize(
    ("changes", "segments"),
    [({}, 6), ({"segment_frames": 60}, 1), ({"segment_frames": 0}, 1), ({"segment_frames": 50}, 3)],
)
def test_only_files_of_two_segments_or_more_are_split(
    job: Job, changes: dict[str, int], segments: int
) -> None:
    assert measure(replace(job, **changes)).segments == segments
    assert num_parts(replace(job, **changes)) == segments


def test_what_cannot_be_joined_is_made_in_one_go(job: Job) -> None:
    gif = replace(
        job,
        target=job.target.with_name("long.gif"),
        place=PurePath("long.gif"),
        settings=replace(job.settings, encoding=EncodingSpec()),
    )
    outcome = run(gif, WHOLE)
    assert (outcome.error, outcome.split, outcome.frames) == ("", None, 110)
    tolerant = replace(job.settings, decoding=DecodingSpec(tolerate=1))
    outcome = run(replace(job, settings=tolerant), WHOLE)
    assert (outcome.error, outcome.split) == ("", None)


def test_survey_of_a_bad_file_leaves_nothing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise InputError("it is broken")

    monkeypatch.setattr(steps, "survey_source", broken)
    outcome = run(job, WHOLE)
    assert (outcome.error, outcome.may_retry) == ("it is broken", False)
    assert [path.name for path in job.out_dir.rglob("*") if path.is_file()] == ["long.mkv.log"]


def fake_attempts(count: int, retries: int) -> Attempts:
    jobs = [(f"job {number}", "new") for number in range(count)]
    return Attempts(jobs, retries)  # type: ignore[arg-type]


def test_segments_come_before_other_files_and_are_joined_last() -> None:
    attempts = fake_attempts(2, retries=0)
    first = attempts.take()
    assert first is not None
    split = Split(missing=(0, 2), frames=5)
    assert attempts.finish(first, Outcome(split=split, seconds=1.0)) is None
    one, two = attempts.take(), attempts.take()
    assert one is not None
    assert two is not None
    assert (one.part, two.part) == (Part("segment", 0), Part("segment", 2))
    other = attempts.take()
    assert other is not None
    assert (other.index, other.part) == (1, WHOLE)
    assert attempts.take() is None
    assert attempts.finish(two, Outcome(frames=2, seconds=2.0, warnings=("w",))) is None
    assert attempts.finish(one, Outcome(frames=3, seconds=4.0, warnings=("w",))) is None
    join = attempts.take()
    assert join is not None
    assert (join.part, join.seconds) == (JOIN, 7.0)
    assert not attempts.is_over
    result = attempts.finish(join, Outcome(frames=5, seconds=0.5))
    assert result is not None
    assert (result.status, result.attempts) == ("done", 1)
    assert result.outcome == Outcome(frames=5, seconds=7.5, warnings=("w",))


def test_poisoned_segment_fails_its_file_alone() -> None:
    attempts = fake_attempts(2, retries=1)
    first = attempts.take()
    assert first is not None
    attempts.finish(first, Outcome(split=Split(missing=(0, 1, 2), frames=9)))
    died = Outcome(error="the worker died", may_retry=True, worker_died=True)
    poisoned, fine = attempts.take(), attempts.take()
    assert poisoned is not None
    assert fine is not None
    assert attempts.finish(poisoned, died) is None
    assert attempts.finish(fine, Outcome(frames=3)) is None
    order = []
    while (attempt := attempts.take()) is not None:
        order.append((attempt.index, str(attempt.part)))
        if attempt.part == poisoned.part:
            assert attempts.num_running == 1  # its last attempt is made while nothing else runs
            result = attempts.finish(attempt, died)
            assert result is not None
            assert result.status == "failed"
            assert result.outcome is not None
            assert result.outcome.error.startswith("segment 0: the worker died")
            assert "the other segments that are finished are kept" in result.outcome.error
        else:
            attempts.finish(attempt, Outcome(frames=3))
    assert order == [(0, "segment 2"), (1, "file"), (0, "segment 0")]
    assert attempts.is_over


def test_file_that_failed_gets_no_more_segments() -> None:
    attempts = fake_attempts(1, retries=0)
    first = attempts.take()
    assert first is not None
    attempts.finish(first, Outcome(split=Split(missing=(0, 1, 2), frames=9)))
    bad, late = attempts.take(), attempts.take()
    assert bad is not None
    assert late is not None
    assert attempts.finish(bad, Outcome(error="x")) is not None
    assert attempts.take() is None
    assert attempts.finish(late, Outcome(frames=3)) is None
    assert attempts.is_over
    assert len(attempts.results) == 1


def test_segments_that_are_lost_again_and_again_are_an_error() -> None:
    attempts = fake_attempts(1, retries=1)
    results = []
    attempt = attempts.take()
    for _ in range(20):
        if attempt is None:
            break
        lost = attempt.part.kind != "segment"
        split = Split(missing=(0,), frames=3) if lost else None
        results.append(attempts.finish(attempt, Outcome(split=split)))
        attempt = attempts.take()
    assert attempts.is_over
    assert results[-1] is not None
    assert results[-1].status == "failed"


class Batch:
    """``vsr batch`` in a process and a group of its own, with two workers and short segments."""

    def __init__(self, source: Path, out: Path, *options: str) -> None:
        self.out = out
        command = [sys.executable, "-m", "vsr_cli", "batch", str(source), str(out), "--json"]
        command += ["--model", "bicubic", "--codec", "ffv1", "--extension", "mkv"]
        command += ["--segment-frames", "100", "--workers", "2", *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def parts(self) -> list[tuple[int, int]]:
        """Segments in the making, and the processes that make them or died with them."""
        names = [path.name.split(".") for path in self.out.rglob("*.part")]
        return [(int(name[0]), int(name[-2])) for name in names if name[0].isdigit()]

    def wait_for_segment(self) -> tuple[int, int]:
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := self.parts()):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return found[0]

    def end(self) -> tuple[int, Any, str]:
        stdout, stderr = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, json.loads(stdout or "null"), stderr


@pytest.fixture
def folder(make_clip: Clip, tmp_path: Path) -> Path:
    """A folder with one long clip that has sound, and a short one."""
    pytest.importorskip("distributed")
    inputs = tmp_path / "in"
    inputs.mkdir()
    pts = [900 * tick for tick in range(1250)]
    make_clip("long.mkv", pts=pts, audio_start=0.0).rename(inputs / "long.mkv")
    make_clip("short.mkv").rename(inputs / "short.mkv")
    return inputs


def made_segments(out: Path, name: str = "long.mkv") -> Counter[int]:
    """How often each segment was made, by the file's log."""
    log = (out / ".vsr-batch" / f"{name}.log").read_text()
    return Counter(int(number) for number in re.findall(r"segment (\d+): \d+ frames", log))


@pytest.mark.slow
def test_workers_share_a_long_file_and_a_killed_one_loses_its_segment_alone(
    folder: Path, tmp_path: Path, require_tool: Tool
) -> None:
    batch = Batch(folder, tmp_path / "out")
    number, pid = batch.wait_for_segment()
    os.kill(pid, signal.SIGKILL)
    code, document, stderr = batch.end()
    assert code == 0, stderr
    assert {Path(f["output"]).name: f["attempts"] for f in document["files"]} == {
        "long.mkv": 2,
        "short.mkv": 1,
    }
    assert re.search(rf"long.mkv: attempt 1 at segment {number} failed, another", stderr)
    assert made_segments(tmp_path / "out") == Counter(range(13))
    plain = tmp_path / "plain.mkv"
    spec = UpscaleSpec(model="bicubic")
    upscale_video(folder / "long.mkv", plain, spec, EncodingSpec(codec="ffv1"))
    assert hashes(require_tool, tmp_path / "out" / "long.mkv") == hashes(require_tool, plain)
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(left) == [".vsr-batch", "long.mkv", "short.mkv"]


@pytest.mark.slow
def test_segment_that_kills_its_workers_fails_the_file_and_the_rest_is_kept(
    folder: Path, tmp_path: Path
) -> None:
    batch = Batch(folder, tmp_path / "out", "--retries", "1")
    killed: set[int] = set()
    while batch.process.poll() is None:
        for pid in {pid for number, pid in batch.parts() if number == 7} - killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.002)
    code, document, stderr = batch.end()
    assert code == 1, stderr
    (failed,) = [file for file in document["files"] if file["status"] == "failed"]
    assert re.search("segment 7: the worker died.*the other segments", failed["error"])
    made = made_segments(tmp_path / "out")
    assert 7 not in made
    code, document, stderr = Batch(folder, tmp_path / "out").end()
    assert code == 0, stderr
    assert document["counts"] == {"done": 1, "skipped": 1}
    again = made_segments(tmp_path / "out") - made
    assert made + again == Counter(range(13))
    assert 7 in again
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(left) == [".vsr-batch", "long.mkv", "short.mkv"]


def test_file_that_a_user_put_there_meanwhile_is_not_replaced(job: Job) -> None:
    run(job, WHOLE)
    for number in range(6):
        run(job, Part("segment", number))
    job.target.write_text("mine")
    outcome = run(job, JOIN)
    assert "exists" in outcome.error
    assert job.target.read_text() == "mine"
    job.target.unlink()
    assert run(job, JOIN).frames == 110


def test_attempt_that_wakes_late_leaves_the_record_of_another(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(job, segment_frames=0)
    upscale = steps.upscale_video

    def stalled(*arguments: Any, **options: Any) -> Any:
        """Another worker does the file while this one sleeps; then nobody waits for it any more."""
        monkeypatch.setattr(steps, "upscale_video", upscale)
        assert run(whole, WHOLE).frames == 110
        raise StoppedError("nobody waits for this any more")

    monkeypatch.setattr(steps, "upscale_video", stalled)
    with pytest.raises(StoppedError):
        run(whole, WHOLE)
    record = read_record(job.record)
    assert record is not None
    assert record.state == "done"


def test_work_that_another_has_is_waited_for(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    run(job, WHOLE)
    (folder,) = job.out_dir.glob(".*.resume")
    monkeypatch.setattr(work, "BUSY_POLL_S", 0.05)
    with (folder / "lock").open() as file:
        assert try_lock(file.fileno()) == "held"
        threading.Timer(0.4, file.close).start()
        assert run(job, Part("segment", 0)).frames == 20
    monkeypatch.setattr(work, "BUSY_S", 0.1)
    with (folder / "lock").open() as file:
        assert try_lock(file.fileno()) == "held"
        outcome = run(job, Part("segment", 1))
    assert "another run works on" in outcome.error
    assert outcome.may_retry


def test_failure_after_a_success_keeps_what_is_known_of_that(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_order(Order(job=job, part=WHOLE), Silent())

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(steps, "resume_video", full)
    assert run_order(Order(job=job, part=WHOLE), Silent()).may_retry
    record = read_record(job.record)
    assert record is not None
    assert record.state == "done"


def test_lost_segment_is_made_again_without_retries() -> None:
    attempts = fake_attempts(1, retries=0)
    first = attempts.take()
    assert first is not None
    attempts.finish(first, Outcome(split=Split(missing=(), frames=0)))
    join = attempts.take()
    assert join is not None
    assert attempts.finish(join, Outcome(split=Split(missing=(4,), frames=3))) is None
    segment = attempts.take()
    assert segment is not None
    assert segment.part == Part("segment", 4)
