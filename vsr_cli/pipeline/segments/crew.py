"""The devices of one run and the segments that they make, one each at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import wait
from typing import Self

from vsr_cli.pipeline.report import Listener
from vsr_cli.pipeline.segments.plan import Stretch
from vsr_cli.pipeline.segments.process import WorkerProcess, rebuild
from vsr_cli.pipeline.segments.worker import Failed, FrameDone, LogLine, Made, Setup
from vsr_cli.pipeline.stopwatch import Stopwatch

POLL_S = 0.5  # a look for news, where there is nothing else to do

logger = logging.getLogger(__name__)


class Crew:
    """Hands out segments; a context manager that ends all processes, at once.

    A process is started when there is a segment for it.

    Attributes:
        frames: that each device has made.
        warnings: of the readers.
        peak_rss_mb: of each process.
    """

    def __init__(self, setups: Sequence[Setup], watch: Stopwatch, listener: Listener) -> None:
        """One setup for each device; the time that they take is added to ``watch``."""
        self.frames = [0] * len(setups)
        self.warnings: list[str] = []
        self.peak_rss_mb = [0.0] * len(setups)
        self._setups, self._watch, self._listener = setups, watch, listener
        self._workers: list[WorkerProcess] = []
        self._idle: deque[int] = deque()
        self._waiting: deque[Stretch] = deque()
        self._told: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def offer(self, stretch: Stretch) -> None:
        """Have segments made as soon as a device is free."""
        self._waiting.append(stretch)
        self._hand_out()

    def look(self, timeout_s: float = 0.0) -> None:
        """Take in what there is to hear, and wait for it if there is nothing.

        Raises:
            WorkerError: a process is no more.
            ValueError, VsrError, OSError: what went wrong in one.
        """
        lines = {worker.line: index for index, worker in enumerate(self._workers)}
        while ready := wait([*lines], timeout_s):
            for line in ready:
                self._take_in(lines[line])  # type: ignore[index]  # it gives what it was given
            timeout_s = 0.0

    def finish(self) -> None:
        """Wait until all segments are made.

        Raises:
            WorkerError, ValueError, VsrError, OSError: as ``look``.
        """
        while self._waiting or len(self._idle) < len(self._workers):
            self.look(POLL_S)

    def _hand_out(self) -> None:
        while self._waiting:
            if not self._idle and len(self._workers) < len(self._setups):
                setup = self._setups[len(self._workers)]
                self._workers.append(self._stack.enter_context(WorkerProcess(setup)))
                self._idle.append(len(self._workers) - 1)
            if not self._idle:
                return
            self._workers[self._idle.popleft()].make(self._waiting.popleft())

    def _take_in(self, index: int) -> None:
        match self._workers[index].receive():
            case FrameDone():
                self.frames[index] += 1
                self._listener.on_frame(sum(self.frames))
            case LogLine(name, level, text):
                if level < logging.WARNING or text not in self._told:
                    self._told.add(text)
                    logging.getLogger(name).log(level, "%s", text)
            case Made() as made:
                self.warnings += made.warnings
                self.peak_rss_mb[index] = made.peak_rss_mb
                for name, seconds in made.seconds.items():
                    self._watch.seconds[name] = self._watch.total(name) + seconds
                self._idle.append(index)
                self._hand_out()
            case Failed() as failed:
                logger.debug("%s", failed.traceback)
                raise rebuild(failed)
