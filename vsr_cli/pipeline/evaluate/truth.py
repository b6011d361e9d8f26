"""Clips and stills to be compared: which files, and which of them belong together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.fields import FIELD_SUFFIXES
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import list_stills, open_reader, read_still
from vsr_cli.media.pictures.sequence import STILL_EXTENSIONS
from vsr_cli.media.pixels.formats import without_alpha
from vsr_cli.media.target import CONTAINERS
from vsr_cli.pipeline.alignment import ClipFrames, paired_frames
from vsr_cli.pipeline.degrade import degrade_clip
from vsr_cli.pipeline.evaluate.channels import needed_planes
from vsr_cli.specs import MAX_PIXELS, Channel, DecodingSpec, EvaluateSpec, is_field

# What is a clip in a folder; a file that is named itself may have any ending.
CLIP_EXTENSIONS = frozenset(
    {*CONTAINERS, ".264", ".265", ".avi", ".flv", ".gif", ".mpg", ".ogv", ".ts", ".wmv", ".y4m"}
)


@dataclass(frozen=True, slots=True)
class OpenClip:
    """One clip or still that is open, to be iterated once."""

    path: Path
    info: ClipInfo
    frames: Iterable[Frame]
    warnings: Sequence[str] = ()  # complete when the last frame was read


@contextmanager
def open_clip(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[OpenClip]:
    """Open a video file, or a still as a clip of one frame.

    Raises:
        InputError: the file is missing, cannot be read, or states a frame of more than
            ``max_pixels``.
    """
    if path.suffix.lower() in STILL_EXTENSIONS:
        frame, info = read_still(path, max_pixels=max_pixels)
        yield OpenClip(path, info, [frame])
        return
    with open_reader(path, DecodingSpec(max_pixels=max_pixels)) as reader:
        yield OpenClip(path, reader.info, reader, reader.warnings)


def find_clips(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Files as they are; of a folder its stills or its clips, by name.

    Raises:
        InputError: one does not exist, or a folder holds neither or both.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist; check the name")
        is_folder = path.is_dir() and not holds_values(path)  # a .zarr is one
        found.extend(_in_folder(path) if is_folder else [path])
    return tuple(found)


def holds_values(path: Path) -> bool:
    """True if it is a file of values instead of pictures, by its name."""
    return is_field(path) or path.suffix.lower() in FIELD_SUFFIXES


def _in_folder(folder: Path) -> list[Path]:
    shown = [path for path in folder.iterdir() if path.name[0] != "."]
    files = [path for path in shown if path.is_file() or holds_values(path)]
    stills = [path for path in files if path.suffix.lower() in STILL_EXTENSIONS]
    clips = [path for path in files if path.suffix.lower() in CLIP_EXTENSIONS or holds_values(path)]
    if not (stills or clips):
        raise InputError(f"folder {folder} holds neither clips nor stills; name the files")
    if stills and clips:
        raise InputError(
            f"folder {folder} holds both clips ({len(clips)}) and stills ({len(stills)}); name the "
            "files, or give each kind a folder of its own"
        )
    return list_stills(folder) if stills else sorted(clips, key=lambda path: path.name)


def match_clips(truths: Sequence[Path], given: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """One file of ``given`` (a file or a folder) for each truth, and warnings.

    By name, else by name without ending, else in order where the counts agree.

    Raises:
        InputError: there is nothing there, or no such match.
    """
    files = find_clips([given])
    if len(truths) == len(files) == 1:
        return files, ()
    for name_of in (attrgetter("name"), attrgetter("stem")):
        by_name = {name_of(path): path for path in files}
        names = [name_of(path) for path in truths]
        is_clear = len(by_name) == len(files) and len({*names}) == len(names)
        if is_clear and by_name.keys() >= {*names}:
            return tuple(by_name[name] for name in names), ()
    if len(files) != len(truths):
        raise InputError(
            f"{given} holds {len(files)} files for {len(truths)} truths, and their names differ: "
            "give them the names of the truths"
        )
    return files, (f"the names in {given} differ from the truths': matched in order of names",)


def clip_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The name of each file, with its folders where two would have the same."""
    names = [path.name for path in paths]
    return tuple(
        name if names.count(name) == 1 else str(path)
        for name, path in zip(names, paths, strict=True)
    )


