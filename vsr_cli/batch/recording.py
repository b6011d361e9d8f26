"""The record of a job: begun before its output can appear, finished when that was counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.record import (
    Fingerprint,
    Record,
    count_output,
    read_record,
    settings_document,
)
from vsr_cli.batch.stamps import stamp
from vsr_cli.errors import OutputError
from vsr_cli.pipeline.field_report import FieldReport
from vsr_cli.pipeline.report import UpscaleReport

Report: TypeAlias = UpscaleReport | FieldReport


def new_record(job: Job, known: Fingerprint | None = None) -> Record:
    """The record of a job that is not done."""
    return Record(
        state="running",
        input=known or Fingerprint.of(job.source),
        settings=settings_document(job),
        tolerate=job.settings.decoding.tolerate,
    )


def surveyed_input(job: Job) -> Fingerprint:
    """The input as it was when it was surveyed."""
    record = read_record(job.record)
    if record is None or (record.input.size, record.input.mtime_ns) != stamp(job.source):
        raise changed(job)
    return record.input


def finish_record(job: Job, running: Record, report: Report) -> None:
    """Look at what was made once more, and write down that it is done."""
    if stamp(job.source) != (running.input.size, running.input.mtime_ns):
        raise changed(job)
    if (counted := count_output(job)) != report.frames:
        raise OutputError(f"{job.target} has {counted} frames, but {report.frames} were written")
    size, mtime_ns = stamp(job.target)
    done = replace(
        running,
        state="done",
        frames=counted,
        output_size=size,
        output_mtime_ns=mtime_ns,
        report=report.to_json(),
    )
    done.write(job.record, job.source)


def changed(job: Job) -> OSError:
    """The error of an input that was written while it was read."""
    return OSError(f"{job.source} changed while it was read; run again when it is complete")
