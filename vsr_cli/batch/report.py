"""What a batch did: the document of ``--json`` and the rows of its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from vsr_cli.batch.attempts import FileResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of one file."""

    input: str
    output: str
    status: Literal["done", "skipped", "failed", "planned"]
    reason: str  # new, input changed, ...; see ``record.Reason``
    attempts: int
    frames: int
    seconds: float
    worker: str
    error: str
    warnings: tuple[str, ...]
    log: str  # empty: nothing was tried

    @classmethod
    def of(cls, result: FileResult) -> Self:
        """One row of the report."""
        outcome = result.outcome
        return cls(
            input=str(result.job.source),
            output=str(result.job.target),
            status=result.status,
            reason=result.reason,
            attempts=result.attempts,
            frames=outcome.frames if outcome else 0,
            seconds=outcome.seconds if outcome else 0.0,
            worker=outcome.worker if outcome else "",
            error=outcome.error if outcome else "",
            warnings=outcome.warnings if outcome else (),
            log=str(result.job.log) if result.attempts else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What became of all files, in the order of their outputs."""

    out_dir: str
    files: tuple[FileReport, ...]
    workers: int
    seconds: float

    @classmethod
    def of(
        cls, out_dir: str, results: Iterable[FileResult], *, workers: int, seconds: float
    ) -> Self:
        ordered = sorted(results, key=lambda result: str(result.job.place))
        files = tuple(map(FileReport.of, ordered))
        return cls(out_dir=out_dir, files=files, workers=workers, seconds=round(seconds, 3))

    @property
    def counts(self) -> dict[str, int]:
        """How many files have each status."""
        return dict(sorted(Counter(file.status for file in self.files).items()))

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return {**asdict(self), "counts": self.counts}
