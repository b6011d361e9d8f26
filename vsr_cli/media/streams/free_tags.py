"""Tags with names of their own in MP4 and QuickTime files, beside those of the fixed list.

FFmpeg's muxer writes either the fixed list, which players show and which holds the cover, or free
names. A file may have both, as those of telephones do: the free ones are appended when it is
complete.

References:
    Apple, QuickTime File Format, "Metadata" (handler ``mdta``, atoms ``keys`` and ``ilst``);
    ISO/IEC 14496-12, 8.11.1 (the box ``meta``, which has a version there, and none in QuickTime).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import BinaryIO

from vsr_cli.errors import OutputError

_HEADER = struct.Struct(">I4s")  # size and type of a box
_LARGE = struct.Struct(">Q")  # a size that follows where the first one is 1
_UTF8 = 1  # the type of a value


def append_free_tags(file: BinaryIO, tags: Mapping[str, str], container: str) -> None:
    """Append tags to a complete file that is open for reading and writing.

    Raises:
        OutputError: its index is not at its end, or too large.
    """
    place, size = _last_box(file)
    box = _make_tags(tags, container)
    if size + len(box) >= 1 << 32:
        raise OutputError("the index of the file has no room for tags; try an .mkv file")
    file.seek(0, os.SEEK_END)
    file.write(box)
    file.seek(place)
    file.write(_HEADER.pack(size + len(box), b"moov"))


def _last_box(file: BinaryIO) -> tuple[int, int]:
    """Place and size of the index, which FFmpeg writes last."""
    end, place, size, kind = file.seek(0, os.SEEK_END), 0, 0, b""
    while place + size < end:
        place += size
        file.seek(place)
        size, kind = _HEADER.unpack(file.read(_HEADER.size))
        if size == 1:
            (size,) = _LARGE.unpack(file.read(_LARGE.size))
        if size < _HEADER.size:
            break
    if kind != b"moov" or place + size != end:
        raise OutputError("the file does not end with its index: tags have no place; try .mkv")
    return place, size


def _make_tags(tags: Mapping[str, str], container: str) -> bytes:
    keys = b"".join(_make(b"mdta", name.encode()) for name in tags)
    values = b"".join(
        _make(struct.pack(">I", number), _make(b"data", struct.pack(">II", _UTF8, 0) + text))
        for number, text in enumerate((value.encode() for value in tags.values()), start=1)
    )
    handler = struct.pack(">8x4s13x", b"mdta")
    body = _make(b"hdlr", handler) + _make(b"keys", struct.pack(">4xI", len(tags)) + keys)
    version = b"" if container == "mov" else bytes(4)
    return _make(b"meta", version + body + _make(b"ilst", values))


def _make(kind: bytes, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind) + body
