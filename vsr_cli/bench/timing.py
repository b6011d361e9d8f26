"""Seconds of a pass, again and again, after one that does not count."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each pass over ``num_frames`` frames."""

    seconds: tuple[float, ...]
    num_frames: int

    def __post_init__(self) -> None:
        if not self.seconds or self.num_frames < 1:
            raise ValueError(f"a timing needs passes and frames, got {self}")

    @property
    def ms_per_frame(self) -> float:
        """The median over the passes."""
        return 1000 * median(self.seconds) / self.num_frames

    @property
    def spread_ms(self) -> tuple[float, float]:
        """Milliseconds for a frame in the fastest and in the slowest pass."""
        return tuple(1000 * s / self.num_frames for s in (min(self.seconds), max(self.seconds)))  # type: ignore[return-value]

    @property
    def fps(self) -> float:
        """Frames per second, the median over the passes."""
        return 1000 / self.ms_per_frame


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    """How long a call takes, its work on the device included."""
    synchronise(device)
    before = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - before
