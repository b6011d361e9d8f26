"""The shape of pixels in Matroska and WebM files, which PyAV has no way to hand to the muxer.

FFmpeg takes it from a field of the stream that PyAV does not set, so FFV1 and VP9, whose own bits
say nothing of it, would lose it. Instead, the video's title is made longer than it is; when the
file is complete, the track's entry is written again in the same place, with the true title and the
display size in the room that this frees.

References:
    RFC 9559 (Matroska), sections 5.1.4.1.28.11 to 14; RFC 8794 (EBML).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.stream import Stream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo

_SEGMENT, _TRACKS, _TRACK_ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_TRACK_TYPE, _NAME, _VIDEO = 0x83, 0x536E, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_VOID, _CRC_32 = 0xEC, 0xBF
_IS_VIDEO = 1  # of TrackType
_IS_RATIO = 3  # of DisplayUnit: width and height are a display aspect ratio
_ROOM = 40  # bytes; three elements need at most 20
_HEADER_BYTES = 1 << 20  # the tracks come before the first picture


class _Element(NamedTuple):
    """One EBML element of a buffer."""

    id: int
    start: int  # of its ID
    body: int  # of its content
    end: int


class PixelShape:
    """The shape of a video's pixels, kept where the muxer would not hear of it."""

    def __init__(self, container: str, info: ClipInfo, *, size: tuple[int, int]) -> None:
        """``size`` is the width and height of the picture as encoded."""
        shape = info.sample_aspect_ratio
        self._is_kept = container in ("matroska", "webm") and shape not in (None, 1)
        self._aspect = (shape or 1) * Fraction(*size)
        self._title = ""

    def reserve(self, stream: Stream) -> None:
        """Make room in the track's entry; to be called before the header is written."""
        if self._is_kept:
            self._title = stream.metadata.get("title", "")
            stream.metadata["title"] = self._title + " " * _ROOM

    def write(self, path: Path) -> None:
        """Write the shape into the room for it, in a file that the muxer is done with.

        Raises:
            OutputError: the file has no such room; it is left as it was.
        """
        if self._is_kept:
            _write_aspect(path, self._aspect, self._title)


def _write_aspect(path: Path, aspect: Fraction, title: str) -> None:
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEADER_BYTES))
        tracks = _find_tracks(head)
        if tracks is None:
            raise OutputError(f"{path} has no room for the shape of its pixels; try an .mp4 file")
        for entry in _children(head, tracks):
            if entry.id == _TRACK_ENTRY and _is_video(head, entry):
                head[entry.body : entry.end] = _new_entry(head, entry, aspect, title)
                break
        _update_checksum(head, tracks)
        file.seek(tracks.start)
        file.write(head[tracks.start : tracks.end])


def _find_tracks(head: bytearray) -> _Element | None:
    top = _Element(0, 0, 0, len(head))
    segment = next((e for e in _children(head, top) if e.id == _SEGMENT), None)
    if segment is None:
        return None
    for element in _children(head, segment._replace(end=len(head))):
        if element.id == _TRACKS and element.end <= len(head):
            return element
        if element.id == _CLUSTER:
            break
    return None


def _is_video(head: bytearray, entry: _Element) -> bool:
    kinds = [e for e in _children(head, entry) if e.id == _TRACK_TYPE]
    return any(int.from_bytes(head[e.body : e.end], "big") == _IS_VIDEO for e in kinds)


def _new_entry(head: bytearray, entry: _Element, aspect: Fraction, title: str) -> bytes:
    """The content of a track's entry with the true title and the shape, as long as it was."""
    content = bytearray()
    for element in _children(head, entry):
        body = bytes(head[element.body : element.end])
        if element.id == _NAME:
            if title:
                content += _make(_NAME, title.encode())
        elif element.id == _VIDEO:
            shape = _make_number(_DISPLAY_WIDTH, aspect.numerator)
            shape += _make_number(_DISPLAY_HEIGHT, aspect.denominator)
            shape += _make_number(_DISPLAY_UNIT, _IS_RATIO)
            content += _make(_VIDEO, body + shape)
        else:
            content += head[element.start : element.end]
    rest = entry.end - entry.body - len(content)
    if rest < 2:
        raise OutputError(f"a track's entry has no room for the shape of its pixels ({aspect})")
    return bytes(content) + _make(_VOID, bytes(rest - 2))


def _update_checksum(head: bytearray, tracks: _Element) -> None:
    first = next(iter(_children(head, tracks)), None)
    if first is not None and first.id == _CRC_32:
        checksum = zlib.crc32(head[first.end : tracks.end])
        head[first.body : first.end] = checksum.to_bytes(4, "little")


def _children(head: bytearray, parent: _Element) -> Iterator[_Element]:
    """The elements directly inside another; of one that is cut off the end may lie outside."""
    position = parent.body
    while position < parent.end:
        id_length = 9 - head[position].bit_length()
        size_at = position + id_length
        if size_at >= len(head) or not head[size_at]:
            return
        size_length = 9 - head[size_at].bit_length()
        body = size_at + size_length
        size = int.from_bytes(head[size_at:body], "big") & ((1 << 7 * size_length) - 1)
        if size == (1 << 7 * size_length) - 1:  # unknown: to the end of what holds it
            size = parent.end - body
        element = _Element(
            int.from_bytes(head[position:size_at], "big"), position, body, body + size
        )
        yield element
        position = element.end


def _make(element: int, body: bytes) -> bytes:
    """An element with a size of one byte where that suffices, else of four."""
    size = bytes([0x80 | len(body)]) if len(body) < 127 else (0x10000000 | len(body)).to_bytes(4)
    return element.to_bytes((element.bit_length() + 7) // 8) + size + body


def _make_number(element: int, value: int) -> bytes:
    return _make(element, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))
