"""What ``vsr batch`` shows on stderr while it runs: all files, and each that is being computed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from vsr_cli.batch.attempts import Attempt, FileResult
from vsr_cli.batch.estimate import PixelEstimate
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.work import Outcome

LONGEST_NAME = 40  # characters of a name in the live view
SHARE = 1000  # steps of the bar over all files


class BatchDisplay(BatchListener):
    """A live view on a terminal, a line for each file elsewhere; when ``quiet`` notes alone."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet, self._is_live = quiet, self._console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            console=self._console,
            disable=not self._is_live,
            transient=True,
        )
        self._estimate = PixelEstimate({})
        self._lines: dict[int, TaskID] = {}  # by the number of the job
        self._frames: dict[int, int | None] = {}
        self._all: TaskID | None = None
        self._num_files = self._num_ended = self._num_failed = 0

    def on_plan(self, planned: Sequence[FileResult], skipped: Sequence[FileResult]) -> None:
        """``skipped`` are all that are not computed."""
        self._num_files = len(planned)
        done = sum(result.status == "skipped" for result in skipped)
        if done and not self._quiet:
            self._say(f"{done} of {len(planned) + len(skipped)} files are done already")

    def on_sizes(self, sizes: Sequence[int]) -> None:
        """The bytes of the files by the numbers of their jobs."""
        self._estimate = PixelEstimate(dict(enumerate(sizes)))
        self._all = self._progress.add_task("all", total=SHARE, state="")
        self._show_all()

    def on_note(self, text: str) -> None:
        self._say(text)

    def on_dashboard(self, link: str) -> None:
        if not self._quiet:
            self._say(f"dashboard: {link}")

    def on_start(self, attempt: Attempt, num_frames: int | None, frame_pixels: int) -> None:
        index = attempt.index
        self._estimate.start(index, num_frames, frame_pixels, time.monotonic())
        self._frames[index] = num_frames
        name = str(attempt.job.place)
        shown = name if len(name) <= LONGEST_NAME else f"...{name[3 - LONGEST_NAME :]}"
        self._drop_line(index)
        self._lines[index] = self._progress.add_task(shown, total=num_frames, state="")

    def on_frame(self, attempt: Attempt, number: int) -> None:
        index = attempt.index
        self._estimate.advance(index, number)
        if index in self._lines:
            state = f"{number}/{self._frames.get(index) or '?'}"
            self._progress.update(self._lines[index], completed=number, state=state)
        self._show_all()

    def on_end(self, attempt: Attempt, outcome: Outcome, result: FileResult | None) -> None:
        if result is not None:
            self._drop_line(attempt.index)
            if not outcome.error:
                self._estimate.advance(attempt.index, outcome.frames)
            self._estimate.end(attempt.index)
            self._num_ended += 1
            self._num_failed += result.status == "failed"
        self._show_all()
        if not self._quiet and (result is not None or outcome.error):
            self._say(self._line(attempt, outcome, result))

    def _line(self, attempt: Attempt, outcome: Outcome, result: FileResult | None) -> str:
        head = f"[{self._num_ended}/{self._num_files}] {attempt.job.place}"
        if result is None:
            what = "" if attempt.part.kind == "file" else f" at {attempt.part}"
            return (
                f"{head}: attempt {attempt.number}{what} failed, another follows: {outcome.error}"
            )
        if outcome.error:
            return f"{head}: failed: {outcome.error}"
        whole = result.outcome or outcome
        return f"{head}: {whole.frames} frames in {whole.seconds:.1f} s"

    def _show_all(self) -> None:
        if self._all is None:
            return
        left = self._estimate.seconds_left(time.monotonic())
        state = f"{self._num_ended}/{self._num_files} files"
        if self._num_failed:
            state += f", {self._num_failed} failed"
        if left is not None and self._num_ended < self._num_files:
            state += f", {_clock(left)} left"
        done = SHARE * self._estimate.share_done()
        self._progress.update(self._all, completed=done, state=state)

    def _drop_line(self, index: int) -> None:
        if index in self._lines:
            self._progress.remove_task(self._lines.pop(index))

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
