"""Carry the other streams of a source over to the output, packet by packet, without re-encoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from vsr_cli.errors import InputError
from vsr_cli.media.alpha import ALPHA_TAG
from vsr_cli.media.clock import timeline_start
from vsr_cli.media.containers import open_container
from vsr_cli.media.source import main_video

# Tags that describe the file they stand in, not the clip. FFmpeg writes the one for alpha itself.
_FILE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", ALPHA_TAG})
_STATISTICS = ("DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS", "_STATISTICS")


class StreamCopier:
    """Copies the audio streams of ``source`` into ``output`` as the video advances.

    All streams are added when it is made, so that what the container cannot hold is known before
    the first frame. The source is read a second time, by itself: only a few packets are held.

    Attributes:
        warnings: one line for each kind of stream that is not carried over.
        num_streams: streams that are.
    """

    def __init__(self, source: Path, output: OutputContainer, *, is_cut: bool) -> None:
        self.warnings: list[str] = []
        self._source = source
        self._output = output
        self._input = open_container(source)
        try:
            self._video = main_video(self._input, source)
            self._zero = timeline_start(self._input)
            # With a cut, what happens before its first frame or after its last one is left out.
            self._is_cut = is_cut
            self._cut_start: Fraction | None = None
            self._targets = self._add_streams()
        except BaseException:
            self._input.close()
            raise
        self._packets = self._demux()
        self._pending: Packet[Stream] | None = None

    @property
    def num_streams(self) -> int:
        return len(self._targets)

    def copy_tags(self, video: Stream) -> None:
        """Copy the container's tags and the main video's own ones (title, language)."""
        self._output.metadata.update(clean_tags(self._input.metadata))
        video.metadata.update(clean_tags(self._video.metadata))

    def copy_chapters(self, *, start_s: float | None, end_s: float | None) -> None:
        """Copy the chapters; those of a cut are shortened to it and moved with it."""
        origin = (self._video.start_time or 0) * (self._video.time_base or 0) - self._zero
        first = origin + Fraction(start_s or 0).limit_denominator(1_000_000)
        last = None if end_s is None else origin + Fraction(end_s).limit_denominator(1_000_000)
        chapters = []
        for chapter in self._input.chapters():
            time_base = chapter["time_base"] or Fraction(1)
            start = max(chapter["start"] * time_base - self._zero, first if self._is_cut else 0)
            end = chapter["end"] * time_base - self._zero
            end = end if last is None else min(end, last)
            if start < end:
                moved = first if self._is_cut else Fraction(0)
                chapter["start"] = round((start - moved) / time_base)
                chapter["end"] = round((end - moved) / time_base)
                chapters.append(chapter)
        if chapters:
            self._output.set_chapters(chapters)

    def start(self, time_s: Fraction) -> None:
        """Say when the first frame is shown: where a cut begins, and what becomes its zero."""
        if self._is_cut:
            self._cut_start = time_s

    def advance(self, time_s: Fraction) -> None:
        """Write every packet that begins before ``time_s`` on the source's timeline."""
        while (packet := self._take()) is not None:
            if self._time(packet) >= time_s:
                return
            self._pending = None
            self._write(packet)

    def finish(self, time_s: Fraction) -> None:
        """Write what remains; of a cut, only what begins before its end at ``time_s``."""
        if self._is_cut:
            self.advance(time_s)
            return
        while (packet := self._take()) is not None:
            self._pending = None
            self._write(packet)

    def close(self) -> None:
        self._input.close()

    def _add_streams(self) -> dict[int, Stream]:
        """Add what can be carried over to the output: input stream index -> output stream."""
        targets: dict[int, Stream] = {}
        storable = self._output.supported_codecs
        left: list[str] = []
        for stream in self._input.streams:
            stream.discard = Discard.all
            if stream.index == self._video.index:
                continue
            context = stream.codec_context
            if stream.type != "audio":
                left.append(stream.type if stream.type != "video" else "second video")
            elif context is None or context.codec.canonical_name not in storable:
                codec = "unknown" if context is None else context.codec.canonical_name
                self.warnings.append(
                    f"audio stream {stream.index} ({codec}) cannot be held by the output's "
                    "container and is left out; an .mkv file holds nearly all"
                )
            else:
                targets[stream.index] = self._add(stream)
                stream.discard = Discard.default
        if left:
            kinds = ", ".join(f"{left.count(kind)} {kind}" for kind in sorted(set(left)))
            self.warnings.append(f"not carried over yet: {kinds} (number and kind of stream)")
        return targets

    def _add(self, stream: Stream) -> Stream:
        target = self._output.add_stream_from_template(stream)
        target.metadata.update(clean_tags(stream.metadata))
        target.disposition = stream.disposition
        return target

    def _demux(self) -> Iterator[Packet[Stream]]:
        if not self._targets:
            return
        streams = [self._input.streams[index] for index in self._targets]
        try:
            for packet in self._input.demux(streams):
                if packet.size:
                    yield packet
        except av.error.FFmpegError as error:
            raise InputError(f"{self._source}: its audio is damaged and ends early") from error

    def _take(self) -> Packet[Stream] | None:
        if self._pending is None:
            self._pending = next(self._packets, None)
        return self._pending

    def _time(self, packet: Packet[Stream]) -> Fraction:
        """Where a packet lies on the source's timeline, in seconds."""
        tick = packet.dts if packet.pts is None else packet.pts
        return (tick or 0) * Fraction(packet.time_base) - self._zero

    def _write(self, packet: Packet[Stream]) -> None:
        shift_s = self._zero
        if self._cut_start is not None:
            if self._time(packet) < self._cut_start:
                return
            shift_s += self._cut_start
        shift = round(shift_s / packet.time_base)
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        packet.stream = self._targets[packet.stream_index]
        self._output.mux(packet)


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that still hold for a file that was written anew."""
    return {
        name: value
        for name, value in tags.items()
        if name.lower() not in _FILE_TAGS and not name.upper().startswith(_STATISTICS)
    }
