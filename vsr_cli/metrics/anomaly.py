"""Anomaly correlation: does the result depart from the mean state where the truth does.

References:
    Wilks, "Statistical Methods in the Atmospheric Sciences", 3rd edition (2011), section 8.6.4, the
    uncentred form.

The climatology is the mean over time of the truth of the clip itself, at each pixel, so a clip
needs two frames that differ. Forecasts are scored against a climatology of decades; ours says how
well one clip's own variation is kept. Sums run over all frames and pixels together; a pixel without
a truth (NaN) in a frame has no part in its sums, nor in its mean.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.grids import row_weights
from vsr_cli.metrics.metric import ClipMetric
from vsr_cli.metrics.pair import fill_missing

if TYPE_CHECKING:
    from vsr_cli.metrics.batch import FramePairs
    from vsr_cli.metrics.grids import GridLike


class AnomalyCorrelation(ClipMetric):
    """The anomaly correlation of a clip, in [-1, 1], from frames in order; keeps four pictures."""

    def __init__(self, *, border: int = 0, grid: GridLike = "plane") -> None:
        self.border, self.grid = border, grid
        self._frames = torch.empty(0)  # at each pixel
        self._start = torch.empty(0)  # the first truth; what is summed is what departs from it
        self._sums = (torch.empty(0), torch.empty(0))  # of result and truth at each pixel
        self._products = torch.zeros(3, dtype=torch.float64)  # sr * hr, sr * sr, hr * hr

    def add_batch(self, frames: FramePairs) -> None:
        """Take the next frames."""
        sr, hr = frames.inside(self.border)
        if not self._frames.numel():
            self._start = fill_missing(hr[:1], hr[:1])[0].nan_to_num(0.0)
            self._frames = torch.zeros_like(self._start)
            self._sums = (self._frames, self._frames)
            self._products = self._products.to(frames.device)
        x = (sr - self._start).nan_to_num(0.0)
        y, yy = frames.truth.parts.once(("anomaly", self.border, self.grid), lambda: self._of(hr))
        self._sums = (self._sums[0] + x.sum(0), self._sums[1] + y.sum(0))
        self._products = self._products + torch.stack([self._total(x * y), self._total(x * x), yy])
        self._frames = self._frames + (~hr.isnan()).sum(0)

    def result(self) -> float | None:
        """The correlation so far; None where result or truth never departs from the mean."""
        if not self._frames.numel():
            return None
        sum_x, sum_y = self._sums
        mean = sum_y / self._frames.clamp(min=1)  # the climatology, less the first truth
        with_x, with_mean = float(self._total(mean * sum_x)), float(self._total(mean * sum_y))
        both, only_x, only_y = self._products.tolist()
        covariance = both - with_x
        spread_x = only_x - 2 * with_x + with_mean
        spread_y = only_y - with_mean
        if spread_x <= _noise(only_x) or spread_y <= _noise(only_y):
            return None
        return float(covariance / math.sqrt(spread_x * spread_y))

    def _of(self, hr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the truth departs from its start by, and the sum of its squares."""
        y = (hr - self._start).nan_to_num(0.0)
        return y, self._total(y * y)

    def _total(self, values: torch.Tensor) -> torch.Tensor:
        """Sum over the pixels, each by its area."""
        weights = row_weights(
            values.shape[-2], border=self.border, grid=self.grid, device=values.device
        )
        return (values.sum(-1) @ weights).sum()


def _noise(square: float) -> float:
    """What rounding leaves of a sum of squares from which all of it is subtracted."""
    return 1e-13 * square
