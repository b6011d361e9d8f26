"""Text subtitles in another format: read at once, laid out in time, written as the film goes on.

The events of a whole film are a few hundred kilobytes of text. They are read before the first
frame, so that what a conversion loses is known by then.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from vsr_cli.errors import InputError
from vsr_cli.media.containers import open_container

# The text format of each container: FFmpeg's encoder.
TEXT_CODECS: Mapping[str, str] = MappingProxyType(
    {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
)
# Override tags that are found again after encoding and decoding, measured for each of them.
_KEPT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "mov_text": frozenset({"b", "i", "u", "c", "1c", "1a", "fs"}),
        "subrip": frozenset({"b", "i", "u", "s", "c", "1c", "fn", "fs", "an"}),
        "webvtt": frozenset({"b", "i", "u"}),
    }
)
_LOST_NAMES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("an", "a", "pos", "move", "org"), "positions"),
        **dict.fromkeys(("c", "1c", "2c", "3c", "4c", "1a", "alpha"), "colours"),
        **dict.fromkeys(("fn", "fs"), "fonts"),
        "s": "strike-through",
    }
)
_BLOCK = re.compile(r"\{([^}]*\\[^}]*)\}")
_TAG = re.compile(r"\\([1-4]?(?:fn|[a-z]+))")
_PRIMARY_COLOR = re.compile(r"\\c(?=&)")
_MS = Fraction(1, 1000)
_NUM_FIELDS = 9  # of a line of ASS; the last one is the text
_LAST_MS = 5000  # shown so long if neither the file nor a next event says


@dataclass(frozen=True, slots=True)
class SubtitleEvent:
    """One text and when it is shown, in milliseconds of the source's timeline."""

    start_ms: int
    end_ms: int
    line: str  # as FFmpeg decodes it: the fields of ASS, the text last

    @property
    def text(self) -> str:
        return self.line.split(",", _NUM_FIELDS - 1)[-1]

    def with_text(self, text: str) -> SubtitleEvent:
        fields = self.line.split(",", _NUM_FIELDS - 1)
        return replace(self, line=",".join([*fields[:-1], text]))


class TextTrack:
    """The events of one text stream on their way into another text format.

    Attributes:
        codec: FFmpeg's name of the new format.
        lost: what the new format cannot say of them, in words.
    """

    def __init__(self, path: Path, index: int, codec: str, *, zero_s: Fraction) -> None:
        self.codec = codec
        self._header: bytes | None = None
        self._events, has_settings, damaged = self._read(path, index, zero_s)
        self.lost = _losses(self._events, codec)
        if has_settings:
            self.lost.append("positions")
        if self._style_sheet:
            self.lost.append("its style sheet")
        if damaged:
            self.lost.append(f"damaged events ({damaged})")
        self.lost = sorted(set(self.lost))
        self._ready: deque[SubtitleEvent] = deque()
        self._target: SubtitleStream | None = None

    def add_to(self, output: OutputContainer) -> SubtitleStream:
        """Add the new stream to the output."""
        stream = output.add_stream(self.codec)
        if not isinstance(stream, SubtitleStream):
            raise ValueError(f"codec {self.codec} is no subtitle encoder")
        stream.codec_context.time_base = _MS
        stream.codec_context.subtitle_header = self._header
        self._target = stream
        return stream

    def start(self, *, first_s: Fraction | None, last_s: Fraction | None) -> None:
        """Lay the events out; of a cut, those that are shown within it, and moved with it."""
        first = round((first_s or 0) / _MS)
        last = None if last_s is None else round(last_s / _MS)
        events = [
            replace(
                event,
                start_ms=max(event.start_ms, first) - first,
                end_ms=(event.end_ms if last is None else min(event.end_ms, last)) - first,
            )
            for event in self._events
        ]
        events = [event for event in events if event.start_ms < event.end_ms]
        if self.codec == "mov_text":
            events = [_normalised(event) for event in without_overlap(events)]
        self._ready.extend(events)
        self._events = []

    def due(self, time_s: Fraction | None) -> Iterator[Packet[Stream]]:
        """Packets of what begins before a time of the output; None: all that remain."""
        while self._ready and (time_s is None or self._ready[0].start_ms * _MS < time_s):
            yield self._encode(self._ready.popleft())

    def _encode(self, event: SubtitleEvent) -> Packet[Stream]:
        if self._target is None:
            raise ValueError("the track must be added to an output first")
        duration = event.end_ms - event.start_ms
        shown = SubtitleSet.create(event.line.encode(), 0, duration, event.start_ms)
        packet = self._target.codec_context.encode_subtitle(shown)
        packet.time_base = _MS
        packet.pts = packet.dts = event.start_ms
        packet.duration = duration
        packet.stream = self._target
        return packet

    @property
    def _style_sheet(self) -> bool:
        """True if the styles are the author's; FFmpeg gives other formats its own."""
        return bool(self._header) and b"Script generated by FFmpeg" not in (self._header or b"")

    def _read(
        self, path: Path, index: int, zero_s: Fraction
    ) -> tuple[list[SubtitleEvent], bool, int]:
        """All events in order, whether any is placed by its cue, and how many are damaged."""
        events, has_settings, damaged = [], False, 0
        with open_container(path) as container:
            for other in container.streams:
                other.discard = Discard.all
            stream = container.streams[index]
            stream.discard = Discard.default
            if not isinstance(stream, SubtitleStream):
                raise ValueError(f"stream {index} is {stream.type}, not a subtitle stream")
            stream.codec_context.open(strict=False)
            self._header = stream.codec_context.subtitle_header
            try:
                for packet in container.demux(stream):
                    try:
                        event = _decode(stream, packet, zero_s)
                    except av.error.FFmpegError:
                        damaged += 1
                        continue
                    if event is not None:
                        events.append(event)
                        has_settings |= packet.has_sidedata("webvtt_settings")
            except av.error.FFmpegError as error:
                raise InputError(f"{path}: subtitle stream {index} is damaged") from error
        return _with_ends(sorted(events, key=lambda e: e.start_ms)), has_settings, damaged


