"""Matroska and WebM: where a file ends, and where it is broken.

References:
    RFC 9559, "Matroska" (2024).
"""

from __future__ import annotations

import zlib
from collections.abc import Generator
from fractions import Fraction

from vsr_cli.media.faults.ebml import Element, children, read_element, value_of, width_of
from vsr_cli.media.faults.walk import Ending, Gap, Walk, WalkEnd

_EBML, _SEGMENT, _CLUSTER, _VOID, _CRC = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xEC, 0xBF
_INFO, _TRACKS, _SCALE, _ENTRY, _NUMBER = 0x1549A966, 0x1654AE6B, 0x2AD7B1, 0xAE, 0xD7
# Seek head, cues, chapters, attachments, tags.
_MASTERS = frozenset({0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367})
_IN_SEGMENT = _MASTERS | {_INFO, _TRACKS, _CLUSTER}
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
# And position, size of the cluster before, silent tracks, encrypted block.
_IN_CLUSTER = frozenset(
    {_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _VOID, _CRC, 0xA7, 0xAB, 0x5854, 0xAF}
)
_GLOBAL = frozenset({_VOID, _CRC})
_BLOCK_HEADER = 12  # bytes: at most 8 for the track, then time and flags
_SCANNED = 1 << 16  # bytes at a time, in search of the next element of the segment
_HELD = 1 << 26  # bytes of one element that are read at once at most
_NANOSECONDS = 10**9

Part = Generator[tuple[int, int] | Gap, bytes, int]  # returns the position behind it


class MatroskaWalk:
    """The walk through a Matroska file.

    Not ``deep``, elements of known size are stepped over. The segment and its clusters may have an
    unknown one, in files that were written without seeking; then their children are walked. What
    ends exactly between two of these is as good as a shorter file.

    ``deep``, every block is stepped over by itself. What stands where an element must be and is
    none of those that belong there is a gap, as are a block of no track and a cluster that does not
    fit to its checksum. Clusters that end before ``first`` are stepped over.
    """

    def __init__(self, *, deep: bool, first: int = 0) -> None:
        self._is_deep = deep
        self._first = first
        self._tracks: frozenset[int] = frozenset()  # empty: not known
        self._scale = 1_000_000  # nanoseconds of a tick
        self._time: Fraction | None = None  # of the cluster

    def run(self) -> Walk:
        """The walk, from the first byte on."""
        try:
            return Ending((yield from self._file()))
        except WalkEnd as end:
            return Ending(end.at)

    def _file(self) -> Part:
        at = 0
        while True:
            element = yield from read_element(at)
            if element is None or element.name not in (_EBML, _SEGMENT, _VOID):
                return at  # no element: something was put behind the file
            if element.name == _SEGMENT and (self._is_deep or element.length is None):
                at = yield from self._segment(element)
            elif element.length is None:
                return at
            else:
                at = element.end

    def _segment(self, segment: Element) -> Part:
        end = None if segment.length is None else segment.end
        at = segment.start
        while end is None or at < end:
            element = yield from read_element(at, end=end)
            if element is not None and element.name in (_EBML, _SEGMENT):
                return at  # another file follows
            if element is not None and element.name == _CLUSTER:
                at = yield from self._cluster(element, end)
                continue
            known = element is not None and element.name in _IN_SEGMENT | _GLOBAL
            if element is None or element.length is None or (self._is_deep and not known):
                if not self._is_deep:
                    return at
                yield Gap(at, self._time)
                at = yield from _find_next(at + 1, end)
                continue
            if self._is_deep and element.name in (_INFO, _TRACKS):
                yield from self._note_header(element)
            at = element.end
        return at

    def _note_header(self, element: Element) -> Generator[tuple[int, int], bytes, None]:
        data = yield element.start, min(element.length or 0, _HELD)
        for name, value in children(data):
            if name == _SCALE:
                self._scale = int.from_bytes(value, "big")
            elif name == _ENTRY:
                numbers = {int.from_bytes(v, "big") for n, v in children(value) if n == _NUMBER}
                self._tracks |= numbers

    def _cluster(self, cluster: Element, segment_end: int | None) -> Part:
        end = None if cluster.length is None else cluster.end
        if end is not None and (not self._is_deep or end <= self._first):
            return end
        at, wanted, checksum = cluster.start, None, 0
        furthest = max(end or 0, segment_end or 0)
        while end is None or at < end:
            element = yield from read_element(at, end=furthest)
            if element is not None and end is None and _follows_cluster(element.name):
                return at
            if element is None or not self._belongs(element, end):
                if not self._is_deep:
                    raise WalkEnd(at)
                yield Gap(at, self._time)
                return (yield from _find_next(at + 1, segment_end))
            if wanted is not None:
                if element.end - at > _HELD:
                    wanted = None  # too much to hold
                else:
                    data = yield at, element.end - at
                    if len(data) < element.end - at:
                        raise WalkEnd(max(element.end, furthest))
                    checksum = zlib.crc32(data, checksum)
            elif element.name == _CRC and at == cluster.start:
                wanted = int.from_bytes((yield element.start, 4), "little")
            yield from self._check(element)
            at = element.end
        if wanted is not None and checksum != wanted:
            yield Gap(cluster.start, self._time, is_checksum=True)
        return at

    def _belongs(self, element: Element, end: int | None) -> bool:
        """True for what a cluster may hold, and that ends in it."""
        if element.length is None or (self._is_deep and element.name not in _IN_CLUSTER):
            return False
        return end is None or element.end <= end

    def _check(self, element: Element) -> Generator[tuple[int, int] | Gap, bytes, None]:
        """Look into a child of a cluster."""
        if not self._is_deep:
            return
        if element.name == _TIMESTAMP:
            ticks = int.from_bytes((yield element.start, min(element.length or 0, 8)), "big")
            self._time = Fraction(ticks * self._scale, _NANOSECONDS)
        elif element.name == _SIMPLE_BLOCK:
            yield from self._check_block(element)
        elif element.name == _BLOCK_GROUP:
            at, has_block = element.start, False
            while at < element.end:
                child = yield from read_element(at, end=element.end)
                if child is None or child.length is None or child.end > element.end:
                    yield Gap(at, self._time)
                    return
                if child.name == _BLOCK:
                    has_block = True
                    yield from self._check_block(child)
                at = child.end
            if not has_block:
                yield Gap(element.start, self._time)

    def _check_block(self, block: Element) -> Generator[tuple[int, int] | Gap, bytes, None]:
        data = yield block.start, min(block.length or 0, _BLOCK_HEADER)
        width = width_of(data[0], longest=8) if data else None
        track = None if width is None else value_of(data[:width])
        if width is None or len(data) < width or (self._tracks and track not in self._tracks):
            yield Gap(block.start, self._time)


def _follows_cluster(name: int) -> bool:
    return name in _IN_SEGMENT or name in (_EBML, _SEGMENT)


def _find_next(at: int, end: int | None) -> Part:
    """The position of the next element of the segment, looked for byte by byte.

    Raises:
        WalkEnd: there is none.
    """
    names = [name.to_bytes(4, "big") for name in _IN_SEGMENT]
    while True:
        data = yield at, _SCANNED
        found = [place for name in names if (place := data.find(name)) >= 0]
        if found:
            return at + min(found)
        if len(data) < _SCANNED:
            raise WalkEnd(max(at + len(data), end or 0))
        at += _SCANNED - 3
