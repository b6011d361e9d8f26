"""Values of a field to what networks know, and back: range, gaps, edges, means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vsr_cli.imaging.conservation import block_means, conserve_means, spread
from vsr_cli.imaging.globe import Edges, extend
from vsr_cli.imaging.inpainting import fill_missing
from vsr_cli.specs import FieldSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The range that networks see holds this share of the values on each side, and a tenth more.
TAIL = 1e-3
ROOM = 0.1
SAMPLED = 4096  # values of a step, at most, that quantiles are taken from
MOST_SAMPLED = 1 << 20  # of all steps


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """What one pass over a field tells of its values."""

    value_range: tuple[float, float]  # for the networks
    deviation: float  # standard deviation; 0 where there are no values


@dataclass(slots=True)
class ValueTally:
    """What was seen of a field's values so far; tallies of its parts can be added up.

    What comes of it does not depend on the order, nor on which tally has seen what.
    """

    low: float = math.inf
    high: float = -math.inf
    samples: list[NDArray[np.float64]] = field(default_factory=list)
    num_sampled: int = 0
    halvings: int = 0  # of all samples, so that they stay few and each step weighs the same

    def add(self, step: NDArray[Any]) -> None:
        """One more step, (H, W)."""
        known = step[np.isfinite(step)]
        if known.size:
            self.low, self.high = (
                min(self.low, float(known.min())),
                max(self.high, float(known.max())),
            )
            stride = max(1, known.size // SAMPLED) << self.halvings
            self._keep([known[::stride].astype(np.float64)])

    def merge(self, other: ValueTally) -> None:
        """All that another one has seen."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        samples = other.samples
        while self.halvings < other.halvings:
            self._halve()
        if self.halvings > other.halvings:
            samples = [sample[:: 1 << (self.halvings - other.halvings)] for sample in samples]
        self._keep(samples)

    def summary(self) -> FieldSummary:
        """A range for the networks: quantiles with room, within the field's limits.

        One value in a thousand that is far from all others does not squeeze them into a corner. Of
        a field without any value it is 0 to 1, of a constant one as wide as 1.
        """
        if not self.samples:
            return FieldSummary((0.0, 1.0), 0.0)
        if self.low == self.high:
            return FieldSummary((self.low - 0.5, self.high + 0.5), 0.0)
        sampled = np.concatenate(self.samples)
        inner = np.quantile(sampled, [TAIL, 1 - TAIL])
        room = ROOM * float(inner[1] - inner[0])
        first, last = max(self.low, float(inner[0]) - room), min(self.high, float(inner[1]) + room)
        value_range = (first, last) if first < last else (self.low, self.high)
        return FieldSummary(value_range, float(sampled.std()))

    def _keep(self, samples: Sequence[NDArray[np.float64]]) -> None:
        self.samples += samples
        self.num_sampled += sum(sample.size for sample in samples)
        while MOST_SAMPLED < self.num_sampled > len(self.samples):
            self._halve()

    def _halve(self) -> None:
        self.samples = [np.ascontiguousarray(sample[::2]) for sample in self.samples]
        self.num_sampled = sum(sample.size for sample in self.samples)
        self.halvings += 1


def summarise(steps: Iterable[NDArray[Any]]) -> FieldSummary:
    """The summary of all steps, (H, W) each."""
    tally = ValueTally()
    for step in steps:
        tally.add(step)
    return tally.summary()


def choose_summary(fields: FieldSpec, measure: Callable[[], FieldSummary]) -> FieldSummary:
    """What is known of a field's values: a range that was given, else what a pass over it tells."""
    if fields.value_range is not None and fields.conserve == "none":
        return FieldSummary(fields.value_range, 0.0)
    found = measure()
    if fields.value_range is not None:
        return FieldSummary(fields.value_range, found.deviation)
    return found


@dataclass(frozen=True, slots=True)
class HeldStep:
    """What is kept of a step while the networks have it."""

    values: Tensor  # (H, W) float64, NaN where missing
    valid: Tensor  # (H, W) bool

    @property
    def is_empty(self) -> bool:
        """True if all of it is missing."""
        return not bool(self.valid.any())


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """The way of one series to the networks and back.

    The unit of ``value_range`` is that of the field; nothing is cut at its ends. ``margin`` cells
    on each side are continued by ``edges``, as far as the networks see, and fall away again.
    """

    value_range: tuple[float, float]
    scale: int
    margin: int
    edges: Edges
    areas: Tensor | None = None  # (s*H, s*W), or 1 for either, where block means are to stay
    keeps_gaps: bool = True  # else what networks make of a gap's surroundings stays

    def there(self, step: HeldStep) -> Tensor:
        """(H + 2 margin, W + 2 margin) float32, the range at 0 to 1, without gaps."""
        low, high = self.value_range
        unique = step.values.shape[-1] - self.edges.overlap
        filled = fill_missing(
            step.values[:, :unique],
            step.valid[:, :unique],
            rounds=self.margin,
            wraps=self.edges.across == "periodic",
        )
        filled = torch.cat([filled, filled[:, : self.edges.overlap]], -1)
        if step.is_empty:
            filled = torch.full_like(filled, low)
        return extend(((filled - low) / (high - low)).float(), self.margin, self.edges)

    def back(self, result: Tensor, step: HeldStep) -> Tensor:
        """(s*H, s*W) float64, NaN where the cell is missing of which it is a part."""
        low, high = self.value_range
        height, width = (self.scale * side for side in step.values.shape)
        start = self.scale * self.margin
        inside = result[start : start + height, start : start + width].cpu().double()
        values = inside * (high - low) + low
        if self.areas is not None and not step.is_empty:
            weights = self.areas.expand(height, width)
            values = conserve_means(
                values, step.values, step.valid, weights, self.scale, self.edges
            )
        if not self.keeps_gaps:
            return values
        missing = torch.full_like(values, torch.nan)
        return torch.where(spread(step.valid, self.scale), values, missing)

    def mean_error(self, values: Tensor, step: HeldStep) -> float:
        """The largest difference of a block's mean, 0 where none is kept; ``values`` as stored."""
        if self.areas is None or step.is_empty:
            return 0.0
        means = block_means(values, self.areas.expand(values.shape), self.scale)
        return float((means - step.values)[step.valid].abs().max())


def held_step(values: NDArray[Any]) -> HeldStep:
    """A step (H, W) as it was read; infinities count as missing."""
    whole = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
    return HeldStep(whole, whole.isfinite())
