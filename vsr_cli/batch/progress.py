"""What a part of a batch tells of how it goes on."""

from __future__ import annotations

from typing import Protocol

from vsr_cli.errors import VsrError
from vsr_cli.pipeline.report import Listener, Start


class StoppedError(VsrError):
    """Whoever wanted the job done wants it no more."""


class Progress(Protocol):
    """Is told how a part goes on; may raise ``StoppedError``."""

    def on_start(self, num_frames: int | None, frame_pixels: int) -> None:
        """The first frame comes next; ``num_frames`` is an estimate."""

    def on_frame(self, number: int) -> None:
        """So many frames of this part are written."""


class Relay(Listener):
    """Passes on what a batch shows of a run."""

    def __init__(self, progress: Progress, *, first: int = 0, tell_start: bool = True) -> None:
        """``first`` is the number of the part's first frame in the clip."""
        self._progress, self._first, self._tells_start = progress, first, tell_start

    def on_start(self, start: Start) -> None:
        if self._tells_start:
            self._progress.on_start(start.frames, start.frame_pixels)

    def on_frame(self, number: int) -> None:
        self._progress.on_frame(number - self._first)
