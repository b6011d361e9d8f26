"""One job from its input to its record, wherever it runs."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.record import Fingerprint, Record, read_record, settings_document
from vsr_cli.errors import (
    InputError,
    MissingExtraError,
    NumericalError,
    OutputError,
    VsrError,
    WeightsError,
)
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.pipeline.report import Listener, Start, UpscaleReport
from vsr_cli.pipeline.verify import count_frames
from vsr_cli.pipeline.video import upscale_video

# What another attempt would meet again.
FINAL = (ValueError, InputError, NumericalError, WeightsError, MissingExtraError)


class TakenError(OutputError):
    """A file lies where the output should go, and no batch has made it."""


class StoppedError(VsrError):
    """Whoever wanted the job done wants it no more."""


class Progress(Protocol):
    """Is told how a job goes on; may raise ``StoppedError``."""

    def on_start(self, num_frames: int | None, frame_pixels: int) -> None:
        """The first frame comes next; ``num_frames`` is an estimate."""

    def on_frame(self, number: int) -> None:
        """So many frames are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt at a job ended."""

    error: str = ""  # one line; empty: the output is there
    may_retry: bool = False  # another attempt may end otherwise
    worker_died: bool = False
    frames: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    worker: str = ""  # machine and process


def run_job(job: Job, attempt: int, progress: Progress) -> Outcome:
    """Upscale one file and record it; what goes wrong is told in the outcome and in the file's log.

    Raises:
        StoppedError: by ``progress``; the output is not there, and nothing is left of it.
    """
    started, worker = time.perf_counter(), f"{socket.gethostname()}:{os.getpid()}"
    try:
        with _log_of(job, attempt, worker) as log:
            try:
                report = _upscale(job, progress)
            except BaseException as error:
                log.info("%s", _one_line(error))
                log.debug("%s", traceback.format_exc())
                raise
            for warning in report.warnings:
                log.warning("%s", warning)
            log.info("%d frames in %.3f s", report.frames, report.seconds)
    except StoppedError:
        raise
    except Exception as error:
        return Outcome(
            error=_one_line(error),
            may_retry=not isinstance(error, (*FINAL, TakenError)),
            seconds=round(time.perf_counter() - started, 3),
            worker=worker,
        )
    return Outcome(
        frames=report.frames,
        seconds=report.seconds,
        warnings=tuple(report.warnings),
        worker=worker,
    )


def _upscale(job: Job, progress: Progress) -> UpscaleReport:
    """The output and its record.

    A record says "running" before the output can appear, so that a run that dies between the two
    leaves no output that nobody knows.
    """
    before, settings = read_record(job.record), job.settings
    if before is None and job.target.exists() and not job.overwrite:
        raise TakenError(
            f"{job.target} exists and no batch has made it; give --overwrite or another folder"
        )
    tolerate = settings.decoding.tolerate
    fingerprint, document = Fingerprint.of(job.source), settings_document(settings)
    running = Record(state="running", input=fingerprint, settings=document, tolerate=tolerate)
    running.write(job.record, job.source)
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        report = upscale_video(
            job.source,
            job.target,
            settings.upscale,
            settings.encoding,
            settings.decoding,
            overwrite=before is not None or job.overwrite,
            listener=_Relay(progress),
            load=load_chain_once,
        )
    except BaseException:
        if before is None:  # nothing came of it, so there is nothing to know
            job.record.unlink(missing_ok=True)
        raise
    after = job.source.stat()
    if (after.st_size, after.st_mtime_ns) != (fingerprint.size, fingerprint.mtime_ns):
        raise OSError(f"{job.source} changed while it was read; run again when it is complete")
    if (found := count_frames(job.target)) != report.frames:
        raise OutputError(f"{job.target} has {found} frames, but {report.frames} were written")
    status = job.target.stat()
    done = Record(
        state="done",
        input=fingerprint,
        settings=document,
        tolerate=tolerate,
        frames=found,
        output_size=status.st_size,
        output_mtime_ns=status.st_mtime_ns,
        report=report.to_json(),
    )
    done.write(job.record, job.source)
    return report


class _Relay(Listener):
    """Passes on what a batch shows of a run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_start(self, start: Start) -> None:
        self._progress.on_start(start.frames, start.frame_pixels)

    def on_frame(self, number: int) -> None:
        self._progress.on_frame(number)


@contextmanager
def _log_of(job: Job, attempt: int, worker: str) -> Iterator[logging.Logger]:
    """The file's own log, to which each attempt adds."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(job.log, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package, log = logging.getLogger("vsr_cli"), logging.Logger("vsr_cli.batch")
    package.addHandler(handler)  # what the stages have to say
    log.addHandler(handler)  # outside of the tree of loggers: for this file alone
    try:
        log.info("attempt %d on %s: %s -> %s", attempt, worker, job.source, job.target)
        log.info("settings %s", settings_document(job.settings))
        yield log
    finally:
        package.removeHandler(handler)
        handler.close()


def _one_line(error: BaseException) -> str:
    """What is said of an error, with its notes."""
    message = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{os.fsdecode(error.filename)}: {(error.strerror or 'unknown error').lower()}"
    if not isinstance(error, VsrError | OSError | ValueError):
        message = f"unexpected {type(error).__name__}: {message}"
    return " ".join("; ".join([message, *getattr(error, "__notes__", ())]).split())
