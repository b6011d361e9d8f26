"""GIF and YUV4MPEG2: where a file ends.

References:
    CompuServe, "Graphics Interchange Format, version 89a" (1990).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from vsr_cli.media.faults.walk import Ending, Gap, Walk

_GIF_HEADER, _GIF_DESCRIPTOR = 13, 9  # bytes: before the first block, and behind a comma
_Y4M_LINE = 256  # bytes; FFmpeg writes 80 at most
_Y4M_COLORS = re.compile(rb"(?P<layout>mono|4[0-4][0-4])(?P<kind>[a-z]*)(?P<bits>\d*)")
# Samples of both chroma planes for (width, height), as shifts of each.
_Y4M_SHIFTS: Mapping[bytes, tuple[int, int]] = MappingProxyType(
    {b"444": (0, 0), b"422": (1, 0), b"420": (1, 1), b"440": (0, 1), b"411": (2, 0)}
)


def walk_gif(*, deep: bool) -> Walk:
    """The walk through the blocks of a GIF, up to its trailer.

    ``deep``, what is no block before the trailer is a gap; it is where a reader ends.
    """
    header = yield 0, _GIF_HEADER
    if len(header) < _GIF_HEADER:
        return Ending(_GIF_HEADER)
    at = _GIF_HEADER + _color_table(header[10])
    while True:
        match (yield at, 1):
            case b"":
                return Ending(at + 1)
            case b";":
                return Ending(at + 1)
            case b",":
                descriptor = yield at + 1, _GIF_DESCRIPTOR
                if len(descriptor) < _GIF_DESCRIPTOR:
                    return Ending(at + 1 + _GIF_DESCRIPTOR)
                # And the size of the codes.
                at += 1 + _GIF_DESCRIPTOR + _color_table(descriptor[8]) + 1
            case b"!":
                at += 2  # and its label
            case b"\0" if deep:  # some writers put a terminator too much
                at += 1
                continue
            case _:
                if deep:
                    yield Gap(at)
                return None  # not what the standard says: no statement
        while length := (yield at, 1):
            at += 1 + length[0]
            if not length[0]:
                break


def _color_table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def walk_y4m() -> Walk:
    """The walk through the frames of YUV4MPEG2.

    A file that ends exactly between two frames is as good as a shorter one.
    """
    header = (yield 0, _Y4M_LINE).partition(b"\n")[0]
    length = _y4m_frame(header)
    if length is None:
        return None
    at = len(header) + 1
    while head := (yield at, _Y4M_LINE):
        line, end, _ = head.partition(b"\n")
        if not end:
            return Ending(at + len(line) + 1 + length)
        at += len(line) + 1 + length
    return Ending(at)


def _y4m_frame(header: bytes) -> int | None:
    """Bytes of a frame's samples; None for a header that is not understood."""
    fields = {part[:1]: part[1:] for part in header.split()[1:]}
    match = _Y4M_COLORS.match(fields.get(b"C", b"420"))
    if match is None or not fields.keys() >= {b"W", b"H"}:
        return None
    width, height = int(fields[b"W"]), int(fields[b"H"])
    samples = width * height * (2 if match["kind"] == b"alpha" else 1)
    if match["layout"] != b"mono":
        if match["layout"] not in _Y4M_SHIFTS:
            return None
        shift_x, shift_y = _Y4M_SHIFTS[match["layout"]]
        samples += 2 * (-(-width >> shift_x)) * (-(-height >> shift_y))
    # "420p10" and "mono10" have 10 bits, "420mpeg2" has 8.
    return samples * (2 if match["kind"] in (b"", b"p") and int(match["bits"] or 8) > 8 else 1)
