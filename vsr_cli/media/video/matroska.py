"""What PyAV has no way to hand to FFmpeg's muxer of Matroska and WebM files.

That is the shape of pixels, of which the bits of FFV1 and VP9 say nothing, and how much of the
start of copied audio is not to be heard. FFmpeg takes both from fields of a stream that PyAV does
not set. Instead, the title of such a track is made longer than it is; when the file is complete,
the track's entry is written again in the same place, with the true title and what was missing in
the room that this frees.

References:
    RFC 9559 (Matroska), sections 5.1.4.1.25 and 5.1.4.1.28.11 to 14; RFC 8794 (EBML).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.stream import Stream
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo
from vsr_cli.media.target import MATROSKA

_SEGMENT, _TRACKS, _TRACK_ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_NAME, _VIDEO, _CODEC_DELAY = 0x536E, 0xE0, 0x56AA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_VOID, _CRC_32 = 0xEC, 0xBF
_IS_RATIO = 3  # of DisplayUnit: width and height are a display aspect ratio
_PADDING = " " * 40  # of the title: bytes; what is written instead needs at most 20
_NANOSECONDS = 1_000_000_000  # of a codec delay, in a second
_HEADER_BYTES = 1 << 20  # the tracks come before the first picture


class _Element(NamedTuple):
    """One EBML element of a buffer."""

    id: int
    start: int  # of its ID
    body: int  # of its content
    end: int


@dataclass(slots=True)
class _Track:
    """What is written into one track's entry."""

    title: str
    aspect: Fraction | None  # of the picture as it is shown, width to height
    delay_s: Fraction | None = None


class TrackEntries:
    """The entries of tracks that are completed when the file is."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}  # by the index of the stream

    def reserve(self, stream: Stream, *, aspect: Fraction | None = None) -> None:
        """Make room in a stream's entry; to be called before the header is written."""
        title = stream.metadata.get("title", "")
        self._tracks[stream.index] = _Track(title, aspect)
        stream.metadata["title"] = title + _PADDING

    def reserve_shape(self, stream: VideoStream, container: str, info: ClipInfo) -> None:
        """Make room for the shape of the pixels where the muxer would not hear of it."""
        shape = info.sample_aspect_ratio
        if container in MATROSKA and shape is not None and shape != 1:
            self.reserve(stream, aspect=shape * Fraction(stream.width, stream.height))

    def set_delay(self, stream: Stream, seconds: Fraction) -> None:
        """Say how much of the start of a stream with room is not to be heard."""
        self._tracks[stream.index].delay_s = seconds

    def write(self, path: Path) -> None:
        """Complete the entries of a complete file.

        Raises:
            OutputError: the file has no such room; it is left as it was.
        """
        if not self._tracks:
            return
        with path.open("r+b") as file:
            head = bytearray(file.read(_HEADER_BYTES))
            place = _find_tracks(head)
            entries = [] if place is None else _padded_entries(head, place)
            if place is None or len(entries) != len(self._tracks):
                raise OutputError(f"{path} has no room in its tracks' entries; try an .mp4 file")
            for entry, (_, track) in zip(entries, sorted(self._tracks.items()), strict=True):
                head[entry.body : entry.end] = _new_entry(head, entry, track)
            _update_checksum(head, place)
            file.seek(place.start)
            file.write(head[place.start : place.end])


def _padded_entries(head: bytearray, tracks: _Element) -> list[_Element]:
    """The entries with room, in the order of their streams."""
    padding = _PADDING.encode()
    return [
        entry
        for entry in _children(head, tracks)
        if entry.id == _TRACK_ENTRY
        and any(
            element.id == _NAME and head[element.body : element.end].endswith(padding)
            for element in _children(head, entry)
        )
    ]


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


def _new_entry(head: bytearray, entry: _Element, track: _Track) -> bytes:
    """The content of a track's entry with all that is to be said, as long as it was."""
    content = bytearray()
    for element in _children(head, entry):
        body = bytes(head[element.body : element.end])
        if element.id == _NAME:
            if track.title:
                content += _make(_NAME, track.title.encode())
        elif element.id == _VIDEO and track.aspect is not None:
            shape = _make_number(_DISPLAY_WIDTH, track.aspect.numerator)
            shape += _make_number(_DISPLAY_HEIGHT, track.aspect.denominator)
            shape += _make_number(_DISPLAY_UNIT, _IS_RATIO)
            content += _make(_VIDEO, body + shape)
        elif element.id != _CODEC_DELAY or track.delay_s is None:
            content += head[element.start : element.end]
    if track.delay_s is not None:
        content += _make_number(_CODEC_DELAY, round(track.delay_s * _NANOSECONDS))
    rest = entry.end - entry.body - len(content)
    if rest < 2:
        raise OutputError(f"the entry of track {track.title!r} has no room; try an .mp4 file")
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
