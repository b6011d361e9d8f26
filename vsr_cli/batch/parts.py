"""What one worker does of a file at a time: all of it, one of its segments, or their joining."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vsr_cli.batch.field_file import measure_fields
from vsr_cli.batch.jobs import Job
from vsr_cli.errors import VsrError
from vsr_cli.media import open_reader
from vsr_cli.pipeline.fields.networks import field_scale
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.pipeline.report import Start, frames_within
from vsr_cli.pipeline.segments.job import SegmentJob, prepare_job
from vsr_cli.pipeline.segments.plan import LEAST_FRAMES, segment_length
from vsr_cli.pipeline.segments.resumable import UnjoinableError, check_resumable
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import choose_size

KEPT_JOBS = 2  # prepared ones, of a process that makes one segment after the other


@dataclass(frozen=True, slots=True)
class Part:
    """All of a file, or what finds out that it is long; one segment of it; or their joining."""

    kind: Literal["file", "segment", "join"] = "file"
    number: int = 0  # of the segment

    def __str__(self) -> str:
        return f"segment {self.number}" if self.kind == "segment" else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A long file in segments, and which of them are not made yet."""

    missing: tuple[int, ...]
    frames: int  # of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much there is to do for a file, as far as it tells without being decoded."""

    width: int  # of a frame of the output
    height: int
    frames: int | None
    length: int  # frames of a segment; 0: it is never split

    @property
    def segments(self) -> int:
        """How many there would be; a file of less than two is made in one go."""
        if not self.frames or not self.length or self.frames < 2 * self.length:
            return 1
        return -(-self.frames // self.length)

    @property
    def is_long(self) -> bool:
        """True if it is made in segments: also where the container does not tell how many."""
        return self.segments > 1 or (self.frames is None and self.length > 0)


def measure(job: Job) -> Measure:
    """Open a file and look.

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file cannot be read, or networks cannot be had.
    """
    if job.is_field:
        return _measure_fields(job)
    spec, decoding = job.settings.upscale, job.settings.decoding
    with open_reader(job.source, decoding) as reader:
        info = reader.info
    size, frames = choose_size(spec, info), frames_within(info, decoding)
    length = job.segment_frames
    if length is None and (frames or 0) < 2 * LEAST_FRAMES:
        length = LEAST_FRAMES
    elif length is None:
        chain = load_chain_once(spec.model, size.scale, domain=spec.domain, weights=spec.weights)
        length = segment_length(chain, StageSettings.of(spec, info, chain), info, size)
    try:
        check_resumable(job.source, job.target, job.settings.encoding)
    except UnjoinableError:
        length = 0
    return Measure(width=size.width, height=size.height, frames=frames, length=length)


def _measure_fields(job: Job) -> Measure:
    """Of a file of fields, which is never split."""
    scale = field_scale(job.settings.upscale)
    frames, height, width = measure_fields(job.source, job.settings.fields)
    return Measure(width=scale * width, height=scale * height, frames=frames, length=0)


def num_parts(job: Job) -> int:
    """How many workers a file can keep at work, as far as it tells; a bad one keeps one."""
    try:
        found = measure(job)
    except (ValueError, VsrError, OSError):
        return 1
    return found.segments if may_be_split(job) else 1


def may_be_split(job: Job) -> bool:
    """False where each segment would have to be decoded from the start, to count the damage."""
    return not job.settings.decoding.tolerate


def prepared(job: Job) -> tuple[SegmentJob, Start]:
    """What the segments of a file are made of; a process prepares it once.

    Raises:
        UnjoinableError: the file cannot be made in segments.
        ValueError, VsrError: as ``prepare_job``.
    """
    status = job.source.stat()
    return _prepared(job, (status.st_size, status.st_mtime_ns), threading.get_ident())


@lru_cache(maxsize=KEPT_JOBS)
def _prepared(job: Job, stamp: tuple[int, int], thread: int) -> tuple[SegmentJob, Start]:
    del stamp, thread  # networks belong to one thread, and a file that changed is another one
    settings = job.settings
    return prepare_job(
        job.source,
        job.target,
        settings.upscale,
        settings.encoding,
        settings.decoding,
        overwrite=True,  # who made it was looked at before the first segment
        length=job.segment_frames,
        load=load_chain_once,
    )