def check_given(truth: OpenClip, given: OpenClip, scale: int) -> tuple[str, ...]:
    """Refuse a given clip that cannot be the truth's, ``scale`` times smaller; returns warnings.

    Raises:
        InputError: its size is neither that of the truth divided by ``scale`` and rounded down
            nor rounded up, or one of the two is RGB and the other is not.
    """
    size, found = ((clip.info.width, clip.info.height) for clip in (truth, given))
    families = [clip.info.pixel_format.family for clip in (truth, given)]
    ranges = [clip.info.color.range for clip in (truth, given)]
    if families.count("gbr") == 1:
        raise InputError(
            f"{truth.path} is {families[0]} and {given.path} is {families[1]}: the luma of RGB "
            "compares with that of RGB only; convert one of them"
        )
    fitting = [{n // scale, -(-n // scale)} for n in size]
    if not all(n in allowed for n, allowed in zip(found, fitting, strict=True)):
        wanted = "x".join(" or ".join(map(str, sorted(allowed))) for allowed in fitting)
        raise InputError(
            f"{given.path} is {found[0]}x{found[1]}, but {truth.path} is {size[0]}x{size[1]}: "
            f"at scale {scale} it must be {wanted}"
        )
    if {*ranges} == {"limited", "full"}:
        return (f"{truth.path} is of {ranges[0]} range and {given.path} of {ranges[1]} range",)
    return ()


def check_channel(truth: OpenClip, given: Sequence[OpenClip], spec: EvaluateSpec) -> None:
    """Refuse clips that have no colour to be compared, or another layout of it than the truth.

    Raises:
        InputError: as said.
    """
    if spec.channel == "luma":
        return
    layout = truth.info.pixel_format
    if spec.channel == "rgb" and layout.family == "gray":
        raise InputError(f"{truth.path} is gray: it has no colour for --channel rgb; leave it out")
    for clip in given:
        found = clip.info.pixel_format
        if without_alpha(found) != without_alpha(layout):
            raise InputError(
                f"{truth.path} is {layout.name} and {clip.path} is {found.name}: with --channel "
                f"{spec.channel} they must have one pixel format; convert one of them"
            )


def counterparts(
    truth: OpenClip,
    given: Sequence[OpenClip],
    waiting: deque[Frame],
    scale: int,
    spec: EvaluateSpec,
    tell: Callable[[str], object],
) -> Iterator[tuple[Frame, ...]]:
    """What belongs to each frame of the truth, which joins those that wait.

    One frame of each given clip, that of the same time; where there is none, the truth's own,
    degraded. ``tell`` is told of clips that begin at different times.

    Raises:
        InputError: a frame is missing or additional, or the rates differ.
    """
    pixel_format, channel = truth.info.pixel_format, spec.channel
    if not given:
        # Stills are compared with published figures, whose inputs MATLAB made.
        is_still = truth.path.suffix.lower() in STILL_EXTENSIONS
        frames, info, name = _remembered(truth, waiting, channel), truth.info, truth.path.name
        low = degrade_clip(
            frames,
            info,
            scale,
            spec.degradation,
            name=name,
            each_axis=is_still,
            all_planes=channel != "luma",
        )
        yield from ((needed_planes(frame, pixel_format, channel),) for frame in low)
        return
    clips = [ClipFrames(clip.path, clip.info, clip.frames) for clip in (truth, *given)]
    for row in paired_frames(clips[0], clips[1:], tell):
        pairs = zip(row, clips, strict=True)
        hr, *others = (
            needed_planes(frame, clip.info.pixel_format, channel) for frame, clip in pairs
        )
        waiting.append(hr)
        yield tuple(others)


def _remembered(truth: OpenClip, waiting: deque[Frame], channel: Channel) -> Iterator[Frame]:
    """The frames of the truth, which join those that wait."""
    for frame in truth.frames:
        waiting.append(needed_planes(frame, truth.info.pixel_format, channel))
        yield frame


def estimate_frames(paths: Sequence[Path], *, max_pixels: int = MAX_PIXELS) -> int | None:
    """The number of frames of all files together, for progress; None where one does not tell."""
    total = 0
    for path in paths:
        if path.suffix.lower() in STILL_EXTENSIONS:
            total += 1
            continue
        with open_clip(path, max_pixels=max_pixels) as clip:
            info = clip.info
        guess = round((info.duration_s or 0) * (info.frame_rate or 0))
        if not (info.num_frames or guess):
            return None
        total += info.num_frames or guess
    return total
