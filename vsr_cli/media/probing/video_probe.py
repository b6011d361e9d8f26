"""What is known of the video that is upscaled, before its frames are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from av.video.stream import VideoStream

from vsr_cli.frames import ClipInfo, FrameReader, HdrMetadata
from vsr_cli.media.pixels.color_names import matrix_name, primaries_name, transfer_name
from vsr_cli.media.video.reader import VideoReader

# By FFmpeg's number: how the fields are stored, and which of them is shown first.
_FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProbe:
    """The main video, which is the one that is upscaled."""

    stream: int | None  # None: pictures, which lie in none
    width: int
    height: int
    coded_width: int | None  # with the edges that are cut off; None: not known
    coded_height: int | None
    display_width: int  # as a player shows it: in square pixels, and turned
    display_height: int
    sample_aspect_ratio: Fraction | None  # None: not stated
    rotation: int  # degrees counter-clockwise
    is_mirrored: bool
    pixel_format: str
    bits: int
    chroma: str | None  # 4:2:0 and so on; None: gray or RGB
    has_alpha: bool
    range: str
    matrix: str
    primaries: str
    transfer: str
    # What the clip is taken for: its tags, or the rule for what has none.
    range_used: str
    matrix_used: str
    chroma_location: str
    hdr: HdrMetadata | None
    field_order: str  # FFmpeg's: progressive, tt, bb, tb, bt, unknown
    frame_rate: Fraction | None
    time_base: Fraction
    frames_promised: int | None  # by the container
    duration_s: float | None


def describe_video(reader: FrameReader, stream: VideoStream | None = None) -> VideoProbe:
    """What a reader knows of its clip; ``stream`` is that of a video, None of pictures."""
    info = reader.info
    layout, color = info.pixel_format, info.color
    is_yuv = layout.family == "yuv"
    shown = _display_size(info)
    coded = reader.coded_size if isinstance(reader, VideoReader) else (None, None)
    used = "limited" if is_yuv else "full"
    return VideoProbe(
        stream=None if stream is None else stream.index,
        width=info.width,
        height=info.height,
        coded_width=coded[0],
        coded_height=coded[1],
        display_width=shown[0],
        display_height=shown[1],
        sample_aspect_ratio=info.sample_aspect_ratio,
        rotation=info.rotation,
        is_mirrored=info.is_mirrored,
        pixel_format=layout.name,
        bits=layout.bits,
        chroma=_chroma(layout.chroma_shift_x, layout.chroma_shift_y) if is_yuv else None,
        has_alpha=layout.has_alpha,
        range=color.range,
        matrix=matrix_name(color.matrix),
        primaries=primaries_name(color.primaries),
        transfer=transfer_name(color.transfer),
        range_used=used if color.range == "unspecified" else color.range,
        matrix_used=matrix_name(info.matrix if is_yuv else color.matrix),
        chroma_location=color.chroma_location,
        hdr=info.hdr,
        field_order=(
            "progressive" if stream is None else _FIELD_ORDERS[stream.codec_context.field_order]
        ),
        frame_rate=info.frame_rate,
        time_base=info.time_base,
        frames_promised=info.num_frames,
        duration_s=info.duration_s,
    )


def _display_size(info: ClipInfo) -> tuple[int, int]:
    width, height = round(info.width * (info.sample_aspect_ratio or 1)), info.height
    return (height, width) if info.rotation % 180 else (width, height)


def _chroma(shift_x: int, shift_y: int) -> str:
    """The usual name of a subsampling: 4:2:0 and so on."""
    across = 4 >> shift_x
    return f"4:{across}:{across if not shift_y else 0}" if shift_y < 2 else "4:1:0"
