"""What is in a file, as it is seen here, without reading more of it than must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from av.container import InputContainer
from av.stream import Disposition

from vsr_cli.errors import InputError
from vsr_cli.media.containers import main_video, open_container
from vsr_cli.media.faults.truncation import find_truncation
from vsr_cli.media.opening import open_reader
from vsr_cli.media.pictures.reader import StillsReader
from vsr_cli.media.pictures.sequence import PictureSequence
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.probing.stream_probe import StreamProbe, describe_stream, start_of
from vsr_cli.media.probing.timing import Timing, page_timing, read_timing
from vsr_cli.media.probing.video_probe import VideoProbe, describe_video
from vsr_cli.media.target import several_pictures
from vsr_cli.specs import MAX_PIXELS, DecodingSpec, is_field

_MICROSECOND = Fraction(1, 1_000_000)
_FIELD = (
    "is a file of fields, and vsr info is for videos and pictures; see what it holds by "
    "ncdump -h, or by xarray.open_dataset in Python"
)
_MANY = 1 << 30  # damaged packets: more than the first picture can have


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterProbe:
    """One chapter."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesProbe:
    """The files of a numbered sequence, or of a folder of stills."""

    kind: Literal["pattern", "folder"]
    num_files: int
    first: str  # names
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProbe:
    """One file, or a sequence of pictures; of a damaged one what is known, and what is wrong."""

    path: Path
    size_bytes: int | None = None  # of pictures that of all files
    container: str | None = None  # FFmpeg's name
    duration_s: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    streams: tuple[StreamProbe, ...] = ()
    chapters: tuple[ChapterProbe, ...] = ()
    pictures: PicturesProbe | None = None  # None: it is one file
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


def probe_file(path: Path, *, count: bool = False, max_pixels: int = MAX_PIXELS) -> FileProbe:
    """Look into a file, a folder of stills or a numbered sequence (``frame_%05d.png``).

    Nothing is raised for what is wrong with it: see ``faults``. ``count`` reads the whole file,
    without decoding it, and counts its pictures; of a sequence each picture is read. A frame of
    more than ``max_pixels``, as the file states its size, is a fault.

    Raises:
        ValueError: ``max_pixels`` is below 1.
    """
    if is_pipe(path):
        return FileProbe(path=path, faults=("standard input can be read only once; give a file",))
    if is_field(path) and path.exists():
        return FileProbe(path=path, faults=(f"{path} {_FIELD}",))
    decoding = DecodingSpec(max_pixels=max_pixels)
    found: dict[str, Any] = {"path": path}
    faults: list[str] = []
    try:
        sequence = several_pictures(path)
        if sequence is None:
            _look_into_file(path, found, faults, decoding, count=count)
        else:
            _look_at_pictures(sequence, found, decoding, count=count)
    except InputError as error:
        if not faults:
            faults.append(str(error))
    except OSError as error:
        faults.append(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}")
    return FileProbe(**found, faults=tuple(faults))


def _look_into_file(
    path: Path,
    found: dict[str, Any],
    faults: list[str],
    decoding: DecodingSpec,
    *,
    count: bool,
) -> None:
    if path.is_file():
        found["size_bytes"] = path.stat().st_size
        if (truncation := find_truncation(path)) is not None:
            found["missing_bytes"] = truncation.missing_bytes
            faults.append(f"{path} is truncated: {truncation}")
    with open_container(path) as container:
        found |= _describe_container(container)
        video = main_video(container, path)
        with open_reader(path, replace(decoding, tolerate=_MANY)) as reader:
            found["video"] = describe_video(reader, video)
            found["warnings"] = tuple(reader.warnings)
            ticks = reader.page_ticks if isinstance(reader, StillsReader) else []
            if len(ticks) > 1:  # FFmpeg sees one packet
                found["duration_s"] = reader.info.duration_s
                found["timing"] = page_timing(ticks, reader.info.time_base)
                return
    found["timing"] = timing = read_timing(path, count=count)
    faults += _faults_of(path, timing)


def _look_at_pictures(
    sequence: PictureSequence, found: dict[str, Any], decoding: DecodingSpec, *, count: bool
) -> None:
    files = sequence.files
    found["size_bytes"] = sum(file.stat().st_size for file in files)
    found["pictures"] = PicturesProbe(
        kind="folder" if sequence.kind == "folder" else "pattern",
        num_files=len(files),
        first=files[0].name,
        last=files[-1].name,
    )
    with open_reader(sequence.path, decoding) as reader:
        found["video"] = describe_video(reader)
        found["duration_s"] = reader.info.duration_s
        try:
            num_frames = sum(1 for _ in reader) if count else 0
        finally:
            found["warnings"] = tuple(reader.warnings)
    if count:
        found["timing"] = Timing(
            num_packets=num_frames, is_complete=True, ends_early=False, num_corrupt=0, num_gaps=0
        )


def _faults_of(path: Path, timing: Timing) -> list[str]:
    faults = []
    if timing.num_corrupt:
        packets = "packet that is" if timing.num_corrupt == 1 else "packets that are"
        faults.append(f"{path} has {timing.num_corrupt} {packets} damaged")
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


def _plain(value: object) -> object:
    """What JSON can hold."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Fraction | Path):
        return str(value)
    return value
