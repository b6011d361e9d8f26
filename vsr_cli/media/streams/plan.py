"""What becomes of everything but the main video, decided before the output is created."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from av.audio.stream import AudioStream
from av.stream import Discard, Stream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo
from vsr_cli.media.clock import DEFAULT_RATE, timeline_start
from vsr_cli.media.containers import MP4_DEMUXER, main_video, open_container
from vsr_cli.media.streams.audio import check_audio_codec
from vsr_cli.media.streams.metadata import (
    TagPlan,
    clean_tags,
    holds_timecode,
    lost_labels,
    lost_stream_tags,
)
from vsr_cli.media.streams.placing import PacketPlacer
from vsr_cli.media.streams.routes import (
    Route,
    RoutePlanner,
    Way,
    describe,
    is_timecode,
)
from vsr_cli.media.streams.silence import is_silent
from vsr_cli.media.target import QUICKTIME
from vsr_cli.specs import DecodingSpec, EncodingSpec

# What is said of a stream that has nothing in a cut; texts and data may well have nothing there.
_NEVER_SILENT: Mapping[str, str] = MappingProxyType({"audio": "nothing", "video": "no key frame"})


class StreamPlan:
    """The ways of the other streams of ``source`` into a container, with its tags and chapters.

    The source is opened once more, beside the reader of its video, and stays open.

    Attributes:
        hiding: audio of which an edit list may hide a part that the container would let hear.
        warnings: one line for each thing that is not carried over as it is.
    """

    def __init__(
        self,
        source: Path,
        container: str,
        *,
        encoding: EncodingSpec,
        decoding: DecodingSpec,
        rate: Fraction,
    ) -> None:
        self.source = source
        self.container = container
        codec = encoding.audio_codec
        codec = None if codec is None else check_audio_codec(codec, container)
        self.input = open_container(source)
        try:
            self.video = main_video(self.input, source)
            self._zero = timeline_start(self.input)
            start = (self.video.start_time or 0) * Fraction(self.video.time_base or 0)
            self.routes = self._find_routes(codec)
            has_edit_lists = container in QUICKTIME
            self.placer = PacketPlacer(
                self._zero, start - self._zero, decoding, has_edit_lists=has_edit_lists
            )
            is_hiding = self.input.format.name == MP4_DEMUXER and not has_edit_lists
            copied = [route.stream for route in self.routes if route.way is Way.COPY]
            self.hiding = [
                stream
                for stream in copied
                if is_hiding and not decoding.is_cut and isinstance(stream, AudioStream)
            ]
            self._timecode_loss = self._check_timecode(decoding, rate)
            self._tags = TagPlan(self.input.metadata, container, rate=rate)
            self.warnings = self._warn(strict=encoding.strict_streams)
        except BaseException:
            self.input.close()
            raise

    @property
    def file_tags(self) -> dict[str, str]:
        """The tags of the output as a whole."""
        return clean_tags(self._tags.tags, dropped=self.dropped_tags)

    @property
    def dropped_tags(self) -> frozenset[str]:
        """Names of tags that do not hold for the output."""
        return frozenset({"timecode"} if self._timecode_loss else ())

    @property
    def free_tags(self) -> dict[str, str]:
        """Those of them that the muxer does not write."""
        return self._tags.free

    def close(self) -> None:
        """Close the source."""
        self.input.close()

    def _find_routes(self, audio_codec: str | None) -> list[Route]:
        planner = RoutePlanner(
            self.source,
            self.input,
            self.container,
            audio_codec=audio_codec,
            zero_s=self._zero,
        )
        others = [s for s in self.input.streams if s.index != self.video.index]
        routes = [planner.route(stream) for stream in others]
        for stream in self.input.streams:
            stream.discard = Discard.all
        for route in routes:
            if route.way in (Way.COPY, Way.AUDIO):
                route.stream.discard = Discard.default
        return routes

    def _check_timecode(self, decoding: DecodingSpec, rate: Fraction) -> str:
        """What becomes of the timecode of the first frame; empty if it is kept."""
        tags = {**self.input.metadata, **self.video.metadata}
        timecode = next((tags[name] for name in tags if name.lower() == "timecode"), "")
        if timecode and decoding.start_s:
            return f"timecode {timecode} is that of the first frame of the whole and is left out"
        if timecode and not holds_timecode(timecode, self.container, rate=rate):
            return f"timecode {timecode} does not fit {float(rate):g} frames/s and is left out"
        return ""

    def _warn(self, *, strict: bool) -> list[str]:
        """All that is not carried over as it is, one line each; an error if that is wanted."""
        losses = [route.loss for route in self.routes if route.loss]
        if self._timecode_loss and any(is_timecode(route.stream) for route in self.routes):
            losses.append(self._timecode_loss)
        losses += [*self._lost_labels(), *self._silent()]
        if losses and strict:
            raise OutputError("not every stream is kept: " + "; ".join(losses))
        notes = [route.note for route in self.routes if route.note]
        if self._timecode_loss and self._timecode_loss not in losses:
            notes.append(self._timecode_loss)
        if self._tags.lost:
            notes.append(f"tags that the container cannot hold: {', '.join(self._tags.lost)}")
        for stream in self._kept_streams():
            if lost := lost_stream_tags(stream, self.container):
                names = ", ".join(lost)
                notes.append(f"tags of {describe(stream)} that the container cannot hold: {names}")
        return [*losses, *notes]

    def _kept_streams(self) -> list[Stream]:
        """The main video and the streams that have labels in the output."""
        ways = (Way.COPY, Way.TEXT, Way.AUDIO)
        return [self.video, *(route.stream for route in self.routes if route.way in ways)]

    def _lost_labels(self) -> list[str]:
        return [
            f"{describe(stream)} is no longer marked as {label}"
            for stream in self._kept_streams()
            for label in lost_labels(stream, self.container)
        ]

    def _silent(self) -> list[str]:
        """A line for each stream of sound or pictures that has nothing to show of the cut."""
        if self.placer.asked is None:
            return []
        first_s, last_s = self.placer.asked
        way = "left out" if self.container in QUICKTIME else "empty"
        lines = []
        for route in self.routes:
            kind = route.stream.type
            if route.way not in (Way.COPY, Way.AUDIO) or kind not in _NEVER_SILENT:
                continue
            if is_silent(
                self.source,
                route.stream.index,
                first_s=first_s,
                last_s=last_s,
                only_keys=kind == "video",
            ):
                what = _NEVER_SILENT[kind]
                lines.append(f"{describe(route.stream)} has {what} within the cut and is {way}")
        return lines


def plan_streams(
    source: Path | None,
    container: str,
    *,
    info: ClipInfo,
    encoding: EncodingSpec,
    decoding: DecodingSpec,
) -> StreamPlan | None:
    """The plan for the file that frames come from; None if there is no file.

    Raises:
        OutputError: a stream is lost, and ``encoding`` says that none must be.
    """
    if source is None:
        return None
    rate = info.frame_rate or DEFAULT_RATE
    return StreamPlan(source, container, encoding=encoding, decoding=decoding, rate=rate)
