"""The parts of a job, from its input to its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from vsr_cli.batch.field_file import do_fields
from vsr_cli.batch.jobs import Job
from vsr_cli.batch.parts import Measure, Split, may_be_split, measure, prepared
from vsr_cli.batch.places import (
    Report,
    TakenError,
    is_ours,
    running,
    surveyed,
    take_back,
    write_done,
)
from vsr_cli.batch.progress import Progress, Relay
from vsr_cli.batch.record import Record, is_intact, read_record
from vsr_cli.errors import OutputError
from vsr_cli.media.segments.packets import DamagedSegmentError, SegmentRecord
from vsr_cli.media.segments.packets import read_record as read_segment
from vsr_cli.media.segments.work_folder import WorkFolder, remove_work
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.pipeline.report import UpscaleReport
from vsr_cli.pipeline.segments.job import (
    complete_segments,
    count_cuts,
    fingerprint,
    join_segments,
)
from vsr_cli.pipeline.segments.resumable import UnjoinableError
from vsr_cli.pipeline.segments.resume import ResumeReport, resume_video
from vsr_cli.pipeline.segments.stretch import run_stretch
from vsr_cli.pipeline.segments.survey import survey_source, surveyed_stretch
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.pipeline.video import upscale_video


def do_file(job: Job, progress: Progress, *, may_split: bool) -> Report | Split:
    """The output and its record; or, of a long file, a survey for those who make its segments.

    A record says "running" before the output can appear, so that a run that dies between the two
    leaves no output that nobody knows.

    Raises:
        StoppedError: by ``progress``; the output is not there.
        ValueError, VsrError, OSError: what went wrong.
    """
    before = read_record(job.record)
    if job.target.exists() and not job.overwrite and not is_ours(job, before):
        raise TakenError(
            f"{job.target} exists and no batch has made it; give --overwrite or another folder"
        )
    may_replace = job.overwrite or job.target.exists()
    found = replace(running(job), token=uuid4().hex, may_replace=may_replace)
    found.write(job.record, job.source)
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        report = _make(job, found, progress, may_split=may_split)
        if isinstance(report, Split):
            return report
    except BaseException:
        take_back(job, found, before)
        raise
    write_done(job, found, report)
    remove_work(job.target)  # of other settings
    return report


def _make(job: Job, found: Record, progress: Progress, *, may_split: bool) -> Report | Split:
    """Write the output, or find out in which segments others will."""
    if job.is_field:
        return do_fields(job, progress, is_ours=found.may_replace)
    size = measure(job)
    if may_split and size.is_long and may_be_split(job):
        split = _survey(job, found, progress)
        if split is not None:
            return split
    return _whole(job, size, found, progress)


def _whole(job: Job, size: Measure, found: Record, progress: Progress) -> UpscaleReport:
    settings = job.settings
    paths_and_settings = (
        *(job.source, job.target),
        *(settings.upscale, settings.encoding, settings.decoding),
    )
    relay = Relay(progress)
    if size.is_long:
        try:
            return resume_video(
                *paths_and_settings,
                segment_frames=job.segment_frames,
                overwrite=found.may_replace,
                listener=relay,
                load=load_chain_once,
                digest=found.input.whole,
            )
        except UnjoinableError:
            pass  # of this encoder, as is known only now
    return upscale_video(
        *paths_and_settings, overwrite=found.may_replace, listener=relay, load=load_chain_once
    )


def _survey(job: Job, found: Record, progress: Progress) -> Split | None:
    """Find the places of all segments; None where they could not be joined."""
    try:
        segment_job, start = prepared(job)
    except UnjoinableError:
        return None
    progress.on_start(start.frames, start.frame_pixels)
    with WorkFolder(job.target, fingerprint(segment_job, found.input.whole)) as work:
        kept = {number: each.record for number, each in work.segments().items()}
        survey = work.read_survey()
        if survey is None:
            try:
                survey = survey_source(segment_job, lambda: progress.on_frame(0))
            except BaseException:
                work.remove_if_empty()
                raise
            work.write_survey(survey)
    numbers = range(len(survey.borders))
    frames = survey.frames - sum(len(kept[n].times) for n in numbers if n in kept)
    return Split(missing=tuple(n for n in numbers if n not in kept), frames=frames)


def do_segment(job: Job, number: int, progress: Progress) -> tuple[int, list[str]]:
    """Make one segment of a file that was surveyed; the frames in it, and warnings.

    Raises:
        StoppedError: by ``progress``.
        ValueError, VsrError, OSError: what went wrong.
    """
    segment_job, _ = prepared(job)
    known = fingerprint(segment_job, surveyed(job).input.whole)
    folder = WorkFolder(job.target, known, shared=True)
    if not folder.path.is_dir() or (survey := folder.read_survey()) is None:
        raise OutputError(
            f"there is no work in {folder.path}: it was removed, or this worker computes "
            f"otherwise ({known['device']}, {known['precision']}, torch {known['torch']})"
        )
    with folder as work:
        warnings: list[str] = []
        if _made(work.place(number)) is None:
            first = number * segment_job.length
            warnings = run_stretch(
                segment_job,
                surveyed_stretch(survey.borders, number),
                work.place,
                watch=Stopwatch(),
                listener=Relay(progress, first=first, tell_start=False),
            )
        made = _made(work.place(number))
    if made is None:
        raise OutputError(f"segment {number} in {work.path} is damaged")
    return len(made.times), warnings


def do_join(job: Job, seconds: float) -> UpscaleReport | Split:
    """Join the segments of a file and record the output; or say which segments are missing still.

    ``seconds`` is what they took. Joining again, as after a worker's death, does no harm.

    Raises:
        ValueError, VsrError, OSError: what went wrong.
    """
    before = read_record(job.record)
    if before is not None and before.report and is_intact(job, before):
        remove_work(job.target)
        return ResumeReport(**before.report)
    segment_job, start = prepared(job)
    found, watch = surveyed(job), Stopwatch()
    with WorkFolder(job.target, fingerprint(segment_job, found.input.whole)) as work:
        survey = work.read_survey()
        if survey is None:
            work.remove_if_empty()
            raise OutputError(f"there is no work in {work.path}; call again")
        kept = work.segments()
        missing = tuple(n for n in range(len(survey.borders)) if n not in kept)
        if missing:
            return Split(missing=missing, frames=len(missing) * segment_job.length)
        segments = complete_segments(work)
        times = [time for segment in segments for time in segment.record.times]
        if len(times) != survey.frames:
            raise OutputError(
                f"{len(times)} of {survey.frames} frames are in {work.path}; "
                "remove it to begin anew"
            )
        may_replace = found.may_replace or found.is_joining
        replace(found, is_joining=True).write(job.record, job.source)
        join_segments(segment_job, segments, overwrite=may_replace)
        cuts = count_cuts(segment_job, segments)
        report = ResumeReport.of(
            start, watch, frames=(len(times), survey.frames), scene_cuts=cuts, warnings=[]
        )
        total = report.seconds + seconds
        report = replace(
            report,
            seconds=round(total, 3),
            fps=round(len(times) / total, 3),
            segments=len(segments),
        )
        write_done(job, found, report)
        work.remove()
    return report


def _made(path: Path) -> SegmentRecord | None:
    try:
        return read_segment(path)
    except DamagedSegmentError:
        return None
