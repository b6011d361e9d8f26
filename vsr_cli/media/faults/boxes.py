"""The boxes of MP4 and QuickTime: where a file ends, and whether it can be read in one go.

References:
    ISO/IEC 14496-12, "ISO base media file format".
"""

from __future__ import annotations

import struct
from collections.abc import Generator

from vsr_cli.media.faults.walk import Ending, Gap, Walk

# The boxes that stand on the top level. What has another name is taken for something that was put
# behind the file, which is no fault.
BOXES = frozenset(
    {"ftyp", "styp", "moov", "moof", "mdat", "mfra", "sidx", "ssix", "meta", "uuid", "free", "skip"}
    | {"wide", "pdin", "prft", "emsg", "pnot"}
)
_HEADER, _LARGE_HEADER = 8, 16  # bytes: size and name; and a size of 64 bits
_SCANNED = 1 << 16  # bytes at a time, in search of the next fragment


def walk_boxes(*, deep: bool) -> Walk:
    """The walk through the boxes on the top level of a file.

    ``deep``, what stands between two fragments and is no box is a gap.
    """
    seen: list[str] = []
    at = 0
    while header := (yield at, _LARGE_HEADER):
        name = header[4:8].decode("latin-1")
        if len(header) < _HEADER:
            # Of a file without fragments a few bytes behind the last box are no part.
            if "moof" not in seen and "moov" in seen:
                return None
            return Ending(at + _HEADER, is_readable="moov" in seen)
        length = _length(header) if name in BOXES else None
        if length == 0:  # to the end of the file
            return None if "moov" in seen else Ending(at, is_readable=name == "moov")
        if length is None:
            fragment = (yield from _find_fragment(at + 1)) if deep and "moof" in seen else None
            if fragment is None:
                break
            yield Gap(at)
            at = fragment
            continue
        seen.append(name)
        at += length
    if "mdat" in seen and "moov" not in seen:
        return Ending(at + _HEADER, is_readable=False)
    if seen[-1:] == ["moof"]:
        return Ending(at + _HEADER)
    # The boxes before the last one can be read, if the index is among them.
    return Ending(at, is_readable="moov" in seen[:-1])


def pictures_end(head: bytes) -> int:
    """Where the pictures of an MP4 end that come before its index; 0: the index is first.

    ``head`` are the first bytes of a file. Without the index the pictures cannot be found.
    """
    at = 0
    while len(header := head[at : at + _LARGE_HEADER]) >= _HEADER:
        name, length = header[4:8].decode("latin-1"), _length(header)
        if name not in BOXES or name in ("moov", "moof") or not length:
            break
        at += length
        if name == "mdat" and length > _LARGE_HEADER:
            return at
    return 0


def _length(header: bytes) -> int | None:
    """Bytes of a box with its header; 0: all that there is, None: a length that cannot be."""
    (length,) = struct.unpack(">I", header[:4])
    if length == 1:
        # Without its whole header the length is not known: at least one byte follows it.
        if len(header) < _LARGE_HEADER:
            return _LARGE_HEADER + 1
        (length,) = struct.unpack(">Q", header[8:16])
        return length if length >= _LARGE_HEADER else None
    return length if length >= _HEADER or length == 0 else None


def _find_fragment(at: int) -> Generator[tuple[int, int] | Gap, bytes, int | None]:
    """Where the next fragment begins, looked for byte by byte; None: there is none."""
    while True:
        data = yield at, _SCANNED
        found = data.find(b"moof", 4)
        if found >= 0:
            return at + found - 4
        if len(data) < _SCANNED:
            return None
        at += _SCANNED - 7
