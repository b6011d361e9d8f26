"""What runs in the process of one device: a job is prepared once, then segments are made.

The process that started this one says over a connection which; it hears of each frame, each line of
the log and how each segment ended. When it is gone, so is this one.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from vsr_cli.errors import OutputError, VsrError
from vsr_cli.media.segments.work_folder import WorkFolder
from vsr_cli.pipeline.device import limit_threads, settle_on
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.pipeline.report import Listener, peak_rss_mb
from vsr_cli.pipeline.segments.job import SegmentJob, fingerprint, prepare_job
from vsr_cli.pipeline.segments.plan import Stretch
from vsr_cli.pipeline.segments.stretch import run_stretch
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a worker is told before its first segment."""

    source: Path
    target: Path
    spec: UpscaleSpec  # its device is the worker's
    encoding: EncodingSpec
    decoding: DecodingSpec
    length: int  # frames of a segment
    digest: str  # SHA-256 of the source
    folder: Path  # of the segments
    threads: int  # of the CPU
    log_level: int


@dataclass(frozen=True, slots=True)
class FrameDone:
    """One more frame is written."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that a logger was told."""

    name: str
    level: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A segment is complete."""

    warnings: tuple[str, ...]
    seconds: dict[str, float]  # of a ``Stopwatch``, for this segment alone
    peak_rss_mb: float  # of the process so far


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker ends; ``kind`` is what the error is to be raised as."""

    kind: type[Exception]
    text: str
    notes: tuple[str, ...]
    traceback: str


Message: TypeAlias = FrameDone | LogLine | Made | Failed
Line: TypeAlias = "Connection[Any, Any]"  # to the process that started this one


class _Teller(logging.Handler, Listener):
    """Passes on what happens, in any thread; BrokenPipeError where nobody hears it any more."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def tell(self, message: Message) -> None:
        self.acquire()
        try:
            self._line.send(message)
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(LogLine(record.name, record.levelno, record.getMessage()))

    def on_frame(self, number: int) -> None:
        del number
        self.tell(FrameDone())


def serve(line: Line) -> None:
    """Make the segments that are asked for until nobody asks any more."""
    teller = _Teller(line)
    try:
        setup: Setup = line.recv()
        logging.getLogger().addHandler(teller)
        logging.getLogger("vsr_cli").setLevel(setup.log_level)
        limit_threads(setup.threads)
        keep_freed_memory()
        job, work = _prepare(setup)
        while True:
            teller.tell(_make(job, work, line.recv(), teller))
    except (EOFError, ConnectionError):  # the other process is done, or gone
        return
    except Exception as error:
        teller.tell(_failed(error))


def _prepare(setup: Setup) -> tuple[SegmentJob, WorkFolder]:
    """What the segments are made of, here as in the other processes, and where they go."""
    job, _ = prepare_job(
        setup.source,
        setup.target,
        setup.spec,
        setup.encoding,
        setup.decoding,
        overwrite=True,  # whether it may be was looked at before
        length=setup.length,
    )
    settle_on(job.settings.device)
    work = WorkFolder(setup.target, fingerprint(job, setup.digest))  # locked by who started this
    if work.path != setup.folder:
        raise OutputError(f"{setup.spec.device} computes otherwise than the first device")
    return job, work


def _make(job: SegmentJob, work: WorkFolder, stretch: Stretch, listener: Listener) -> Made:
    watch = Stopwatch()
    warnings = run_stretch(job, stretch, work.place, watch=watch, listener=listener)
    return Made(warnings=tuple(warnings), seconds=watch.seconds, peak_rss_mb=peak_rss_mb())


def _failed(error: Exception) -> Failed:
    kind, text = type(error), str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {(error.strerror or 'unknown error').lower()}"
    if isinstance(error, ValueError | OSError):
        kind = ValueError if isinstance(error, ValueError) else OSError
    elif not isinstance(error, VsrError):
        kind, text = RuntimeError, f"{kind.__name__}: {text}"
    notes = tuple(getattr(error, "__notes__", ()))
    return Failed(kind, text, notes, traceback.format_exc())
