"""Where a file says that it ends, by the headers of its parts: Matroska, GIF and YUV4MPEG2.

Each function gets a file of ``size`` bytes, and returns a position beyond that if it is cut off.

References:
    RFC 8794, "Extensible Binary Meta Language" (2020); RFC 9559, "Matroska" (2024).
    CompuServe, "Graphics Interchange Format, version 89a" (1990).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BufferedReader
from types import MappingProxyType

_EBML, _SEGMENT, _CLUSTER, _VOID = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xEC
_LONGEST_HEADER = 12  # bytes: an ID of up to 4 and a size of up to 8
_GIF_HEADER, _GIF_DESCRIPTOR = 13, 9  # bytes: before the first block, and behind a comma
_Y4M_LINE = 256  # bytes; FFmpeg writes 80 at most
_Y4M_COLORS = re.compile(rb"(?P<layout>mono|4[0-4][0-4])(?P<kind>[a-z]*)(?P<bits>\d*)")
# Samples of both chroma planes for (width, height), as shifts of each.
_Y4M_SHIFTS: Mapping[bytes, tuple[int, int]] = MappingProxyType(
    {b"444": (0, 0), b"422": (1, 0), b"420": (1, 1), b"440": (0, 1), b"411": (2, 0)}
)


def matroska_end(file: BufferedReader, size: int) -> int:
    """Where the last element ends.

    Elements of known size are stepped over. The segment and its clusters may have an unknown one,
    in files that were written without seeking; then their children are walked.
    """
    at, is_inside = 0, False  # inside of a segment of unknown size, to the end of the file
    while at < size:
        file.seek(at)
        header = file.read(_LONGEST_HEADER)
        id_length = _width(header[0], longest=4)
        if id_length is None:
            return at  # no element: something was put behind the file
        if len(header) <= id_length:
            return at + id_length + 1
        size_length = _width(header[id_length], longest=8)
        if size_length is None:
            return at
        start = at + id_length + size_length
        if len(header) < start - at:
            return start
        length = _value(header[id_length : start - at])
        name = int.from_bytes(header[:id_length], "big")
        if not is_inside and name not in (_EBML, _SEGMENT, _VOID):
            return at
        if length is not None:
            at = start + length
        elif name in (_SEGMENT, _CLUSTER):
            at, is_inside = start, True
        else:
            return at
    return at


def _width(first: int, *, longest: int) -> int | None:
    """Bytes of a number of variable length, told by the leading zeros of its first byte."""
    width = 9 - first.bit_length()
    return width if width <= longest else None


def _value(coded: bytes) -> int | None:
    """The size that is coded; None for the one that means unknown (all bits set)."""
    bits = 7 * len(coded)
    value = int.from_bytes(coded, "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value


def gif_end(file: BufferedReader, size: int) -> int:
    """Where the trailer ends; one byte beyond the file if there is none."""
    file.seek(0)
    header = file.read(_GIF_HEADER)
    if len(header) < _GIF_HEADER:
        return size + 1
    file.seek(_color_table(header[10]), 1)
    while True:
        match file.read(1):
            case b"":
                return size + 1
            case b";":
                return file.tell()
            case b",":
                descriptor = file.read(_GIF_DESCRIPTOR)
                if len(descriptor) < _GIF_DESCRIPTOR:
                    return size + 1
                file.seek(_color_table(descriptor[8]) + 1, 1)  # and the size of the codes
            case b"!":
                file.seek(1, 1)  # its label
            case _:
                return size  # not what the standard says: no statement
        while length := file.read(1):
            if length == b"\0":
                break
            file.seek(length[0], 1)


def _color_table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def y4m_end(file: BufferedReader, size: int) -> int:
    """Where the last frame ends."""
    file.seek(0)
    header = file.readline(_Y4M_LINE)
    length = _y4m_frame(header)
    at = len(header)
    while length is not None and at < size:
        file.seek(at)
        line = file.readline(_Y4M_LINE)
        if not line.endswith(b"\n"):
            return max(at + len(line), size) + length
        at += len(line) + length
    return at


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
