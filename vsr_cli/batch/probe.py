"""How a probe ends: after so many frames."""

from __future__ import annotations

from vsr_cli.pipeline.report import Listener


class EnoughError(Exception):
    """So many frames are done: no error, but the end of a probe."""


class StopAfter(Listener):
    """Ends a run when so many frames are complete."""

    def __init__(self, length: int) -> None:
        self.length, self.frames = length, 0

    def on_frame(self, number: int) -> None:
        if number > self.length:  # the writer holds one frame
            raise EnoughError
        self.frames = number
