"""Which files a batch takes, where their outputs go, and who computes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

MAX_WORKERS = 1024
SchedulerKind = Literal["auto", "none", "local", "address", "file"]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts of a batch; ``index`` counts from 0."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"a shard i/n counts from 0 to n-1, got {self.index}/{self.count}; "
                f"for a job array: --array=0-{max(0, self.count - 1)}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "3/10" as the fourth of ten parts.

        Raises:
            ValueError: it is not such a pair, or there is no such part.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise ValueError(f"a shard is i/n, such as 0/10, got {text!r}")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """Who hands out the files: nobody (one process), a cluster of this machine, or one that runs.

    ``where`` is the address or the scheduler file of a cluster that runs already.
    """

    kind: SchedulerKind = "auto"
    where: str = ""
    workers: int | None = None  # of local:N

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``none``, ``local``, ``local:4``, ``tcp://host:8786`` or ``FILE.json``.

        Raises:
            ValueError: it is none of these.
        """
        if text in ("auto", "none", "local"):
            return cls(text)  # type: ignore[arg-type]  # as the line above says
        match = re.fullmatch(r"local:(\d+)", text)
        if match is not None:
            return cls("local", workers=int(match[1]))
        if re.fullmatch(r"[a-z]+://\S+", text):
            return cls("address", where=text)
        if text.endswith(".json"):
            return cls("file", where=text)
        raise ValueError(
            "a scheduler is none, local, local:N, an address such as tcp://host:8786, or a "
            f"scheduler file FILE.json, got {text!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """Which files a batch takes, where their outputs go, and who computes them."""

    patterns: tuple[str, ...] = ()  # names of files in folders; empty: the endings of videos
    recursive: bool = True  # folders in folders too
    suffix: str = ""  # after the name of each output, before its ending
    extension: str | None = None  # of the outputs; None: as the input, or .mkv
    overwrite: bool = False  # replace outputs that no batch has made
    scheduler: SchedulerSpec = SchedulerSpec()
    workers: int | None = None  # None: one for each GPU, or for a few cores
    threads_per_worker: int | None = None  # of a CPU; None: the cores shared out
    retries: int = 2  # further attempts, where another one may help
    shard: Shard | None = None  # None: all files
    segment_frames: int | None = None  # of long files; None: a minute's work; 0: never split

    def __post_init__(self) -> None:
        for name in ("workers", "threads_per_worker"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MAX_WORKERS:
                raise ValueError(
                    f"{name.replace('_', ' ')} must be in 1..{MAX_WORKERS}, got {value}"
                )
        if self.retries < 0:
            raise ValueError(f"retries must be at least 0, got {self.retries}")
        if self.segment_frames is not None and self.segment_frames < 0:
            raise ValueError(f"segment frames must be at least 0, got {self.segment_frames}")
        if self.extension is not None and not re.fullmatch(r"\.?[A-Za-z0-9]+", self.extension):
            raise ValueError(f"an extension is letters and digits (mkv), got {self.extension!r}")
        if "/" in self.suffix or "\0" in self.suffix:
            raise ValueError(f"a suffix is a part of a name and holds no /, got {self.suffix!r}")
        if "" in self.patterns:
            raise ValueError("a pattern must not be empty")
        self._check_workers()

    def _check_workers(self) -> None:
        """The number of workers is said once, where it can be chosen at all."""
        kind, given = self.scheduler.kind, self.scheduler.workers
        if given is not None and not 1 <= given <= MAX_WORKERS:
            raise ValueError(f"local:N takes 1 to {MAX_WORKERS} workers, got {given}")
        if self.workers is None:
            return
        if given not in (None, self.workers):
            raise ValueError(f"--workers {self.workers} and local:{given} say different numbers")
        if kind == "none" and self.workers > 1:
            raise ValueError(f"--scheduler none has one worker, got --workers {self.workers}")
        if kind in ("address", "file"):
            raise ValueError("--workers is for local clusters; a running one has its own workers")
