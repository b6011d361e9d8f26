"""What runs on a worker of a cluster: one job at a time, with paths for arguments."""

from __future__ import annotations

import signal
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from vsr_cli import __version__
from vsr_cli.batch.progress import StoppedError
from vsr_cli.batch.work import Order, Outcome, run_order
from vsr_cli.pipeline.device import limit_threads
from vsr_cli.pipeline.memory import give_back_freed_memory, keep_freed_memory

if TYPE_CHECKING:
    from distributed import Worker

TELL_EVERY_S = 0.5  # what a worker tells passes the scheduler, which has other things to do


def dask_setup(worker: Worker) -> None:
    """Called by the worker's process when it starts, if this module is its preload.

    A Ctrl-C reaches every process of a terminal; workers leave it to the one that started them.
    """
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()


def worker_version() -> str:
    """What the results of a worker depend on: versions of vsr, torch and PyAV."""
    return f"vsr {__version__}, torch {version('torch')}, PyAV {version('av')}"


def run_on_worker(order: Order, key: str, topic: str, threads: int | None) -> Outcome:
    """Carry out one order; its progress goes to the scheduler as events of ``topic``."""
    if threads is not None:
        limit_threads(threads)
    try:
        return run_order(order, _Events(key, topic))
    finally:
        give_back_freed_memory()  # the next part may be smaller, and other workers' larger


class _Events:
    """Tells the progress of an order as events of (key, word, two numbers); names stay here."""

    def __init__(self, key: str, topic: str) -> None:
        from distributed import get_worker

        self._worker = get_worker()
        self._task = self._worker.get_current_task()
        self._key, self._topic = key, topic
        self._told = 0.0

    def on_start(self, num_frames: int | None, frame_pixels: int) -> None:
        self._worker.log_event(self._topic, (self._key, "start", num_frames, frame_pixels))

    def on_frame(self, number: int) -> None:
        """Raises StoppedError once the client has gone or has let the task go."""
        if (now := time.monotonic()) < self._told + TELL_EVERY_S:
            return
        self._told = now
        task = self._worker.state.tasks.get(self._task)
        is_wanted = task is not None and task.state == "executing"
        if not is_wanted or self._worker.status.name not in ("running", "paused"):
            raise StoppedError("nobody waits for this any more")
        self._worker.log_event(self._topic, (self._key, "frame", number, 0))
