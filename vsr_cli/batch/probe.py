"""Short runs over a file's first frames, which tell how long all of it would take."""

from __future__ import annotations

from dataclasses import dataclass

from vsr_cli.pipeline.report import Listener

# Frames of the two runs: the first one also warms up, and what both pay once cancels out.
SHORT_PROBE, LONG_PROBE = 8, 24


@dataclass(frozen=True, slots=True)
class Probe:
    """One run."""

    seconds: float
    frames: int  # fewer than were asked for, of a clip that has not more


def frames_per_second(short: Probe, long: Probe) -> float:
    """The rate of a long run without what every run pays once, as far as the two tell it."""
    if long.frames > short.frames and long.seconds > short.seconds:
        return (long.frames - short.frames) / (long.seconds - short.seconds)
    return long.frames / long.seconds


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
