"""What lies at an output's place, and what its record says of it."""

from __future__ import annotations

import time
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
from vsr_cli.pipeline.fields.report import FieldReport
from vsr_cli.pipeline.report import UpscaleReport

Report: TypeAlias = UpscaleReport | FieldReport


class TakenError(OutputError):
    """A file lies where the output should go, and no batch has made it."""


def is_ours(job: Job, before: Record | None) -> bool:
    """True if what lies at the output's place is a batch's: recorded, or made by one that died."""
    if before is None:
        return False
    if before.state == "done" or before.may_replace or before.is_joining:
        return True
    return stamp(job.target)[1] >= before.started_ns


def running(job: Job) -> Record:
    """The record of a job that is not done."""
    return Record(
        state="running",
        input=Fingerprint.of(job.source),
        settings=settings_document(job),
        tolerate=job.settings.decoding.tolerate,
        started_ns=time.time_ns(),
    )


def surveyed(job: Job) -> Record:
    """The record of a job whose input was surveyed, and is still what it was."""
    record = read_record(job.record)
    if record is None or (record.input.size, record.input.mtime_ns) != stamp(job.source):
        raise changed(job)
    return record


def take_back(job: Job, found: Record, before: Record | None) -> None:
    """Leave the record as it was, unless another attempt has written one since."""
    current = read_record(job.record)
    if current is None or current.token != found.token:
        return
    if before is None:  # nothing came of it, so there is nothing to know
        job.record.unlink(missing_ok=True)
    else:
        before.write(job.record, job.source)


def write_done(job: Job, running: Record, report: Report) -> None:
    """Look at what was made once more, and write down that it is done."""
    if stamp(job.source) != (running.input.size, running.input.mtime_ns):
        raise changed(job)
    if (counted := count_output(job)) != report.frames:
        raise OutputError(f"{job.target} has {counted} frames, but {report.frames} were written")
    size, mtime_ns = stamp(job.target)
    done = replace(
        running,
        state="done",
        token="",
        is_joining=False,
        frames=counted,
        output_size=size,
        output_mtime_ns=mtime_ns,
        report=report.to_json(),
    )
    done.write(job.record, job.source)


def changed(job: Job) -> OSError:
    """The error of an input that was written while it was read."""
    return OSError(f"{job.source} changed while it was read; run again when it is complete")
