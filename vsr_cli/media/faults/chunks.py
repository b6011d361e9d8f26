"""The chunks of AVI and the tags of FLV: where a file ends, and where it is broken.

References:
    Microsoft, "AVI RIFF File Reference"; OpenDML AVI M-JPEG File Format Subcommittee, "OpenDML AVI
    File Format Extensions" (1996).
    Adobe, "Video File Format Specification, version 10" (2008).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator

from vsr_cli.media.faults.walk import Ending, Gap, Walk, WalkEnd

_UNKNOWN = (0, 0xFFFFFFFF)  # sizes in files that were written without seeking
_HEADER, _LIST_HEADER = 8, 12  # bytes: name and size; and the type of a list
_IN_MOVI = re.compile(rb"\d\d[0-9A-Za-z]{2}|ix\d\d|JUNK|junk|LIST|idx1|RIFF")
_DATA = re.compile(rb"\d\d(?:db|dc|wb|tx|pc)")
_SCANNED = 1 << 16  # bytes at a time, in search of the next chunk or tag
_FLV_HEADER, _FLV_TAG, _FLV_BACK = 9, 11, 4  # bytes
# A tag: its kind (8 audio, 9 video, 18 script), size and time, and its stream, which is 0.
_FLV_START = re.compile(rb"[\x08\x09\x12].{7}\0{3}", re.DOTALL)

Part = Generator[tuple[int, int] | Gap, bytes, int]  # returns the position behind it


def walk_avi(*, deep: bool) -> Walk:
    """The walk through an AVI; a long one has several RIFF chunks.

    ``deep``, or where sizes are unknown, the chunks of the pictures are stepped over one by one.
    What is no chunk there is a gap. A file of unknown sizes that ends exactly between two chunks is
    as good as a shorter one.
    """
    try:
        at = 0
        while header := (yield at, _LIST_HEADER):
            if not header.startswith(b"RIFF") or header[8:12] not in (b"AVI ", b"AVIX"):
                return Ending(at)
            length = _size(header)
            if length is not None and not deep:
                at += _HEADER + length + length % 2
            else:
                at = yield from _riff(at, length, deep=deep)
    except WalkEnd as end:
        at = end.at
    return Ending(at)


def _riff(at: int, length: int | None, *, deep: bool) -> Part:
    """Walk the lists of a RIFF chunk."""
    end = None if length is None else at + _HEADER + length + length % 2
    at += _LIST_HEADER
    while end is None or at < end:
        header = yield at, _LIST_HEADER
        if not header:
            raise WalkEnd(max(at, end or 0))
        if len(header) < _HEADER:
            raise WalkEnd(max(at + _HEADER, end or 0))
        length = _size(header)
        if header.startswith(b"RIFF") and end is None:
            return at
        if header.startswith(b"LIST") and header[8:12] == b"movi":
            at = yield from _movi(at, length, riff_end=end, deep=deep)
        elif length is None:
            return end or at
        else:
            at += _HEADER + length + length % 2
    return end


def _movi(at: int, length: int | None, *, riff_end: int | None, deep: bool) -> Part:
    """Walk the chunks of pictures and sound; those in a list of their own count as well."""
    end = None if length is None else at + _HEADER + length + length % 2
    furthest = max(end or 0, riff_end or 0)
    if end is not None and not deep:
        return end
    at += _LIST_HEADER
    while end is None or at < end:
        header = yield at, _LIST_HEADER
        if not header:
            raise WalkEnd(max(at, furthest))
        if len(header) < _HEADER:
            raise WalkEnd(max(at + _HEADER, furthest))
        size = _size(header)
        is_chunk = _IN_MOVI.match(header) is not None and size is not None
        if is_chunk and end is None and header[:4] in (b"idx1", b"RIFF"):
            return at
        if header.startswith(b"LIST"):
            at += _LIST_HEADER
        elif size is None or not is_chunk or (end is not None and at + _HEADER + size > end):
            yield Gap(at)
            found = yield from _find(_DATA, at + 1)
            at = (end or furthest) if found is None or (end and found >= end) else found
            if found is None and end is None:
                raise WalkEnd(at)
        else:
            at += _HEADER + size
            # Some writers leave out the byte that makes it even.
            following = yield at, 1 + 4
            if size % 2 and not _IN_MOVI.match(following):
                at += 1
    return at


def _size(header: bytes) -> int | None:
    (size,) = struct.unpack("<I", header[4:8])
    return None if size == 0xFFFFFFFF or (size == 0 and header[:4] in (b"RIFF", b"LIST")) else size


def walk_flv() -> Walk:
    """The walk through the tags of an FLV; where one must be and is not, there is a gap.

    A file that ends exactly between two tags is as good as a shorter one.
    """
    header = yield 0, _FLV_HEADER
    if len(header) < _FLV_HEADER:
        return Ending(_FLV_HEADER)
    at = int.from_bytes(header[5:9], "big") + _FLV_BACK
    while header := (yield at, _FLV_TAG):
        if not _FLV_START.match(header) and len(header) == _FLV_TAG:
            yield Gap(at)
            found = yield from _find(_FLV_START, at + 1)
            if found is None:
                return None
            at = found
            continue
        if len(header) < _FLV_TAG:
            return Ending(at + _FLV_TAG)
        at += _FLV_TAG + int.from_bytes(header[1:4], "big") + _FLV_BACK
    return Ending(at)


def _find(
    pattern: re.Pattern[bytes], at: int
) -> Generator[tuple[int, int] | Gap, bytes, int | None]:
    """Where a pattern is found next; None: nowhere."""
    while True:
        data = yield at, _SCANNED
        if match := pattern.search(data):
            return at + match.start()
        if len(data) < _SCANNED:
            return None
        at += _SCANNED - _LIST_HEADER
