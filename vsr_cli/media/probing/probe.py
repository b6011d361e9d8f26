"""What is in a file, as it is seen here, without reading more of it than must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, FrameReader, HdrMetadata
from vsr_cli.media.containers import main_video, open_container
from vsr_cli.media.faults.truncation import find_truncation
from vsr_cli.media.opening import open_reader
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.pixels.color_names import matrix_name, primaries_name, transfer_name
from vsr_cli.media.probing.stream_probe import StreamProbe, describe_stream, start_of
from vsr_cli.media.probing.timing import Timing, read_timing
from vsr_cli.media.video.reader import VideoReader
from vsr_cli.specs import DecodingSpec

_MICROSECOND = Fraction(1, 1_000_000)
_MANY = 1 << 30  # damaged packets: more than the first picture can have
# By FFmpeg's number: how the fields are stored, and which of them is shown first.
_FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProbe:
    """The main video, which is the one that is upscaled."""

    stream: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterProbe:
    """One chapter."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProbe:
    """One file; of a damaged one what is known, and what is wrong with it."""

    path: Path
    size_bytes: int | None = None
    container: str | None = None  # FFmpeg's name
    duration_s: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    streams: tuple[StreamProbe, ...] = ()
    chapters: tuple[ChapterProbe, ...] = ()
    video: VideoProbe | None = None
    timing: Timing | None = None
    missing_bytes: int | None = None  # at its end, at least; None: none that are known of
    warnings: tuple[str, ...] = ()  # what is to be said when it is upscaled
    faults: tuple[str, ...] = ()  # why it cannot be upscaled as it is

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``: rationals are strings such as 30000/1001."""
        document = _plain(asdict(self))
        if not isinstance(document, dict):
            raise TypeError(f"a probe must become a document, got {document!r}")
        return document


def probe_file(path: Path, *, count: bool = False) -> FileProbe:
    """Look into a file. Nothing is raised for what is wrong with it: see ``faults``.

    ``count`` reads the whole file, without decoding it, and counts its pictures.
    """
    if is_pipe(path):
        return FileProbe(path=path, faults=("standard input can be read only once; give a file",))
    if path.is_dir():
        return FileProbe(path=path, faults=(f"{path} is a folder; give a file that lies in it",))
    found: dict[str, Any] = {"path": path}
    faults: list[str] = []
    if path.is_file():
        found["size_bytes"] = path.stat().st_size
        if (truncation := find_truncation(path)) is not None:
            found["missing_bytes"] = truncation.missing_bytes
            faults.append(f"{path} is truncated: {truncation}")
    try:
        with open_container(path) as container:
            found |= _describe_container(container)
            video = main_video(container, path)
            with open_reader(path, DecodingSpec(tolerate=_MANY)) as reader:
                found["video"] = _describe_video(video, reader)
                found["warnings"] = tuple(reader.warnings)
        found["timing"] = timing = read_timing(path, count=count)
        faults += _faults_of(path, timing)
    except InputError as error:
        if not faults:
            faults.append(str(error))
    return FileProbe(**found, faults=tuple(faults))


def _faults_of(path: Path, timing: Timing) -> list[str]:
    faults = []
    if timing.num_corrupt:
        faults.append(f"{path} has {timing.num_corrupt} packets that are damaged")
    if timing.num_gaps:
        places = "place" if timing.num_gaps == 1 else "places"
        faults.append(f"{path} is damaged in {timing.num_gaps} {places}; packets may be lost there")
    if timing.ends_early:
        faults.append(f"{path} ends early, after {timing.num_packets} packets of video")
    return faults


def _describe_container(container: InputContainer) -> dict[str, Any]:
    duration = container.duration
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    origin = start_of(videos[0]) if videos else None
    return {
        "container": container.format.name,
        "duration_s": None if duration is None else float(duration * _MICROSECOND),
        "tags": dict(container.metadata),
        "streams": tuple(describe_stream(stream, origin) for stream in container.streams),
        "chapters": tuple(
            ChapterProbe(
                start_s=float(chapter["start"] * (chapter["time_base"] or 1)),
                end_s=float(chapter["end"] * (chapter["time_base"] or 1)),
                title=chapter["metadata"].get("title", ""),
            )
            for chapter in container.chapters()
        ),
    }


def _describe_video(stream: VideoStream, reader: FrameReader) -> VideoProbe:
    info, context = reader.info, stream.codec_context
    layout, color = info.pixel_format, info.color
    is_yuv = layout.family == "yuv"
    shown = _display_size(info)
    coded = reader.coded_size if isinstance(reader, VideoReader) else (None, None)
    used = "limited" if is_yuv else "full"
    return VideoProbe(
        stream=stream.index,
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
        field_order=_FIELD_ORDERS[context.field_order],
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


def _plain(value: object) -> object:
    """What JSON can hold."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Fraction | Path):
        return str(value)
    return value
