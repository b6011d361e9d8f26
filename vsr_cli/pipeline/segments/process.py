"""A worker's process as the one that started it sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from tempfile import TemporaryFile
from typing import Self

from vsr_cli.errors import VsrError
from vsr_cli.pipeline.segments import entry
from vsr_cli.pipeline.segments.plan import Stretch
from vsr_cli.pipeline.segments.worker import Failed, Message, Setup

# What ends a run is for the process that began it, which then ends the others.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAST_WORDS = 4096  # bytes of what it wrote on stderr


class WorkerError(VsrError):
    """A worker's process is no more."""


class WorkerProcess:
    """A new process for one device; a context manager that ends it, at once.

    Not by ``multiprocessing``, whose new processes run the script of the user once more, and whose
    environment is not their own: threads are counted when torch is loaded.
    """

    def __init__(self, setup: Setup) -> None:
        """Nothing is started before the context is entered."""
        self.name = setup.spec.device
        self._setup = setup
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.line, other = Pipe()
            stack.enter_context(self.line)
            self._stderr = stack.enter_context(TemporaryFile())
            words = str(other.fileno()), str(os.getpid())
            with other, _blocked_signals():
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", entry.__name__, *words],
                    env=_environment(self._setup.threads),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    pass_fds=[other.fileno()],
                )
                stack.callback(self._kill)
            self._send(self._setup)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def make(self, stretch: Stretch) -> None:
        """Ask for segments; how it goes on is to be received.

        Raises:
            WorkerError: the process is no more.
        """
        self._send(stretch)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            WorkerError: the process is no more.
        """
        try:
            message: Message = self.line.recv()
        except (EOFError, ConnectionError):
            raise self._death() from None
        return message

    def _send(self, item: Setup | Stretch) -> None:
        try:
            self.line.send(item)
        except ConnectionError:
            raise self._death() from None

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _death(self) -> WorkerError:
        code = self._process.wait()
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - LAST_WORDS))
        words = self._stderr.read().decode(errors="replace").split("\n")
        last = next((f": {line.strip()}" for line in reversed(words) if line.strip()), "")
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += ", perhaps for want of memory"
        return WorkerError(f"the process of {self.name} {how}{last}")


def rebuild(failed: Failed) -> Exception:
    """The error of a worker, to be raised here."""
    # Not every error is made of its text alone.
    error: Exception = failed.kind.__new__(failed.kind, failed.text)
    for note in failed.notes:
        error.add_note(note)
    return error


def _environment(threads: int) -> dict[str, str]:
    """Threads that share the cores, and the modules that are found here."""
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    count = str(threads)
    usual = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    return {**usual, "PYTHONPATH": path, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """A process that is started here never gets the signals that end a run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
