"""Which way each stream of a source takes into another file, decided before the first frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import AttachmentStream, DataStream, Discard, Disposition, Stream
from av.subtitles.stream import SubtitleStream

from vsr_cli.errors import InputError
from vsr_cli.media.containers import open_container
from vsr_cli.media.streams.audio import AudioTrack
from vsr_cli.media.streams.subtitles import TEXT_CODECS, TextTrack

# Pictures that a container takes as a cover: FFmpeg's codec -> MIME type and file extension.
_COVERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mjpeg": ("image/jpeg", ".jpg"),
        "png": ("image/png", ".png"),
        "gif": ("image/gif", ".gif"),
        "tiff": ("image/tiff", ".tiff"),
    }
)
_MP4_COVERS = frozenset({"mjpeg", "png"})
_FILE_NAMES: Mapping[str, str] = MappingProxyType(
    {"mp4": "an .mp4", "mov": "a .mov", "matroska": "an .mkv", "webm": "a .webm"}
)
_ANY_FILE = "application/octet-stream"


class Way(Enum):
    """How a stream gets into the output."""

    COPY = "copied packet by packet"
    TEXT = "written in another text format"
    AUDIO = "encoded anew"
    COVER = "one packet at the start"
    ATTACHMENT = "written into the header"
    TAGS = "written by the muxer, out of chapters or tags"
    NONE = "left out"


@dataclass(frozen=True, slots=True)
class Route:
    """One stream of the source and its way.

    ``loss`` says in one line what does not arrive; ``note`` what else is worth saying.
    """

    stream: Stream
    way: Way
    loss: str = ""
    note: str = ""
    track: TextTrack | AudioTrack | None = None


class RoutePlanner:
    """Finds the way of each stream of ``source`` into a container."""

    def __init__(
        self,
        source: Path,
        opened: InputContainer,
        container: str,
        *,
        audio_codec: str | None,
        zero_s: Fraction,
    ) -> None:
        self._source = source
        self._container = container
        self._audio_codec = audio_codec
        self._zero_s = zero_s
        self._has_chapters = bool(opened.chapters())

    def route(self, stream: Stream) -> Route:
        """The way of one stream, which is not the video that is upscaled."""
        match stream.type:
            case "video" if stream.disposition & Disposition.attached_pic:
                return self._cover(stream)
            case "video":
                return self._video(stream)
            case "audio" if isinstance(stream, AudioStream):
                return self._audio(stream)
            case "subtitle" if isinstance(stream, SubtitleStream):
                return self._subtitle(stream)
            case "attachment" if self._container == "matroska":
                return Route(stream, Way.ATTACHMENT)
            case "data" if self._is_written_by_muxer(stream):
                return Route(stream, Way.TAGS)
            case "data" if can_hold(self._container, stream):
                return Route(stream, Way.COPY)
        return self._left_out(stream)

    def _cover(self, stream: Stream) -> Route:
        codec = codec_name(stream)
        if stream.disposition & Disposition.timed_thumbnails:
            return self._left_out(stream, "pictures of chapters")
        if self._container == "matroska" and codec in _COVERS:
            return Route(stream, Way.ATTACHMENT)
        if self._container == "mp4" and codec in _MP4_COVERS:
            return Route(stream, Way.COVER)
        return self._left_out(stream, "the cover")

    def _video(self, stream: Stream) -> Route:
        if not can_hold(self._container, stream):
            return self._left_out(stream)
        note = f"{describe(stream)} is copied as it is: only the first video is upscaled"
        return Route(stream, Way.COPY, note=note)

    def _audio(self, stream: AudioStream) -> Route:
        if can_hold(self._container, stream):
            return Route(stream, Way.COPY)
        if self._audio_codec is None or stream.codec_context is None:
            return self._left_out(stream, hint="give --audio-codec to encode it anew")
        track = AudioTrack(stream, self._audio_codec, self._container)
        note = f"{describe(stream)} is encoded anew with {track}"
        return Route(stream, Way.AUDIO, note=note, track=track)

    def _subtitle(self, stream: SubtitleStream) -> Route:
        if can_hold(self._container, stream):
            return Route(stream, Way.COPY)
        codec = TEXT_CODECS[self._container]
        if stream.codec_context is None or not stream.codec_context.codec.text_sub:
            return self._left_out(stream)
        track = TextTrack(self._source, stream.index, codec, zero_s=self._zero_s)
        loss = ""
        if track.lost:
            loss = f"{describe(stream)} becomes {codec}, which loses {', '.join(track.lost)}"
        return Route(stream, Way.TEXT, loss=loss, track=track)

    def _is_written_by_muxer(self, stream: Stream) -> bool:
        """True for the titles of chapters and the timecode, which QuickTime keeps in tracks."""
        is_title_track = self._has_chapters and stream.discard == Discard.all
        return is_title_track or is_timecode(stream)

    def _left_out(self, stream: Stream, what: str = "", hint: str = "") -> Route:
        what = f"{what}, {describe(stream)}," if what else describe(stream)
        hints = [hint] if hint else []
        if self._container != "matroska" and _matroska_holds(stream):
            hints.append("an .mkv file can hold it")
        more = f" ({', or '.join(hints)})" if hints else ""
        name = _FILE_NAMES[self._container]
        return Route(
            stream, Way.NONE, loss=f"{what} cannot be held by {name} file and is left out{more}"
        )


def can_hold(container: str, stream: Stream) -> bool:
    """True if packets of a stream can be copied into a container: it is tried."""
    options = {"strict": "experimental"}
    try:
        with av.open(BytesIO(), "w", format=container, container_options=options) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _matroska_holds(stream: Stream) -> bool:
    if stream.type == "attachment":
        return True
    if stream.disposition & Disposition.attached_pic:
        return codec_name(stream) in _COVERS
    return can_hold("matroska", stream)


def is_timecode(stream: Stream) -> bool:
    """True for QuickTime's track of one timecode, which is also a tag of the video."""
    return stream.type == "data" and "timecode" in stream.metadata and not codec_name(stream)


