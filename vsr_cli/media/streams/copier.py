"""Carry everything but the main video from a source over to the output, as the video advances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media.streams.audio import AudioTrack
from vsr_cli.media.streams.free_tags import append_free_tags
from vsr_cli.media.streams.hidden import HiddenAudio
from vsr_cli.media.streams.metadata import clean_tags, copy_labels
from vsr_cli.media.streams.plan import StreamPlan
from vsr_cli.media.streams.routes import Route, Way, attachment_of, describe, kind_of
from vsr_cli.media.streams.subtitles import TextTrack
from vsr_cli.media.target import QUICKTIME
from vsr_cli.media.video.matroska import TrackEntries

_NO_TEXT = b"\0\0"  # a packet of mov_text whose text has no letters
_INTERLEAVING_S = 10  # what FFmpeg's muxers write side by side begins at most so far apart


class StreamCopier:
    """Follows a plan: copies the other streams into ``output`` as the video advances.

    All of them are added when it is made; ``video`` is the main stream of the output.
    """

    def __init__(
        self, plan: StreamPlan, output: OutputContainer, video: VideoStream, entries: TrackEntries
    ) -> None:
        self._plan = plan
        self._placer = plan.placer
        self._output = output
        self._entries = entries
        self._hidden = HiddenAudio(plan.hiding)
        output.metadata.update(plan.file_tags)
        self._copy_labels(plan.video, video)
        if chapters := plan.placer.chapters(plan.input):
            output.set_chapters(chapters)
        self._targets = {
            route.stream.index: self._add(route)
            for route in plan.routes
            if route.way not in (Way.NONE, Way.TAGS)
        }
        self._tracks = {r.stream.index: r.track for r in plan.routes if r.track is not None}
        self._num_packets: Counter[int] = Counter()  # by index in the output
        self._packets = self._demux()
        self._pending: Packet[Stream] | None = None

    def start(self, time_s: Fraction) -> None:
        """Say when the first frame is shown: where a cut begins, and what becomes its zero."""
        self._placer.start(time_s)
        first_s, last_s = self._placer.span
        for track in self._tracks.values():
            if isinstance(track, TextTrack):
                track.start(first_s=first_s, last_s=last_s)
            else:
                track.start(self._placer.origin, is_cut=self._placer.is_cut)
        for route in self._plan.routes:
            if route.way is Way.COVER:
                self._mux(self._cover(route))

    def advance(self, time_s: Fraction) -> None:
        """Write every packet that begins before ``time_s`` on the source's timeline."""
        while (packet := self._take()) is not None and self._placer.time(packet) < time_s:
            self._pending = None
            self._write(packet)
        self._write_texts(time_s)

    def finish(self, time_s: Fraction, *, ends_here: bool = False) -> None:
        """Write what remains: all of it, or what begins before the end of a cut.

        A cut ends where it was asked to, or with its last frame at ``time_s`` if that is later.
        With ``ends_here`` nothing begins after ``time_s``.
        """
        _, last_s = self._placer.span
        if ends_here:
            self.stop(time_s)
        elif last_s is not None:
            self.stop(max(time_s, last_s))
        else:
            while (packet := self._take()) is not None:
                self._pending = None
                self._write(packet)
            self._write_texts(None)
        for index in self._placer.held():
            for packet in self._placer.release(index):
                self._mux_copied(packet)
        for track in self._tracks.values():
            if isinstance(track, AudioTrack):
                for encoded in track.flush():
                    self._mux(encoded)

    def stop(self, time_s: Fraction) -> None:
        """Write what begins before ``time_s``, and nothing after it: the output ends there.

        In a file it may lie behind packets of other streams that begin later.
        """
        waiting = {r.stream.index for r in self._plan.routes if r.way in (Way.COPY, Way.AUDIO)}
        while waiting and (packet := self._take()) is not None:
            self._pending = None
            start_s = self._placer.order_time(packet)
            if start_s < time_s:
                self._write(packet)
            elif start_s < time_s + _INTERLEAVING_S:
                waiting.discard(packet.stream_index)
            else:
                break
        self._write_texts(time_s)

    def complete_entries(self, path: Path) -> None:
        """Write into a complete file what its muxer was not told."""
        for index, delay_s in self._hidden.delays.items():
            self._entries.set_delay(self._targets[index], delay_s)
        self._entries.write(path)
        if tags := self._plan.free_tags:
            with path.open("r+b") as file:
                append_free_tags(file, tags, self._plan.container)

    def streams_by_kind(self) -> tuple[Counter[str], Counter[str]]:
        """How many streams of each kind were written, and how many of which nothing came."""
        written, empty = Counter[str](), Counter[str]()
        for route in self._plan.routes:
            if (target := self._targets.get(route.stream.index)) is not None:
                is_there = route.way is Way.ATTACHMENT or self._num_packets[target.index]
                (written if is_there else empty)[kind_of(route.stream)] += 1
        return written, empty

    def _add(self, route: Route) -> Stream:
        """Add one stream to the output, with its labels."""
        stream = route.stream
        if route.way is Way.ATTACHMENT:
            attached = self._output.add_attachment(*attachment_of(self._plan.source, stream))
            others = clean_tags(stream.metadata)
            attached.metadata.update({n: others[n] for n in others.keys() - attached.metadata})
            return attached
        target: Stream
        if route.track is not None:
            target = route.track.add_to(self._output)
        else:
            target = self._output.add_stream_from_template(stream, opaque=True)
        self._copy_labels(stream, target)
        if route.way is Way.COVER:
            target.disposition = Disposition.attached_pic
        if route.stream in self._plan.hiding:
            self._entries.reserve(target)
        return target

    def _copy_labels(self, source: Stream, target: Stream) -> None:
        plan = self._plan
        copy_labels(source, target, plan.container, dropped=plan.dropped_tags)

    def _cover(self, route: Route) -> Packet[Stream]:
        packet: Packet[Stream] = Packet(attachment_of(self._plan.source, route.stream)[2])
        packet.stream = self._targets[route.stream.index]
        packet.pts = packet.dts = 0
        packet.is_keyframe = True
        return packet

    def _demux(self) -> Iterator[Packet[Stream]]:
        streams = [r.stream for r in self._plan.routes if r.way in (Way.COPY, Way.AUDIO)]
        if not streams:
            return
        try:
            for packet in self._plan.input.demux(streams):
                if packet.size:
                    yield packet
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self._plan.source}: its other streams are damaged and end early; "
                "try copying or downloading it again"
            ) from error

    def _take(self) -> Packet[Stream] | None:
        if self._pending is None:
            self._pending = next(self._packets, None)
        return self._pending

    def _write(self, packet: Packet[Stream]) -> None:
        track = self._tracks.get(packet.stream_index)
        if isinstance(track, AudioTrack):
            for encoded in track.encode(packet):
                self._mux(encoded)
            return
        if self._is_pause(packet):
            return
        for kept in self._hidden.take(packet):
            for placed in self._placer.place(kept):
                self._mux_copied(placed)

    def _is_pause(self, packet: Packet[Stream]) -> bool:
        """True for the empty text between two others: an MP4's muxer writes it by itself."""
        if packet.size != len(_NO_TEXT) or packet.stream.type != "subtitle":
            return False
        return self._plan.container in QUICKTIME and bytes(packet) == _NO_TEXT

    def _write_texts(self, time_s: Fraction | None) -> None:
        """Write the converted texts that begin before a time of the source; None: all."""
        start_s = self._placer.span[0] or Fraction(0)
        for track in self._tracks.values():
            if isinstance(track, TextTrack):
                for packet in track.due(None if time_s is None else time_s - start_s):
                    self._mux(packet)

    def _mux_copied(self, packet: Packet[Stream]) -> None:
        source = self._plan.input.streams[packet.stream_index]
        packet.stream = self._targets[packet.stream_index]
        try:
            self._mux(packet)
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            time_s = float(packet.dts or 0) * float(packet.time_base)
            raise OutputError(
                f"{describe(source)} cannot be copied at {time_s:.3f} s: the container refuses "
                "the packet, which is damaged or out of order; try repairing the source first"
            ) from error

    def _mux(self, packet: Packet[Any]) -> None:
        self._num_packets[packet.stream_index] += 1
        self._output.mux(packet)


def complete_tracks(path: Path, entries: TrackEntries, copier: StreamCopier | None) -> None:
    """Write into a file what its muxer was not told of its tracks."""
    if copier is None:
        entries.write(path)
    else:
        copier.complete_entries(path)
