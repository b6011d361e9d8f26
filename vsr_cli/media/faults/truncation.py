"""Tell from a file's structure that its end is missing, before anything of it is decoded.

Standard library only. A few bytes are read for each part of the file, not the parts themselves.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from vsr_cli.media.faults.endings import gif_end, matroska_end, y4m_end

# The boxes that stand on the top level of an ISO BMFF file (ISO/IEC 14496-12, QuickTime). What has
# another name is taken for something that was put behind the file, which is no fault.
_BOXES = frozenset(
    {"ftyp", "styp", "moov", "moof", "mdat", "mfra", "sidx", "ssix", "meta", "uuid", "free", "skip"}
    | {"wide", "pdin", "prft", "emsg", "pnot"}
)
_BOX_HEADER, _LARGE_HEADER = 8, 16  # bytes: size and name; and a size of 64 bits
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # bytes of a packet, and of what precedes its sync
_TS_SYNC = 0x47
_TS_PROBED = 5  # packets whose sync byte must be in its place
_RIFF_HEADER = 12


@dataclass(frozen=True, slots=True)
class Truncation:
    """The finding that a file ends before it is complete."""

    missing_bytes: int  # at least so many
    is_readable: bool = True  # False: what is missing is needed to read the rest

    def __str__(self) -> str:
        least = f"at least {self.missing_bytes} bytes of its end are missing"
        return least if self.is_readable else f"{least}, its index among them"


def find_truncation(path: Path) -> Truncation | None:
    """What is missing at the end of a file, as far as its structure tells; None: nothing.

    ISO BMFF (MP4, MOV, M4V), Matroska, WebM, AVI, MPEG-TS, GIF and YUV4MPEG2 are looked at. A file
    that was cut exactly between two packets of a transport stream, two fragments of an MP4, two
    frames of YUV4MPEG2 or two blocks of a Matroska file of unknown size is as good as a shorter
    one, and nobody can tell.
    """
    if not (path.is_file() and os.access(path, os.R_OK)):
        return None  # opening it says why
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_TS_PROBED * 204 + 4)
        if head[4:8].decode("latin-1") in _BOXES:
            return _check_boxes(file, size)
        if head.startswith(b"\x1a\x45\xdf\xa3"):
            return _from_end(matroska_end(file, size), size)
        if head.startswith((b"GIF87a", b"GIF89a")):
            return _from_end(gif_end(file, size), size)
        if head.startswith(b"YUV4MPEG2 "):
            return _from_end(y4m_end(file, size), size)
        if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
            return _check_riff(file, size)
        return _check_transport_stream(head, size)


def _check_boxes(file: BufferedReader, size: int) -> Truncation | None:
    """Walk the top-level boxes of an ISO BMFF file."""
    seen: list[str] = []
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(_LARGE_HEADER)
        name = header[4:8].decode("latin-1")
        if len(header) < _BOX_HEADER:
            # Of a file without fragments a few bytes behind the last box are no part.
            if "moof" not in seen and "moov" in seen:
                return None
            return Truncation(_BOX_HEADER - len(header), is_readable="moov" in seen)
        if name not in _BOXES:
            break
        seen.append(name)
        length = _box_length(header, size - at)
        if length is None:
            break
        if at + length > size:
            # The boxes before this one can be read, if the index is among them.
            return Truncation(at + length - size, is_readable="moov" in seen[:-1])
        at += length
    if "mdat" in seen and "moov" not in seen:
        return Truncation(_BOX_HEADER, is_readable=False)
    if seen[-1:] == ["moof"]:
        return Truncation(_BOX_HEADER)
    return None


def _box_length(header: bytes, remaining: int) -> int | None:
    """Bytes of a box with its header; None for a length that cannot be."""
    (length,) = struct.unpack(">I", header[:4])
    if length == 0:  # to the end of the file
        return remaining
    if length == 1:
        # Without its whole header the length is not known: at least one byte follows it.
        if len(header) < _LARGE_HEADER:
            return _LARGE_HEADER + 1
        (length,) = struct.unpack(">Q", header[8:16])
        return length if length >= _LARGE_HEADER else None
    return length if length >= _BOX_HEADER else None


def _check_riff(file: BufferedReader, size: int) -> Truncation | None:
    """Walk the RIFF chunks of an AVI file; a long one has several."""
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(_RIFF_HEADER)
        if not header.startswith(b"RIFF") or header[8:12] not in (b"AVI ", b"AVIX"):
            return None
        (length,) = struct.unpack("<I", header[4:8])
        if length == 0:  # written without seeking, or never completed
            return None
        at += 8 + length + length % 2
    return _from_end(at, size)


def _check_transport_stream(head: bytes, size: int) -> Truncation | None:
    for length, sync in _TS_PACKETS:
        marks = head[sync : length * _TS_PROBED : length]
        if len(marks) == _TS_PROBED and set(marks) == {_TS_SYNC}:
            rest = size % length
            return Truncation(length - rest) if rest else None
    return None


def _from_end(end: int, size: int) -> Truncation | None:
    return Truncation(end - size) if end > size else None
