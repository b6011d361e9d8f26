"""Frames of a source remembered at the borders of segments, to find their places again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media.segments.packets import FrameMark
from vsr_cli.media.segments.writer import SourceMarks
from vsr_cli.pipeline.segments.plan import Stretch

DIGEST_BYTES = 16


class MarkBook:
    """Remembers the frames of the source at the borders of segments, to find them again."""

    def __init__(self, length: int, context: int) -> None:
        """``length`` frames are a segment; the last ``context`` of them are remembered."""
        self._length, self._context = length, context
        self._marks: dict[int, FrameMark] = {}  # by the number of the frame

    def watch(self, frames: Iterator[Frame], first: int, stretch: Stretch) -> Iterator[Frame]:
        """Pass on the frames from number ``first``; what follows must begin as it did.

        Raises:
            InputError: it does not.
        """
        for number, frame in enumerate(frames, first):
            place = number % self._length
            if not place or place >= self._length - self._context:
                self._marks[number] = mark(frame)
            if stretch.head is not None and number == stretch.end_frame(self._length):
                check_mark(self._marks[number], stretch.head)
            yield frame

    def take(self, first: int, end: int) -> SourceMarks:
        """The marks of a segment from its first frame to before ``end``; forgets all before."""
        known = {
            number: self._marks.pop(number)
            for number in range(first - self._context, end)
            if number in self._marks
        }
        tail = (known[n] for n in range(max(first, end - self._context), end) if n in known)
        return SourceMarks(known[first], tuple(tail))


def mark(frame: Frame) -> FrameMark:
    """A frame's time, and a digest of its code values."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for plane in frame.planes:
        digest.update(plane.contiguous().numpy().data)
    return FrameMark(frame.pts, digest.hexdigest())


def check_mark(found: FrameMark, expected: FrameMark) -> None:
    """Refuse a frame that is not the one that it was.

    Raises:
        InputError: its time or its picture is another.
    """
    if found != expected:
        raise InputError(
            f"the frame at tick {found.pts} is not the one that was there before, at "
            f"{expected.pts}: decoding gives another result; remove the work folder to begin anew"
        )
