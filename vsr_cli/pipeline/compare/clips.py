"""Clips opened to be compared: their frames as tracks on one timeline, that of the first clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame, FrameReader
from vsr_cli.media import open_reader
from vsr_cli.media.clock import DEFAULT_RATE
from vsr_cli.media.pictures.sequence import find_sequence
from vsr_cli.pipeline.compare.timeline import Track, clocks_error_s
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.seeking import SPARE_FRAMES, WIDEN
from vsr_cli.specs import DecodingSpec
from vsr_cli.specs.compare import Align

PREFETCH_FRAMES = 4  # that wait: decoded ones of each clip, and finished ones for the encoder


@dataclass(frozen=True, slots=True)
class ComparedClip:
    """One clip that is open, and where its first frame stands on its own timeline."""

    reader: FrameReader
    frames: Iterator[Frame]
    first_s: Fraction

    @property
    def path(self) -> Path:
        return self.reader.path

    @property
    def info(self) -> ClipInfo:
        return self.reader.info

    @property
    def is_still(self) -> bool:
        """True for one picture, which has no end."""
        return self.info.origin == "pictures" and self.info.num_frames == 1


def open_clips(
    stack: ExitStack, paths: Sequence[Path], decoding: DecodingSpec, align: Align
) -> list[ComparedClip]:
    """Open all clips; each begins with the frame that is on the screen where the cut begins.

    Args:
        stack: what closes them.
        paths: files, pictures, and standard input once at most.
        decoding: how they are read. Its cut counts from the first frame of the first clip.
        align: see ``shifts``.

    Raises:
        ValueError: a setting that no clip can take.
        InputError: one is missing or cannot be read.
    """
    if sum(str(path) == "-" for path in paths) > 1:
        raise ValueError("standard input holds one clip; give files for the others")
    has_stills = any(_takes_rate(path) for path in paths)
    clips: list[ComparedClip] = []
    for path in paths:
        own = replace(decoding, start_s=None, end_s=None)
        if has_stills and not _takes_rate(path):
            own = replace(own, rate=None)
        if str(path) == "-" or not decoding.start_s:
            clips.append(_open(stack, path, own))
            continue
        with ExitStack() as brief:
            first_s = _open(brief, path, own).first_s
        origin_s = clips[0].first_s if clips else first_s
        start_s = Fraction(decoding.start_s)
        start_s += origin_s - first_s if align == "pts" else 0
        clips.append(replace(_open_at(stack, path, own, start_s, first_s), first_s=first_s))
    return clips


def shifts(clips: Sequence[ComparedClip], align: Align) -> list[Fraction]:
    """Seconds to add to the times of each clip: none, or what puts all first frames together."""
    if align == "pts":
        return [Fraction(0)] * len(clips)
    return [clips[0].first_s - clip.first_s for clip in clips]


def make_tracks(
    stack: ExitStack, clips: Sequence[ComparedClip], shift_s: Sequence[Fraction]
) -> list[Track]:
    """The clips on one timeline, each decoded ahead by a thread of its own."""
    tracks = []
    for clip, shift in zip(clips, shift_s, strict=True):
        ahead = stack.enter_context(prefetch(clip.frames, PREFETCH_FRAMES))
        tracks.append(Track(ahead, clip.info, shift_s=shift, is_still=clip.is_still))
    return tracks


def start_warnings(clips: Sequence[ComparedClip], tracks: Sequence[Track]) -> list[str]:
    """A line for each clip that begins at another time than the first one."""
    first, clocks_s = clips[0], clocks_error_s([clip.info for clip in clips], tracks)
    return [
        f"{clip.path} begins at {float(clip.first_s):.3f} s and {first.path} at "
        f"{float(first.first_s):.3f} s; --align first shows their first frames together"
        for clip in clips[1:]
        if abs(clip.first_s - first.first_s) > clocks_s and not (clip.is_still or first.is_still)
    ]


def end_warnings(
    clips: Sequence[ComparedClip], tracks: Sequence[Track], stop_s: Fraction
) -> list[str]:
    """A line for each clip whose last frame stays on the screen until ``stop_s``."""
    return [
        f"{clip.path} ends at {float(track.end_s):.3f} s, the comparison at {float(stop_s):.3f} s: "
        "its last frame stays; --shortest ends with the first clip that ends"
        for clip, track in zip(clips, tracks, strict=True)
        if track.end_s is not None and not clip.is_still and stop_s - track.end_s > track.step_s / 2
    ]


def _takes_rate(path: Path) -> bool:
    return str(path) != "-" and find_sequence(path) is not None


def _open(stack: ExitStack, path: Path, decoding: DecodingSpec) -> ComparedClip:
    reader = stack.enter_context(open_reader(path, decoding))
    frames = iter(reader)
    first = next(frames)
    return ComparedClip(reader, chain([first], frames), first.pts * reader.info.time_base)


def _open_at(
    stack: ExitStack, path: Path, decoding: DecodingSpec, start_s: Fraction, first_s: Fraction
) -> ComparedClip:
    """Open a clip at the frame that is shown at ``start_s`` from its first frame, or a bit before.

    Of a clip that has ended by then, at its last frames.
    """
    back_s = Fraction(0)
    while True:
        begin_s = float(max(Fraction(0), start_s - back_s))
        with ExitStack() as attempt:
            try:
                clip = _open(attempt, path, replace(decoding, start_s=begin_s or None))
            except InputError:
                if not begin_s:
                    raise
                clip = None
            if clip is not None and (not begin_s or clip.first_s - first_s <= start_s):
                stack.push(attempt.pop_all())
                return clip
        rate = DEFAULT_RATE if clip is None else clip.info.frame_rate or DEFAULT_RATE
        back_s = max(back_s * WIDEN, SPARE_FRAMES / rate)
