"""Upscale one clip on several devices: each has a process that makes one segment at a time."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.media.segments.survey import Border
from vsr_cli.media.segments.work_folder import WorkFolder, file_digest
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.device import choose_devices, shared_threads
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.report import Listener, Start, UpscaleReport
from vsr_cli.pipeline.segments.crew import Crew
from vsr_cli.pipeline.segments.job import SegmentJob, fingerprint, prepare_job
from vsr_cli.pipeline.segments.plan import missing_stretches, shared_length
from vsr_cli.pipeline.segments.resumable import UnjoinableError
from vsr_cli.pipeline.segments.resume import Kept, ResumeReport, resume_video, run_segments
from vsr_cli.pipeline.segments.survey import survey_source, surveyed_stretch
from vsr_cli.pipeline.segments.worker import Setup
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.pipeline.verify import remove_leftovers
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesReport(ResumeReport):
    """One file that several devices upscaled."""

    frames_by_device: list[int]  # in their order; those of an earlier run are not among them


def upscale_on_devices(
    source: Path,
    target: Path,
    spec: UpscaleSpec,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    resume: bool = False,
    segment_frames: int | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
    load: LoadChain | None = None,
) -> UpscaleReport:
    """Upscale one video file as ``upscale_video`` does, on all devices that ``spec`` names.

    The source is decoded once to find where its segments begin, while those that are found already
    are made, and joined at last without being encoded again. The processes share the cores of the
    CPU. What is finished is kept with ``resume`` when the run ends early, see ``resume_video``;
    without ``segment_frames`` all devices have as many segments. An error on one ends the run.

    Raises:
        ValueError: settings that cannot be, or a clip that cannot be made in segments.
        VsrError: the file, the weights, a device or the disk does not play along.
    """
    devices = tuple(map(str, choose_devices(spec.device)))
    encoding, decoding = encoding or EncodingSpec(), decoding or DecodingSpec()
    paths_and_settings = source, target, replace(spec, device=devices[0]), encoding, decoding
    if len(devices) == 1:  # of cuda:all
        run = partial(resume_video, segment_frames=segment_frames) if resume else upscale_video
        return run(*paths_and_settings, overwrite=overwrite, listener=listener, load=load)
    watch, listener, option = Stopwatch(), listener or Listener(), f"--device {spec.device}"
    _check_tolerance(decoding, option)
    job, start = prepare_job(
        *paths_and_settings,
        overwrite=overwrite,
        length=segment_frames,
        load=load or load_chain,
        option=option,
    )
    job, start = _share_out(job, start, devices, length=segment_frames)
    digest = file_digest(source)
    crew = Crew(_setups(job, devices, digest), watch, listener)
    report = run_segments(
        *(job, start, fingerprint(job, digest), partial(_make, job, crew)),
        watch=watch,
        listener=listener,
        overwrite=overwrite,
        keep=resume,
    )
    return _report(report, crew)


def _check_tolerance(decoding: DecodingSpec, option: str) -> None:
    if decoding.tolerate:
        raise UnjoinableError(
            f"--tolerate {decoding.tolerate} is not for {option}: damage is counted from the start "
            "of a clip, which each device would decode; give one device"
        )


def _setups(job: SegmentJob, devices: Sequence[str], digest: str) -> list[Setup]:
    """What is told to the process of each device."""
    return [
        Setup(
            source=job.source,
            target=job.target,
            spec=replace(job.spec, device=device),
            encoding=job.encoding,
            decoding=job.decoding,
            length=job.length,
            digest=digest,
            folder=WorkFolder(job.target, fingerprint(job, digest)).path,
            threads=shared_threads(len(devices)),
            log_level=logging.getLogger("vsr_cli").getEffectiveLevel(),
        )
        for device in devices
    ]


def _share_out(
    job: SegmentJob, start: Start, devices: Sequence[str], *, length: int | None
) -> tuple[SegmentJob, Start]:
    """The job and the start of the first device as those of all; ``length`` is the user's."""
    length = length or shared_length(job.length, start.frames, len(devices))
    warnings, count = start.warnings, math.ceil((start.frames or 0) / length)
    if 0 < count < len(devices):
        warnings += (
            f"{start.frames} frames in segments of {length} are work for {count} of "
            f"{len(devices)} devices; --segment-frames makes them shorter",
        )
    start = replace(start, device=",".join(devices), warnings=warnings)
    return replace(job, length=length), start


def _make(job: SegmentJob, crew: Crew, work: WorkFolder, kept: Kept) -> list[str]:
    """Have the segments made that are not ``kept``; returns the readers' warnings."""
    if not missing_stretches({number: segment.record for number, segment in kept.items()}):
        return []
    try:
        with crew:
            num_frames = _hand_over(job, crew, work, kept)
            crew.finish()
    finally:
        remove_leftovers(job.target)  # of a process that was about to begin
    made = sum(crew.frames) + sum(len(segment.record.times) for segment in kept.values())
    if made != num_frames:
        raise OutputError(f"{job.source} has {num_frames} frames, but {made} were upscaled")
    return crew.warnings


def _hand_over(job: SegmentJob, crew: Crew, work: WorkFolder, kept: Kept) -> int:
    """Offer each segment as soon as it is known where it ends; returns the frames of the source."""
    borders: list[Border] = []

    def offer(number: int) -> None:
        if number not in kept:
            crew.offer(surveyed_stretch(borders, number))

    def add(border: Border) -> None:
        borders.append(border)
        if len(borders) > 1:
            offer(len(borders) - 2)

    survey = work.read_survey()
    if survey is None:
        survey = survey_source(job, crew.look, add)
        work.write_survey(survey)
    else:
        for border in survey.borders:
            add(border)
    offer(len(borders) - 1)
    return survey.frames


def _report(report: ResumeReport, crew: Crew) -> DevicesReport:
    known = {field.name: getattr(report, field.name) for field in fields(report)}
    known["peak_rss_mb"] = round(report.peak_rss_mb + sum(crew.peak_rss_mb), 1)
    return DevicesReport(**known, frames_by_device=crew.frames)
