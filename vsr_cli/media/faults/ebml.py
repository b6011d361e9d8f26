"""The elements of EBML, of which Matroska and WebM are made.

References:
    RFC 8794, "Extensible Binary Meta Language" (2020).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from vsr_cli.media.faults.walk import Gap, WalkEnd

_LONGEST_HEADER = 12  # bytes: an ID of up to 4 and a size of up to 8


@dataclass(frozen=True, slots=True)
class Element:
    """One element by its header."""

    name: int
    start: int  # position of what it holds
    length: int | None  # bytes that it holds; None: not known

    @property
    def end(self) -> int:
        """Position of the byte behind it; a ``ValueError`` where its length is not known."""
        if self.length is None:
            raise ValueError(f"element {self.name:#x} has no end")
        return self.start + self.length


def read_element(
    at: int, *, end: int | None = None
) -> Generator[tuple[int, int] | Gap, bytes, Element | None]:
    """The element at a position; None for what is none.

    ``end`` is where the one ends in which it lies, if that is known.

    Raises:
        WalkEnd: the file ends before its header does.
    """
    header = yield at, _LONGEST_HEADER
    if not header:
        raise WalkEnd(max(at, end or 0))
    id_length = width_of(header[0], longest=4)
    if id_length is None:
        return None
    if len(header) <= id_length:
        raise WalkEnd(max(at + id_length + 1, end or 0))
    size_length = width_of(header[id_length], longest=8)
    if size_length is None:
        return None
    start = id_length + size_length
    if len(header) < start:
        raise WalkEnd(max(at + start, end or 0))
    name = int.from_bytes(header[:id_length], "big")
    return Element(name, at + start, value_of(header[id_length:start]))


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The name and the value of each element in a row of them, as far as they are whole."""
    at = 0
    while at < len(data):
        id_length = width_of(data[at], longest=4)
        if id_length is None or at + id_length >= len(data):
            return
        size_length = width_of(data[at + id_length], longest=8)
        if size_length is None:
            return
        start = at + id_length + size_length
        length = value_of(data[at + id_length : start])
        if length is None:
            return
        yield int.from_bytes(data[at : at + id_length], "big"), data[start : start + length]
        at = start + length


def width_of(first: int, *, longest: int) -> int | None:
    """Bytes of a number of variable length, told by the leading zeros of its first byte."""
    width = 9 - first.bit_length()
    return width if width <= longest else None


def value_of(coded: bytes) -> int | None:
    """The size that is coded; None for the one that means unknown (all bits set)."""
    bits = 7 * len(coded)
    value = int.from_bytes(coded, "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
