"""How much of each file is written, by all who work at its segments."""

from __future__ import annotations

from vsr_cli.batch.attempts import Attempt
from vsr_cli.batch.parts import Part


class FramesWritten:
    """Frames of each file, in all of its segments."""

    def __init__(self) -> None:
        self._frames: dict[int, dict[Part, int]] = {}
        self._pixels: dict[int, int] = {}

    def start(self, attempt: Attempt, pixels: int | None = None) -> int:
        """A file begins anew; returns the pixels of one of its frames."""
        self._frames[attempt.index] = {}
        if pixels is not None:
            self._pixels[attempt.index] = pixels
        return self._pixels.get(attempt.index, 0)

    def add(self, attempt: Attempt, number: int) -> int:
        """So many are written of one part; returns those of the whole file."""
        parts = self._frames.setdefault(attempt.index, {})
        parts[attempt.part] = number
        return sum(parts.values())
