"""One part of one job, wherever it runs: how it ended, in an outcome and in the file's log."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.parts import Part, Split
from vsr_cli.batch.places import Report, TakenError
from vsr_cli.batch.progress import Progress, StoppedError
from vsr_cli.batch.record import settings_document
from vsr_cli.batch.stamps import stamp
from vsr_cli.batch.steps import do_file, do_join, do_segment
from vsr_cli.errors import (
    InputError,
    MissingExtraError,
    NumericalError,
    VsrError,
    WeightsError,
    message_of,
)
from vsr_cli.media.segments.work_folder import BusyError

BUSY_S, BUSY_POLL_S = 120, 0.5
# What another attempt would meet again.
FINAL = (ValueError, InputError, NumericalError, WeightsError, MissingExtraError)


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
    split: Split | None = None  # these parts are to be done instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt at one part of a job."""

    job: Job
    part: Part
    attempt: int = 1
    may_split: bool = False  # among several workers
    seconds: float = 0.0  # that the parts before have taken


def run_order(order: Order, progress: Progress) -> Outcome:
    """Do one part of one file; what goes wrong is told in the outcome and in the file's log.

    Raises:
        StoppedError: by ``progress``; the output is not there, and nothing is left of this part.
    """
    started, worker = time.perf_counter(), f"{socket.gethostname()}:{os.getpid()}"
    before = _stamp(order.job.source)
    try:
        with _log_of(order, worker) as log:
            try:
                outcome = _patiently(order, progress)
            except BaseException as error:
                log.info("%s", _one_line(error))
                log.debug("%s", traceback.format_exc())
                raise
            for warning in outcome.warnings:
                log.warning("%s", warning)
            seconds = time.perf_counter() - started
            log.info("%s: %s in %.3f s", order.part, _summary(outcome), seconds)
    except StoppedError:
        raise
    except Exception as error:
        is_final = isinstance(error, (*FINAL, TakenError))
        return Outcome(
            error=_one_line(error),
            may_retry=not is_final or before != _stamp(order.job.source),
            seconds=round(time.perf_counter() - started, 3),
            worker=worker,
        )
    return replace(outcome, seconds=round(seconds, 3), worker=worker)


def _patiently(order: Order, progress: Progress) -> Outcome:
    """Do a part; wait while a worker that was given up, or another run, still has its folder."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            return _do(order, progress)
        except BusyError:
            if time.monotonic() > deadline:
                raise
        progress.on_frame(0)
        time.sleep(BUSY_POLL_S)


def _do(order: Order, progress: Progress) -> Outcome:
    job, part = order.job, order.part
    if part.kind == "segment":
        frames, warnings = do_segment(job, part.number, progress)
        return Outcome(frames=frames, warnings=tuple(warnings))
    if part.kind == "join":
        report: Report | Split = do_join(job, order.seconds)
    else:
        report = do_file(job, progress, may_split=order.may_split)
    if isinstance(report, Split):
        return Outcome(split=report)
    return Outcome(frames=report.frames, warnings=tuple(report.warnings))


def _summary(outcome: Outcome) -> str:
    if outcome.split is not None:
        return f"{len(outcome.split.missing)} segments to be made"
    return f"{outcome.frames} frames"


def _stamp(path: Path) -> tuple[int, int] | None:
    """By what a file is known that is written while it is read."""
    try:
        return stamp(path)
    except OSError:
        return None


@contextmanager
def _log_of(order: Order, worker: str) -> Iterator[logging.Logger]:
    """The file's own log, to which each attempt at each part adds."""
    job = order.job
    job.log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(job.log, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package, log = logging.getLogger("vsr_cli"), logging.Logger("vsr_cli.batch")
    package.addHandler(handler)  # what the stages have to say
    log.addHandler(handler)  # outside of the tree of loggers: for this file alone
    try:
        what = "" if order.part.kind == "file" else f" at {order.part}"
        log.info(
            "attempt %d%s on %s: %s -> %s", order.attempt, what, worker, job.source, job.target
        )
        if order.part.kind == "file":
            log.info("settings %s", settings_document(job))
        yield log
    finally:
        package.removeHandler(handler)
        handler.close()


def _one_line(error: BaseException) -> str:
    """What is said of an error, with its notes."""
    message = message_of(error)
    if not isinstance(error, VsrError | OSError | ValueError):
        message = f"unexpected {type(error).__name__}: {message}"
    return " ".join(message.split())
