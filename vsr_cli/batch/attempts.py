"""Which part of which job is next, which gets another attempt, and how each job ended."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vsr_cli.batch.jobs import Job
from vsr_cli.batch.parts import Part, Split
from vsr_cli.batch.record import Reason
from vsr_cli.batch.work import Order, Outcome

WHOLE, JOIN = Part(), Part("join")
Unit = tuple[int, Part]  # the index of a job, and a part of it


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What became of one file of a batch."""

    job: Job
    status: Literal["done", "skipped", "failed", "planned"]
    reason: Reason  # why it was run, or "done" if it was skipped
    attempts: int = 0  # at the part that needed most
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a part of a job."""

    index: int  # of the job
    job: Job
    number: int = 1
    part: Part = WHOLE
    seconds: float = 0.0  # that the parts before have taken

    def order(self, *, may_split: bool) -> Order:
        """What is told to whoever does it."""
        return Order(
            job=self.job,
            part=self.part,
            attempt=self.number,
            may_split=may_split,
            seconds=self.seconds,
        )


class Attempts:
    """The jobs of a batch, each tried until it succeeds or has failed for good.

    A part that fails goes to the end of the queue. Where workers died under one, its last attempt
    is made while nothing else runs: if another one was the reason, that one cannot take it along.
    The parts of a file that was split come first, so that few files are under way at once.
    """

    def __init__(self, jobs: Sequence[tuple[Job, Reason]], retries: int) -> None:
        self._jobs, self._retries = list(jobs), retries
        self._queue: deque[Unit] = deque((index, WHOLE) for index in range(len(jobs)))
        self._alone: deque[Unit] = deque()
        self._made: Counter[Unit] = Counter()
        self._running: set[Unit] = set()
        self._missing: dict[int, set[int]] = {}  # segments of files that were split
        self._totals: dict[int, Outcome] = {}  # of the parts of a file that were done
        self._ended: set[int] = set()
        self.results: list[FileResult] = []

    @property
    def num_running(self) -> int:
        """Parts that are being tried."""
        return len(self._running)

    @property
    def is_over(self) -> bool:
        """True if nothing is left to try or under way."""
        return not (self._queue or self._alone or self._running)

    @property
    def running(self) -> list[Job]:
        """The jobs that are being tried; after a run that was ended, those that are cut off."""
        return [self._jobs[index][0] for index in sorted({index for index, _ in self._running})]

    def take(self) -> Attempt | None:
        """The next attempt; None if there is none to be made now."""
        if self._running & {*self._alone}:  # one that is to be alone is at work
            return None
        if self._queue:
            unit = self._queue.popleft()
        elif self._alone and not self._running:
            unit = self._alone[0]
        else:
            return None
        self._running.add(unit)
        self._made[unit] += 1
        index, part = unit
        job, _ = self._jobs[index]
        return Attempt(index, job, self._made[unit], part, self._total(index).seconds)

    def finish(self, attempt: Attempt, outcome: Outcome) -> FileResult | None:
        """Take down how an attempt ended; the job's result, or None if there is more to be done."""
        unit = index, part = attempt.index, attempt.part
        self._running.discard(unit)
        if unit in self._alone:
            self._alone.remove(unit)
        if index in self._ended:  # another part has failed for good
            return None
        left = self._retries + 1 - self._made[unit]
        if outcome.error and outcome.may_retry and left > 0:
            is_last_chance = outcome.worker_died and left == 1
            (self._alone if is_last_chance else self._queue).append(unit)
            return None
        self._add(index, outcome)
        if outcome.error:
            return self._end(index, part, outcome)
        if outcome.split is not None:
            if part == JOIN and left < 0:
                return self._end(index, part, replace(outcome, error="segments were lost again"))
            self._split(index, outcome.split)
            return None
        if part.kind == "segment":
            self._missing[index].discard(part.number)
            if not self._missing[index]:
                self._queue.appendleft((index, JOIN))
            return None
        return self._end(index, part, outcome)

    def _split(self, index: int, split: Split) -> None:
        self._missing[index] = {*split.missing}
        parts = [Part("segment", number) for number in split.missing] or [JOIN]
        self._queue.extendleft((index, part) for part in reversed(parts))

    def _total(self, index: int) -> Outcome:
        return self._totals.get(index, Outcome())

    def _add(self, index: int, outcome: Outcome) -> None:
        before = self._total(index)
        self._totals[index] = replace(
            before,
            seconds=round(before.seconds + outcome.seconds, 3),
            warnings=tuple(dict.fromkeys((*before.warnings, *outcome.warnings))),
        )

    def _end(self, index: int, part: Part, outcome: Outcome) -> FileResult:
        job, reason = self._jobs[index]
        self._ended.add(index)
        self._queue = deque(unit for unit in self._queue if unit[0] != index)
        self._alone = deque(unit for unit in self._alone if unit[0] != index)
        total = self._total(index)
        error = outcome.error
        if error and part.kind == "segment":
            error = f"{part}: {error}; the other segments that are finished are kept"
        result = FileResult(
            job=job,
            status="failed" if error else "done",
            reason=reason,
            attempts=max(made for unit, made in self._made.items() if unit[0] == index),
            outcome=replace(outcome, error=error, seconds=total.seconds, warnings=total.warnings),
        )
        self.results.append(result)
        return result
