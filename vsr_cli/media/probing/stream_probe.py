"""What a stream of a file says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from av.audio.stream import AudioStream
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from vsr_cli.media.streams.audio import layout_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProbe:
    """One stream of a file."""

    index: int
    kind: str  # video, audio, subtitle, data, attachment
    codec: str | None  # None: unknown here
    profile: str | None
    language: str | None
    title: str | None
    dispositions: tuple[str, ...]  # such as default, forced, attached_pic
    start_s: float | None
    offset_s: float | None  # its start after that of the main video
    duration_s: float | None
    details: str  # size, sample rate and channels, or file name


def describe_stream(stream: Stream, origin: Fraction | None) -> StreamProbe:
    """Look at a stream; ``origin`` is where the main video starts, in seconds."""
    context = None if isinstance(stream, AttachmentStream) else stream.codec_context
    start = start_of(stream)
    seconds = stream.duration and stream.time_base and stream.duration * stream.time_base
    return StreamProbe(
        index=stream.index,
        kind=stream.type,
        codec=None if context is None else context.codec.canonical_name,
        profile=None if context is None else context.profile,
        language=stream.metadata.get("language"),
        title=stream.metadata.get("title") or stream.metadata.get("name"),  # MP4's word for it
        dispositions=tuple(
            bit.name for bit in Disposition if bit.name and stream.disposition & bit
        ),
        start_s=None if start is None else float(start),
        offset_s=None if start is None or origin is None else float(start - origin),
        duration_s=float(seconds) if seconds else None,
        details=_details(stream),
    )


def _details(stream: Stream) -> str:
    if isinstance(stream, VideoStream) and stream.codec_context is not None:
        return f"{stream.width}x{stream.height}" if stream.width else ""
    if isinstance(stream, AudioStream) and stream.codec_context is not None:
        return f"{stream.codec_context.sample_rate} Hz, {layout_name(stream.codec_context)}"
    if isinstance(stream, AttachmentStream):
        return f"{stream.name} ({stream.mimetype})"
    return ""


def start_of(stream: Stream) -> Fraction | None:
    """When a stream starts, in seconds; None: not stated."""
    if stream.start_time is None or not stream.time_base:
        return None
    return stream.start_time * Fraction(stream.time_base)