def _decode(
    stream: SubtitleStream, packet: Packet[SubtitleStream], zero_s: Fraction
) -> SubtitleEvent | None:
    """The event of one packet; an end of -1 is not known yet. None: it shows nothing."""
    if not packet.size or packet.pts is None:
        return None
    shown = stream.codec_context.decode2(packet)
    texts = [rect.ass for rect in shown or [] if isinstance(rect, AssSubtitle)]
    lines = [text.decode(errors="replace") for text in texts if text]
    if not lines:
        return None
    event = SubtitleEvent(0, 0, lines[0])
    if len(lines) > 1:
        event = event.with_text(
            r"\N".join(SubtitleEvent(0, 0, line).text for line in lines),
        )
    time_base = Fraction(packet.time_base)
    start = packet.pts * time_base - zero_s
    end = start + (packet.duration or 0) * time_base
    end_ms = round(end / _MS) if end > start else -1
    return replace(event, start_ms=round(start / _MS), end_ms=end_ms)


def _with_ends(events: Sequence[SubtitleEvent]) -> list[SubtitleEvent]:
    """Events whose end was not stated are shown until the next one."""
    ended = []
    for event, following in zip(events, [*events[1:], None], strict=True):
        end_ms = event.end_ms
        if end_ms < 0:
            end_ms = event.start_ms + _LAST_MS if following is None else following.start_ms
        ended.append(replace(event, end_ms=end_ms))
    return ended


def _losses(events: Sequence[SubtitleEvent], codec: str) -> list[str]:
    """What the format cannot say of the events, in words."""
    tags = {
        tag
        for event in events
        for block in _BLOCK.findall(event.text)
        for tag in _TAG.findall(block)
    }
    return [_LOST_NAMES.get(tag, "effects") for tag in tags - _KEPT[codec] - {"r"}]


def _normalised(event: SubtitleEvent) -> SubtitleEvent:
    """FFmpeg's encoder of mov_text knows the text's colour by its long name only."""
    return event.with_text(_PRIMARY_COLOR.sub(r"\\1c", event.text))


def without_overlap(events: Sequence[SubtitleEvent]) -> list[SubtitleEvent]:
    """The same texts at the same times, in events that follow each other.

    A track of an MP4 file shows one event at a time: where several are shown at once, they become
    one of several lines.
    """
    edges = sorted({e.start_ms for e in events} | {e.end_ms for e in events})
    laid: list[SubtitleEvent] = []
    shown: list[SubtitleEvent] = []
    coming = deque(events)
    for start, end in pairwise(edges):
        shown = [event for event in shown if event.end_ms > start]
        while coming and coming[0].start_ms <= start:
            shown.append(coming.popleft())
        if shown:
            text = r"{\r}\N".join(event.text for event in shown)
            laid.append(replace(shown[0], start_ms=start, end_ms=end).with_text(text))
    return laid
