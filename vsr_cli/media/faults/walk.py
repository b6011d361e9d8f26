"""Follow the parts of a file by their headers, from a file or from a pipe.

A walk asks for a few bytes at a position, and for the next ones further on: what lies between is
skipped in a file, and passes by in a pipe. So one description of a format serves both.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedReader


@dataclass(frozen=True, slots=True)
class Truncation:
    """The finding that a file ends before it is complete."""

    missing_bytes: int  # at least so many
    is_readable: bool = True  # False: what is missing is needed to read the rest

    def __str__(self) -> str:
        least = f"at least {self.missing_bytes} bytes of its end are missing"
        return least if self.is_readable else f"{least}, its index among them"


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where the structure is broken: what follows it may be lost."""

    at: int  # position, in bytes
    time_s: Fraction | None = None  # what the structure says; None: nothing
    is_checksum: bool = False  # nothing is lost, but a checksum does not fit to its data


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a file ends by its own statement."""

    at: int  # position of the byte behind it
    is_readable: bool = True  # False: not without what is missing, if anything is
    multiple: int = 1  # its length is one of this

    def truncation(self, size: int) -> Truncation | None:
        """What is missing in a file of ``size`` bytes."""
        missing = self.at - size if self.at > size else -size % self.multiple
        return Truncation(missing, self.is_readable) if missing else None


# Asks for (position, number of bytes) and is sent them, fewer at the end of the file; no position
# is before the last one. Tells of gaps on the way, and where the file should have ended.
Walk = Generator[tuple[int, int] | Gap, bytes, Ending | None]


class WalkEnd(Exception):  # noqa: N818 - no error: it ends a walk from within its parts
    """The walk is over, at a position that may be beyond the end of the file."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Steps:
    """What a walk asks for, and what it found so far.

    Attributes:
        request: the position and the number of bytes that it waits for; None: it is over.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._gaps: list[Gap] = []
        self.ending: Ending | None = None
        self.request: tuple[int, int] | None = None
        self._advance(None)

    def take_gaps(self) -> list[Gap]:
        """The gaps that were found since the last call."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def reply(self, data: bytes) -> None:
        """Send what was asked for."""
        self._advance(data)

    def _advance(self, data: bytes | None) -> None:
        try:
            step = next(self._walk) if data is None else self._walk.send(data)
            while isinstance(step, Gap):
                self._gaps.append(step)
                step = next(self._walk)
        except StopIteration as stop:
            self.ending, self.request = stop.value, None
        else:
            self.request = step


class FileWalk(_Steps):
    """Walks through a file that can be sought, as far as it is told to."""

    def __init__(self, walk: Walk, file: BufferedReader) -> None:
        super().__init__(walk)
        self._file = file
        self._size = file.seek(0, os.SEEK_END)

    def advance(self, until: int | None = None) -> None:
        """Walk until something is asked for that lies at or behind a position; None: to the end."""
        while self.request is not None and (until is None or self.request[0] < until):
            at, length = self.request
            self._file.seek(min(at, self._size))
            self.reply(self._file.read(max(min(length, self._size - at), 0)))


class PipeWalk(_Steps):
    """Walks through bytes that pass by once."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk)
        self._kept = bytearray()  # from the last request on
        self._start = 0  # position of the first byte that is kept
        self.num_bytes = 0  # that have passed

    def feed(self, data: bytes) -> None:
        """The next bytes have passed."""
        self.num_bytes += len(data)
        if self.request is None:
            return
        self._forget(self.request[0])
        skipped = max(self.request[0] - (self.num_bytes - len(data)), 0)
        if not self._kept:
            self._start = self.num_bytes - len(data) + min(skipped, len(data))
        self._kept += data[skipped:]
        while self.request is not None and sum(self.request) <= self.num_bytes:
            self._answer(*self.request)

    def finish(self) -> Truncation | None:
        """There are no more bytes: what is missing?"""
        while self.request is not None:
            self._answer(*self.request)
        return None if self.ending is None else self.ending.truncation(self.num_bytes)

    def _answer(self, at: int, length: int) -> None:
        first = max(at - self._start, 0)
        self.reply(bytes(self._kept[first : first + length]))

    def _forget(self, before: int) -> None:
        num_past = min(max(before - self._start, 0), len(self._kept))
        del self._kept[:num_past]
        self._start += num_past
