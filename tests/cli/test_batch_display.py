"""What vsr batch shows while it runs."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from vsr_cli.batch.attempts import Attempt, FileResult
from vsr_cli.batch.jobs import FileSettings, Job
from vsr_cli.batch.work import Outcome
from vsr_cli.cli import batch_display
from vsr_cli.cli.batch_display import BatchDisplay
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

SETTINGS = FileSettings(upscale=UpscaleSpec(), encoding=EncodingSpec(), decoding=DecodingSpec())


def attempt(index: int, name: str, number: int = 1) -> Attempt:
    job = Job(
        source=Path("/in") / name,
        target=Path("/out") / name,
        place=Path(name),
        settings=SETTINGS,
        overwrite=False,
        out_dir=Path("/out"),
        size_bytes=100,
    )
    return Attempt(index, job, number)


def result(made: Attempt, outcome: Outcome) -> FileResult:
    status = "failed" if outcome.error else "done"
    return FileResult(job=made.job, status=status, reason="new", attempts=1, outcome=outcome)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the display sees; change its one item to move it."""
    now = [100.0]
    monkeypatch.setattr(batch_display.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def display() -> BatchDisplay:
    """Two files are going to be computed."""
    shown = BatchDisplay(quiet=False)
    first, second = attempt(0, "a[b].mkv"), attempt(1, "b.mkv")
    planned = [FileResult(job=each.job, status="planned", reason="new") for each in (first, second)]
    shown.on_plan(planned, [])
    shown.on_sizes([100, 100])
    return shown


def view(display: BatchDisplay) -> list[str]:
    """The live view as text."""
    console = Console(width=120, record=True, file=StringIO())
    console.print(display._progress.get_renderable())
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_all_and_every_running_file_have_a_line(display: BatchDisplay, clock: list[float]) -> None:
    first, second = attempt(0, "a[b].mkv"), attempt(1, "b.mkv")
    display.on_start(first, 10, 1000)
    display.on_start(second, 10, 1000)
    clock[0] += 30
    display.on_frame(first, 5)
    everything, one, two = view(display)
    assert everything.startswith("all ")
    assert everything.endswith("0/2 files, 0:01:30 left")  # 5000 of 20000 pixels in 30 s
    assert one.startswith("a[b].mkv ")
    assert one.endswith("5/10")
    assert two.startswith("b.mkv")


def test_file_that_has_ended_leaves_the_view(
    display: BatchDisplay, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = attempt(0, "a[b].mkv"), attempt(1, "b.mkv")
    display.on_start(first, 10, 1000)
    clock[0] += 10
    outcome = Outcome(frames=10, seconds=10.0)
    display.on_end(first, outcome, result(first, outcome))
    (everything,) = view(display)
    assert everything.endswith("1/2 files, 0:00:10 left")
    broken = Outcome(error="disk full", may_retry=True)
    display.on_end(second, broken, None)
    display.on_end(second, broken, result(second, broken))
    assert view(display)[0].endswith("2/2 files, 1 failed")
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] a[b].mkv: 10 frames in 10.0 s",
        "[1/2] b.mkv: attempt 1 failed, another follows: disk full",
        "[2/2] b.mkv: failed: disk full",
    ]


def test_quiet_shows_notes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    display = BatchDisplay(quiet=True)
    display.on_plan([], [])
    display.on_sizes([100])
    made, outcome = attempt(0, "a.mkv"), Outcome(frames=1)
    display.on_end(made, outcome, result(made, outcome))
    display.on_note("the cluster has no workers yet")
    assert capsys.readouterr().err == "the cluster has no workers yet\n"
