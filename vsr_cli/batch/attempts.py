"""Which job is next, which gets another attempt, and how each one ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.record import Reason
from vsr_cli.batch.work import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What became of one file of a batch."""

    job: Job
    status: Literal["done", "skipped", "failed", "planned"]
    reason: Reason  # why it was run, or "done" if it was skipped
    attempts: int = 0
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a job."""

    index: int  # of the job
    job: Job
    number: int  # from 1


class Attempts:
    """The jobs of a batch, each tried until it succeeds or has failed for good.

    A job that fails goes to the end of the queue. Where workers died under a job, its last attempt
    is made while nothing else runs: if another job was the reason, that one cannot take it along.
    """

    def __init__(self, jobs: Sequence[tuple[Job, Reason]], retries: int) -> None:
        self._jobs, self._retries = list(jobs), retries
        self._queue = deque(range(len(jobs)))
        self._alone: deque[int] = deque()
        self._made = [0] * len(jobs)
        self._running: set[int] = set()
        self.results: list[FileResult] = []

    @property
    def num_running(self) -> int:
        return len(self._running)

    @property
    def is_over(self) -> bool:
        return not (self._queue or self._alone or self._running)

    @property
    def running(self) -> list[Job]:
        """The jobs that are being tried; after a run that was ended, those that are cut off."""
        return [self._jobs[index][0] for index in sorted(self._running)]

    def take(self) -> Attempt | None:
        """The next attempt; None if there is none to be made now."""
        if self._running & {*self._alone}:  # one that is to be alone is at work
            return None
        if self._queue:
            index = self._queue.popleft()
        elif self._alone and not self._running:
            index = self._alone[0]
        else:
            return None
        self._running.add(index)
        self._made[index] += 1
        return Attempt(index, self._jobs[index][0], self._made[index])

    def finish(self, attempt: Attempt, outcome: Outcome) -> FileResult | None:
        """Take down how an attempt ended; the job's result, or None if it is tried again."""
        index = attempt.index
        self._running.discard(index)
        if index in self._alone:
            self._alone.remove(index)
        left = self._retries + 1 - self._made[index]
        if outcome.error and outcome.may_retry and left > 0:
            is_last_chance = outcome.worker_died and left == 1
            (self._alone if is_last_chance else self._queue).append(index)
            return None
        job, reason = self._jobs[index]
        result = FileResult(
            job=job,
            status="failed" if outcome.error else "done",
            reason=reason,
            attempts=self._made[index],
            outcome=outcome,
        )
        self.results.append(result)
        return result