def attachment_of(source: Path, stream: Stream) -> tuple[str, str, bytes]:
    """File name, MIME type and content of an attachment, or of a cover as one.

    Raises:
        InputError: the cover cannot be read.
    """
    name, mime = stream.metadata.get("filename", ""), stream.metadata.get("mimetype", "")
    if isinstance(stream, AttachmentStream):
        return name or f"attachment_{stream.index}", mime or _ANY_FILE, stream.data
    mime, extension = _COVERS[codec_name(stream)]
    with open_container(source) as container:
        for other in container.streams:
            other.discard = Discard.all
        container.streams[stream.index].discard = Discard.default
        for packet in container.demux(container.streams[stream.index]):
            if packet.size:
                return name or f"cover{extension}", mime, bytes(packet)
    raise InputError(f"{source}: the cover in stream {stream.index} is empty")


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; empty where it has none."""
    context: CodecContext | None = stream.codec_context
    if context is not None:
        return context.codec.canonical_name
    return (stream.name or "") if isinstance(stream, DataStream) else ""


def describe(stream: Stream) -> str:
    """A stream in a few words: "subtitle stream 2 (subrip, deu)"."""
    language = stream.language if stream.language not in (None, "", "und") else ""
    words = [word for word in (codec_name(stream), language) if word]
    if stream.type == "attachment":
        words = [word for word in (stream.metadata.get("filename"),) if word]
    return f"{stream.type} stream {stream.index}" + (f" ({', '.join(words)})" if words else "")


def kind_of(stream: Stream) -> str:
    """The type of a stream, or "cover"; empty for a track that a muxer makes by itself."""
    if stream.type == "video" and stream.disposition & Disposition.attached_pic:
        return "cover"
    if stream.type == "data" and (stream.discard == Discard.all or is_timecode(stream)):
        return ""
    return stream.type
