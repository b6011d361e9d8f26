"""Clips in, one video or picture out in which they are seen beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame, FrameWriter
from vsr_cli.media import VideoWriter, check_output, open_writer
from vsr_cli.media.clock import exact_seconds
from vsr_cli.media.target import target_kind
from vsr_cli.pipeline.compare.clips import (
    PREFETCH_FRAMES,
    end_warnings,
    make_tracks,
    open_clips,
    shifts,
    start_warnings,
)
from vsr_cli.pipeline.compare.frames import Comparison
from vsr_cli.pipeline.compare.timeline import Moment, Track, clocks_error_s, moment_at, moments
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.report import Listener, Report, Start, frames_within
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.pipeline.video import check_kept
from vsr_cli.specs import CompareSpec, DecodingSpec, EncodingSpec

_PICTURES = ("still", "pattern")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written so far."""

    frames: int = 0
    start_s: Fraction = Fraction(0)  # on the timeline of the first clip
    end_s: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReport(Report):
    """One comparison: what it shows, and how."""

    inputs: list[str]
    output: str
    labels: list[str]
    layout: str
    frames: int
    width: int  # of the output
    height: int
    panel_width: int  # of each clip, before it is cut and enlarged
    panel_height: int
    start_s: float  # on the timeline of the first clip
    end_s: float
    seconds: float
    fps: float
    warnings: list[str]

    @classmethod
    def of(
        cls, run: Comparison, start: Start, written: Written, watch: Stopwatch, told: Sequence[str]
    ) -> Self:
        """``told`` are the warnings since the start."""
        seconds, common = watch.elapsed(), run.panels.common
        return cls(
            inputs=[str(clip.path) for clip in run.clips],
            output=str(start.output),
            labels=list(run.labels),
            layout=run.panels.spec.layout,
            frames=written.frames,
            width=run.info.width,
            height=run.info.height,
            panel_width=common.width,
            panel_height=common.height,
            start_s=round(float(written.start_s), 6),
            end_s=round(float(written.end_s), 6),
            seconds=round(seconds, 3),
            fps=round(written.frames / seconds, 3),
            warnings=list(dict.fromkeys([*start.warnings, *told])),
        )


def compare_videos(
    sources: Sequence[Path],
    target: Path,
    spec: CompareSpec | None = None,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> CompareReport:
    """Write clips beside each other; the target appears when it is complete, or not at all.

    Each panel shows the frame that is on the screen at that time, and there is a new picture
    whenever one of them changes. The sound and all else of the first file are kept. Frames are held
    only while they are on their way, so memory does not grow with the length of the clips.

    Raises:
        ValueError: settings that cannot be.
        VsrError: a file or the disk does not play along.
    """
    spec, decoding = spec or CompareSpec(), decoding or DecodingSpec()
    listener, watch = listener or Listener(), Stopwatch()
    spec.check_clips(len(sources))
    for source in sources:
        check_output(target, overwrite=True, input_path=source)
    check_output(target, overwrite=overwrite)
    if _is_single(target, spec, decoding):
        decoding = replace(decoding, start_s=spec.at_s)
    with ExitStack() as stack:
        clips = open_clips(stack, sources, decoding, spec.align)
        check_kept(clips[0].reader, encoding)
        run = Comparison.of(clips, spec, for_pictures=target_kind(target) in _PICTURES)
        writer = stack.enter_context(_open(run, target, encoding, decoding, overwrite=overwrite))
        tracks = make_tracks(stack, clips, shifts(clips, spec.align))
        start = _start(run, tracks, writer, decoding)
        listener.on_start(start)
        shown = _moments(run, tracks, target, decoding)
        finished = stack.enter_context(prefetch(run.frames(shown), PREFETCH_FRAMES))
        written = _write(finished, writer, listener)
        told = [f"{clip.path}: {line}" for clip in clips for line in clip.reader.warnings]
        if not spec.shortest:
            told += end_warnings(clips, tracks, written.end_s)
    return CompareReport.of(run, start, written, watch, told)


def _is_single(target: Path, spec: CompareSpec, decoding: DecodingSpec) -> bool:
    """True if one picture is written.

    Raises:
        ValueError: there is a time that does not go with the target.
    """
    is_single = target_kind(target) == "still"
    if is_single and decoding.is_cut:
        raise ValueError(f"{target.name} is one picture: give --at SECONDS, not --start and --end")
    if spec.at_s is not None and not is_single:
        raise ValueError(f"--at is for one picture, such as {target.with_suffix('.png').name}")
    return is_single


def _open(
    run: Comparison,
    target: Path,
    encoding: EncodingSpec | None,
    decoding: DecodingSpec,
    *,
    overwrite: bool,
) -> FrameWriter:
    """The output, with the streams of the first clip where it has room for any."""
    kind, info, first = target_kind(target), run.info, run.clips[0]
    # A y4m file holds the video alone, and its rate would be that of the first clip.
    is_other = kind in ("y4m", "pipe") and first.info.frame_rate != info.frame_rate
    has_streams = first.info.origin == "video" and not (is_other or kind in _PICTURES)
    writer = open_writer(
        target,
        replace(info, num_frames=1) if kind == "still" else info,
        encoding,
        copy_from=first.path if has_streams else None,
        decoding=decoding,
        overwrite=overwrite,
    )
    if isinstance(writer, VideoWriter):
        writer.ends_streams = run.panels.spec.shortest
    return writer


def _start(
    run: Comparison, tracks: Sequence[Track], writer: FrameWriter, decoding: DecodingSpec
) -> Start:
    is_single = target_kind(writer.path) == "still"
    lengths = [frames_within(clip.info, decoding) for clip in run.clips if not clip.is_still]
    known = [length for length in lengths if length is not None]
    late = start_warnings(run.clips, tracks) if run.panels.spec.align == "pts" else []
    return Start(
        input=run.clips[0].path,
        output=writer.path,
        frames=1 if is_single else max(known, default=None) if lengths else 1,
        warnings=(*run.warnings, *late, *writer.warnings),
    )


def _moments(
    run: Comparison, tracks: Sequence[Track], target: Path, decoding: DecodingSpec
) -> Iterable[Moment]:
    """What is shown: all of it, a cut, or one moment."""
    spec, origin_s = run.panels.spec, run.clips[0].first_s
    times = [
        None if time_s is None else origin_s + exact_seconds(time_s)
        for time_s in (decoding.start_s, decoding.end_s)
    ]
    if target_kind(target) == "still":
        return [moment_at(tracks, times[0])]
    return moments(
        tracks,
        clocks_s=clocks_error_s([clip.info for clip in run.clips], tracks),
        start_s=times[0],
        end_s=times[1],
        shortest=spec.shortest,
    )


def _write(
    finished: Iterable[tuple[Moment, Frame]], writer: FrameWriter, listener: Listener
) -> Written:
    """Encode all pictures.

    Raises:
        InputError: there is none.
    """
    written = Written()
    for moment, frame in finished:
        writer.write(frame)
        start_s = written.start_s if written.frames else moment.time_s
        written = Written(written.frames + 1, start_s, moment.time_s + moment.duration_s)
        listener.on_frame(written.frames)
    if not written.frames:
        raise InputError("nothing is shown between start and end")
    return written
