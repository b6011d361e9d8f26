"""The engine on workers: Dask hands out the jobs, and paths alone travel."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vsr_cli.batch.attempts import Attempt, Attempts
from vsr_cli.batch.frames_written import FramesWritten
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.work import Outcome
from vsr_cli.batch.worker import run_on_worker, worker_version
from vsr_cli.errors import MissingExtraError, VsrError
from vsr_cli.specs import SchedulerSpec

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 20  # to wait for a scheduler
GONE_S = 15  # without a scheduler, until it is taken for lost
POLL_S = 0.5
ASK_S = 2  # between two looks at which workers there are
LOST = "the scheduler is lost; what is finished is kept, and the same call goes on"


class ClusterError(VsrError):
    """The cluster cannot be reached, or is lost."""


@contextmanager
def connected(scheduler: SchedulerSpec, listener: BatchListener) -> Iterator[Client]:
    """A client of a cluster that runs already, by its address or its scheduler file.

    Raises:
        MissingExtraError: distributed is not installed.
        ClusterError: nobody answers there, or its workers have another version of vsr.
    """
    try:
        from distributed import Client
        from distributed.utils import silence_logging_cmgr
    except ImportError:
        raise MissingExtraError("distributed", "cluster") from None
    place = (
        {"address": scheduler.where}
        if scheduler.kind == "address"
        else {"scheduler_file": scheduler.where}
    )
    try:
        client = Client(**place, timeout=CONNECT_S, set_as_default=False, name="vsr-batch")
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        raise ClusterError(f"no scheduler answers at {scheduler.where}: {error}") from error
    # What the library has to say of a scheduler's loss at length, we say in one line.
    with silence_logging_cmgr(logging.CRITICAL), client:
        _check_workers(client, listener)
        yield client


def _check_workers(client: Client, listener: BatchListener) -> None:
    threads = client.nthreads()
    if not threads:
        listener.on_note("the cluster has no workers yet; the first files wait for them")
        return
    if max(threads.values()) > 1:
        listener.on_note(
            f"workers have up to {max(threads.values())} threads, and take as many files at once; "
            "--nthreads 1 gives each file a process of its own"
        )
    try:
        versions = {*client.run(worker_version).values()}
    except Exception as error:  # whatever a worker without vsr says
        raise ClusterError(
            f"the workers cannot run vsr: {type(error).__name__}: {error}"
        ) from error
    if versions != {worker_version()}:
        found = "; ".join(sorted(versions))
        raise ClusterError(f"workers have {found}, here is {worker_version()}; make them the same")


def run_on_cluster(
    client: Client, attempts: Attempts, listener: BatchListener, threads: int | None
) -> None:
    """Keep every worker at work until all jobs have ended; workers may come and go.

    No more attempts are under way than there are threads of workers, so each worker has one job and
    its death costs that one alone.

    Raises:
        ClusterError: the scheduler is lost.
    """
    run = _ClusterRun(client, attempts, listener, threads)
    try:
        run.work()
    finally:
        run.close()


class _ClusterRun:
    """The attempts that are under way, and what comes back from them."""

    def __init__(
        self, client: Client, attempts: Attempts, listener: BatchListener, threads: int | None
    ) -> None:
        self._client, self._attempts, self._listener = client, attempts, listener
        self._threads = threads
        self._topic = f"vsr-batch-{uuid4().hex}"
        self._inbox: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._under_way: dict[str, tuple[Attempt, Future[Outcome]]] = {}
        self._written = FramesWritten()
        self._heard = time.monotonic()
        self._asked = float(-ASK_S)
        self._num_threads = 0

    def work(self) -> None:
        """Hand out and take in until all jobs have ended."""
        inbox = self._inbox
        self._client.subscribe_topic(self._topic, lambda event: inbox.put(event[1]))
        while not self._attempts.is_over:
            self._check_scheduler()
            self._hand_out()
            self._take_in()

    def close(self) -> None:
        """Let go of what is under way; a worker that has begun stops at its next frame."""
        futures = [future for _, future in self._under_way.values()]
        if futures and self._client.status == "running":
            with suppress(OSError):
                self._client.cancel(futures, force=True)

    def _check_scheduler(self) -> None:
        if self._client.status == "running":
            self._heard = time.monotonic()
        elif self._client.status == "closed" or time.monotonic() > self._heard + GONE_S:
            raise ClusterError(LOST)

    def _hand_out(self) -> None:
        while self._attempts.num_running < self._room():
            attempt = self._attempts.take()
            if attempt is None:
                return
            key = f"{attempt.index}-{attempt.part.kind}-{attempt.part.number}-{attempt.number}"
            future = self._client.submit(
                run_on_worker,
                attempt.order(may_split=self._room() > 1),
                key,
                self._topic,
                self._threads,
                key=f"{self._topic}-{key}",
                pure=False,
            )
            self._under_way[key] = attempt, future
            future.add_done_callback(lambda _, key=key: self._inbox.put((key, "end", 0, 0)))

    def _room(self) -> int:
        """Threads of all workers there are, as they were a moment ago."""
        if self._client.status == "running" and time.monotonic() > self._asked + ASK_S:
            try:
                found = sum(self._client.nthreads().values())
                if self._num_threads and not found:
                    self._listener.on_note("the cluster has no workers now; files wait for them")
                self._num_threads, self._asked = found, time.monotonic()
            except OSError:  # the client takes note that the scheduler has gone, and so do we
                self._num_threads = 0
        return self._num_threads

    def _take_in(self) -> None:
        """Wait for news, not for long, and pass on all there are."""
        try:
            news = self._inbox.get(timeout=POLL_S)
            while True:
                self._pass_on(*news)
                news = self._inbox.get_nowait()
        except Empty:
            pass

    def _pass_on(self, key: str, word: str, count: int | None, pixels: int) -> None:
        if key not in self._under_way:
            return
        attempt, future = self._under_way[key]
        if word == "start":
            self._written.start(attempt, pixels)
            self._listener.on_start(attempt, count, pixels)
        elif word == "frame":
            self._listener.on_frame(attempt, self._written.add(attempt, count or 0))
        elif future.status in ("finished", "error"):
            del self._under_way[key]
            self._end(attempt, _outcome_of(future))
        else:  # cancelled or lost: the scheduler has forgotten it
            raise ClusterError(
                "the scheduler has dropped its tasks; what is finished is kept, and the same call "
                "goes on"
            )

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        if outcome.worker_died:
            self._asked, self._num_threads = -ASK_S, 0
        if outcome.split is not None and attempt.part.kind == "file":
            pixels = self._written.start(attempt)
            self._listener.on_start(attempt, outcome.split.frames, pixels)
        elif attempt.part.kind == "segment":
            frames = self._written.add(attempt, outcome.frames)
            self._listener.on_frame(attempt, frames)
        self._listener.on_end(attempt, outcome, self._attempts.finish(attempt, outcome))


def _outcome_of(future: Future[Outcome]) -> Outcome:
    from distributed.scheduler import KilledWorker

    try:
        if future.status == "finished":
            return future.result()
        error = future.exception()
    except (OSError, TimeoutError) as lost:  # what a worker gave, or its error, did not arrive
        raise ClusterError(LOST) from lost
    if isinstance(error, KilledWorker):
        return Outcome(
            error="the worker died while it had this: killed, or out of memory",
            may_retry=True,
            worker_died=True,
        )
    return Outcome(error=f"unexpected {type(error).__name__}: {error}", may_retry=True)
