"""Upscale in segments: what is finished stays finished, whatever ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vsr_cli.media.segments.joining import StoredSegment
from vsr_cli.media.segments.work_folder import WorkFolder, file_digest
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.report import Listener, Start, UpscaleReport
from vsr_cli.pipeline.segments.job import (
    SegmentJob,
    complete_segments,
    count_cuts,
    fingerprint,
    join_segments,
    prepare_job,
)
from vsr_cli.pipeline.segments.plan import missing_stretches
from vsr_cli.pipeline.segments.stretch import run_stretch
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Kept = Mapping[int, StoredSegment]  # by number


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeReport(UpscaleReport):
    """One file that was upscaled in segments."""

    segments: int = 0
    frames_kept: int = 0  # of an earlier run; not in ``fps``


def resume_video(
    source: Path,
    target: Path,
    spec: UpscaleSpec | None = None,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    segment_frames: int | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
    load: LoadChain | None = None,
    digest: str | None = None,
) -> ResumeReport:
    """Upscale one video file as ``upscale_video`` does, or go on where an earlier call was ended.

    Segments of ``segment_frames`` frames (None: a minute's work, by estimate) are encoded apart and
    wait in a hidden folder beside the target until all are there; then they are joined without
    being encoded again. The frames before encoding are those of ``upscale_video``. Work on another
    input, or with other settings, is not used. ``load`` gives the networks, ``load_chain`` by
    default; ``digest`` is the SHA-256 of the source, where it is known.

    Raises:
        ValueError: settings that cannot be, or that cannot be resumed.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    spec, encoding = spec or UpscaleSpec(), encoding or EncodingSpec()
    decoding, listener, watch = decoding or DecodingSpec(), listener or Listener(), Stopwatch()
    job, start = prepare_job(
        source,
        target,
        spec,
        encoding,
        decoding,
        overwrite=overwrite,
        length=segment_frames,
        load=load or load_chain,
    )

    def make(work: WorkFolder, kept: Kept) -> list[str]:
        warnings: list[str] = []
        for stretch in missing_stretches({n: s.record for n, s in kept.items()}):
            warnings += run_stretch(job, stretch, work.place, watch=watch, listener=listener)
        return warnings

    known = fingerprint(job, digest or file_digest(source))
    return run_segments(
        job, start, known, make, watch=watch, listener=listener, overwrite=overwrite
    )


def run_segments(
    job: SegmentJob,
    start: Start,
    known: Mapping[str, str],
    make: Callable[[WorkFolder, Kept], list[str]],
    *,
    watch: Stopwatch,
    listener: Listener,
    overwrite: bool,
    keep: bool = True,
) -> ResumeReport:
    """Have the segments made that are missing, and join all.

    ``known`` is the job's fingerprint. ``make`` gets the work folder and what is in it already, and
    returns warnings. Without ``keep``, what it made is removed when it ends early.

    Raises:
        VsrError: the file or the disk does not play along; and what ``make`` raises.
    """
    with WorkFolder(job.target, known) as work:
        kept = work.segments()
        with _telling_what_is_kept(work, None if keep else kept):
            start = replace(start, warnings=(*start.warnings, *_notes(work, job.target)))
            listener.on_start(_of_the_rest(start, kept))
            warnings = make(work, kept)
            segments = complete_segments(work)
            join_segments(job, segments, overwrite=overwrite)
            work.remove()
    return _report(job, start, watch, segments, kept=_num_frames(kept.values()), warnings=warnings)


def _num_frames(segments: Iterable[StoredSegment]) -> int:
    return sum(len(segment.record.times) for segment in segments)


def _of_the_rest(start: Start, kept: Kept) -> Start:
    """The start of what is still to be done, for the display."""
    if start.frames is None:
        return start
    return replace(start, frames=max(0, start.frames - _num_frames(kept.values())))


def _report(
    job: SegmentJob,
    start: Start,
    watch: Stopwatch,
    segments: Sequence[StoredSegment],
    *,
    kept: int,
    warnings: list[str],
) -> ResumeReport:
    written = _num_frames(segments)
    report = ResumeReport.of(
        start,
        watch,
        frames=(written, written),
        scene_cuts=count_cuts(job, segments),
        warnings=warnings,
    )
    fps = round((written - kept) / report.seconds, 3)
    return replace(report, fps=fps, segments=len(segments), frames_kept=kept)


@contextmanager
def _telling_what_is_kept(work: WorkFolder, alone: Kept | None) -> Iterator[None]:
    """Say in an error's line what is kept; remove the folder if that is nothing.

    Only the segments in ``alone`` are kept, where it is given.
    """
    try:
        yield
    except BaseException as error:
        work.remove_parts()
        if alone is not None:
            for path in {*work.path.glob("*.segment")} - {*map(work.place, alone)}:
                path.unlink(missing_ok=True)
        if not work.remove_if_empty():
            error.add_note(f"finished segments are kept in {work.path}; the same call goes on")
        raise


def _notes(work: WorkFolder, target: Path) -> list[str]:
    """What the user is to know of earlier work."""
    notes = [f"{path.name} is damaged and is made anew" for path in work.damaged]
    if work.others is not None:
        names, folder = work.others
        notes.append(
            f"the work in {folder} is not used, it has another {', '.join(names)}; it is removed "
            f"when {target.name} is complete"
        )
    return notes
