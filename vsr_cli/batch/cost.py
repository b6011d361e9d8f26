"""What a batch will cost, before it is begun: counted by opening files, timed by a short probe."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vsr_cli.batch.field_file import probe_fields
from vsr_cli.batch.inputs import OTHER_ENDING
from vsr_cli.batch.jobs import FileSettings, Job
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.parts import Measure, measure, prepared
from vsr_cli.batch.probe import (
    LONG_PROBE,
    SHORT_PROBE,
    EnoughError,
    Probe,
    StopAfter,
    frames_per_second,
)
from vsr_cli.errors import VsrError
from vsr_cli.pipeline.segments.job import SegmentJob
from vsr_cli.pipeline.segments.plan import Stretch
from vsr_cli.pipeline.segments.resumable import UnjoinableError
from vsr_cli.pipeline.segments.stretch import run_stretch
from vsr_cli.pipeline.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """Files of one size with the same settings; what is not known is None."""

    model: str
    width: int  # of the output
    height: int
    files: int
    frames: int | None  # None: a container does not tell
    segments: int
    probed: str  # the file that was timed
    fps: float | None  # of one worker
    hours: float | None  # of one worker
    output_bytes: int | None  # of the pictures, without sound and other streams


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What is to be done, and what that takes."""

    out_dir: str
    device: str
    workers: int
    threads: int | None  # of a CPU, each worker
    groups: tuple[GroupPlan, ...]
    failed: dict[str, str]  # files that cannot be read, and why
    skipped: int  # files that are done

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``; ``hours`` takes it that workers do not hinder each other."""
        device_hours = total([group.hours for group in self.groups])
        return {
            **asdict(self),
            "files": sum(group.files for group in self.groups),
            "segments": sum(group.segments for group in self.groups),
            "frames": total([group.frames for group in self.groups]),
            "device_hours": device_hours,
            "hours": None if device_hours is None else round(device_hours / self.workers, 6),
            "output_bytes": total([group.output_bytes for group in self.groups]),
        }


def total(values: Sequence[float | None]) -> float | None:
    """The sum, or None where a part of it is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def cost_of(
    jobs: Sequence[Job],
    out_dir: Path,
    listener: BatchListener,
    *,
    device: str,
    workers: int,
    threads: int | None,
    skipped: int,
) -> BatchPlan:
    """Open all files, and time the first one of each size and settings; nothing is written.

    Raises:
        ValueError: settings that cannot be.
    """
    groups: dict[tuple[FileSettings, int, int], list[tuple[Job, Measure]]] = {}
    failed = {}
    for job in jobs:
        try:
            found = measure(job)
        except (VsrError, OSError) as error:
            failed[str(job.source)] = str(error)
            continue
        key = job.settings, found.width, found.height
        groups.setdefault(key, []).append((job, found))
    planned = []
    for number, members in enumerate(groups.values(), start=1):
        listener.on_note(f"timing {number} of {len(groups)}: {members[0][0].source}")
        planned.append(_plan_group(members, failed))
    return BatchPlan(
        out_dir=str(out_dir),
        device=device,
        workers=workers,
        threads=threads,
        groups=tuple(planned),
        failed=failed,
        skipped=skipped,
    )


def _plan_group(members: Sequence[tuple[Job, Measure]], failed: dict[str, str]) -> GroupPlan:
    (job, found), fps, frame_bytes = members[0], None, None
    try:
        if job.is_field:
            fps = probe_fields(job)
        else:
            fps, frame_bytes = _probe(job)
    except (VsrError, OSError) as error:
        failed[str(job.source)] = str(error)
    counted = total([each.frames for _, each in members])
    frames = None if counted is None else int(counted)
    return GroupPlan(
        model=job.settings.upscale.model,
        width=found.width,
        height=found.height,
        files=len(members),
        frames=frames,
        segments=sum(each.segments for _, each in members),
        probed=str(job.source),
        fps=None if fps is None else round(fps, 3),
        hours=None if fps is None or frames is None else round(frames / fps / 3600, 6),
        output_bytes=None if frame_bytes is None or frames is None else round(frames * frame_bytes),
    )


def _probe(job: Job) -> tuple[float, float | None]:
    """Frames per second, and bytes of a frame, of a file's first frames.

    Raises:
        VsrError, OSError: the file cannot be read, or not be upscaled.
    """
    with tempfile.TemporaryDirectory() as folder:
        target, has_size = Path(folder) / job.target.name, True
        try:
            segments = _prepared(job, target)
        except UnjoinableError:
            target, has_size = target.with_name("probe" + OTHER_ENDING), False
            segments = _prepared(job, target)
        short, _ = _timed(segments, SHORT_PROBE, Path(folder))
        long, size = _timed(segments, LONG_PROBE, Path(folder))
    return frames_per_second(short, long), size / long.frames if has_size else None


def _prepared(job: Job, target: Path) -> SegmentJob:
    settings, encoding = job.settings, job.settings.encoding
    if target.suffix == OTHER_ENDING != job.target.suffix:
        encoding = replace(encoding, codec=None, pix_fmt=None)
    probed = replace(settings, encoding=encoding)
    found, _ = prepared(replace(job, target=target, settings=probed, segment_frames=LONG_PROBE))
    return found


def _timed(job: SegmentJob, length: int, folder: Path) -> tuple[Probe, int]:
    """What the first frames take, and the bytes that they become."""
    started, stop = time.perf_counter(), StopAfter(length)
    with suppress(EnoughError):
        run_stretch(
            replace(job, length=length),
            Stretch(first=0, end=None, context=(), head=None),
            lambda number: folder / f"{length}-{number}.segment",
            watch=Stopwatch(),
            listener=stop,
        )
    seconds = time.perf_counter() - started
    size = (folder / f"{length}-0.segment").stat().st_size
    return Probe(seconds, stop.frames), size
