"""A file of fields in a batch: one part, however long it is."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.probe import (
    LONG_PROBE,
    SHORT_PROBE,
    EnoughError,
    Probe,
    StopAfter,
    frames_per_second,
)
from vsr_cli.batch.progress import Progress, Relay
from vsr_cli.errors import OutputError, VsrError
from vsr_cli.fields import open_fields
from vsr_cli.pipeline.fields.report import FieldReport
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.pipeline.fields.values import summarise
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.specs import FieldSpec


def do_fields(job: Job, progress: Progress, *, is_ours: bool) -> FieldReport:
    """Upscale the fields of one file; ``is_ours`` lets it replace an output.

    Raises:
        StoppedError: by ``progress``; the output is not there.
        ValueError, VsrError: what went wrong.
    """
    settings = job.settings
    return upscale_fields(
        job.source,
        job.target,
        settings.upscale,
        settings.fields,
        overwrite=is_ours,
        listener=Relay(progress),
        load=load_chain_once,
    )


def measure_fields(path: Path, fields: FieldSpec) -> tuple[int, int, int]:
    """The steps of all series of all variables that are upscaled, and the grid's rows and columns.

    Raises:
        InputError: the file cannot be read, or lacks a variable.
    """
    chosen: list[tuple[str, ...]] = [(name,) for name in fields.variables] or [()]
    steps = height = width = 0
    for names in chosen:
        with open_fields(path, names) as streams:
            steps += sum(stream.num_frames for stream in streams)
            height, width = streams[0].height, streams[0].width
    return steps, height, width


def probe_fields(job: Job) -> float:
    """Steps of a file that are upscaled and stored in a second, by two runs over its first ones.

    What both pay once cancels out. The pass that finds the range of values is not made.

    Raises:
        VsrError: the file cannot be read or upscaled.
    """
    fields, spec = job.settings.fields, job.settings.upscale
    if fields.value_range is None:
        names = fields.variables[:1]
        with open_fields(job.source, names) as streams:
            low, high = summarise(step[0] for step in streams[0].read(0, 1)).value_range
        fields = replace(fields, value_range=(low, high))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / job.target.name
        runs = []
        for length in (SHORT_PROBE, LONG_PROBE):
            started, stop = time.perf_counter(), StopAfter(length)
            with suppress(EnoughError):
                upscale_fields(
                    job.source,
                    target,
                    spec,
                    fields,
                    overwrite=True,
                    listener=stop,
                    load=load_chain_once,
                )
            runs.append(Probe(time.perf_counter() - started, stop.frames))
    return frames_per_second(*runs)


def count_steps(job: Job) -> int:
    """The steps in an output, which is opened.

    Raises:
        OutputError: it cannot be read, or lacks a variable.
    """
    try:
        return measure_fields(job.target, job.settings.fields)[0]
    except VsrError as error:
        raise OutputError(str(error)) from error
