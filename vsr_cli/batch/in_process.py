"""The engine without an engine: one file after the other, in this process."""

from __future__ import annotations

from vsr_cli.batch.attempts import Attempt, Attempts
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.work import run_order
from vsr_cli.pipeline.device import limit_threads


def run_in_process(attempts: Attempts, listener: BatchListener, threads: int | None) -> None:
    """Run all jobs here, with ``threads`` threads of the CPU (None: as torch chooses)."""
    if threads is not None:
        limit_threads(threads)
    while (attempt := attempts.take()) is not None:
        outcome = run_order(attempt.order(may_split=False), _Teller(attempt, listener))
        listener.on_end(attempt, outcome, attempts.finish(attempt, outcome))


class _Teller:
    """Passes the progress of one attempt on to the listener."""

    def __init__(self, attempt: Attempt, listener: BatchListener) -> None:
        self._attempt, self._listener = attempt, listener

    def on_start(self, num_frames: int | None, frame_pixels: int) -> None:
        self._listener.on_start(self._attempt, num_frames, frame_pixels)

    def on_frame(self, number: int) -> None:
        self._listener.on_frame(self._attempt, number)
