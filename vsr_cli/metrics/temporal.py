"""Over time: is the change from frame to frame right, and does the error flicker.

References:
    Chu, Xie, Mayer, Leal-Taixé, Thuerey, "Learning temporal coherence via self-supervision for
    GAN-based video generation", ACM Transactions on Graphics 39 (2020),
    doi:10.1145/3386569.3392457, for why frames by themselves
    do not tell; their measures need optical flow (see flow.py), these do not.

``DifferencePsnr`` is the PSNR of differences of adjacent frames. ``Flicker`` is the variance over
time of the error at a pixel, averaged over the pixels: a constant error does not count, one that
comes and goes does. Scene cuts are frames like others. Pixels without a truth (NaN) in one of two
frames have no difference; flicker is that of the frames in which a pixel has one, at least two.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.metric import ClipMetric, FrameMetric
from vsr_cli.metrics.pair import area_means, check_data_range
from vsr_cli.metrics.pixel import psnr_of_mse

if TYPE_CHECKING:
    from vsr_cli.metrics.batch import FramePairs
    from vsr_cli.metrics.grids import GridLike


class DifferencePsnr(FrameMetric):
    """PSNR in dB of what changes from one frame to the next; keeps one picture.

    The first frame of a clip has no change, and no score.
    """

    def __init__(
        self, *, border: int = 0, data_range: float = 1.0, grid: GridLike = "plane"
    ) -> None:
        super().__init__()
        check_data_range(data_range)
        self.border, self.data_range, self.grid = border, data_range, grid
        self._before: torch.Tensor | None = None  # the error of the frame before, (1, C, H, W)
        self._had_gaps = False

    def per_frame(self, frames: FramePairs) -> torch.Tensor:
        """The score of each frame's change from the one before."""
        sr, hr = frames.inside(self.border)
        errors = sr - hr
        before = torch.full_like(errors[:1], math.nan) if self._before is None else self._before
        changes = torch.cat([before, errors]).diff(dim=0)  # (B, C, H, W)
        has_gaps = frames.has_gaps or self._had_gaps
        self._before, self._had_gaps = errors[-1:], frames.has_gaps
        error = area_means(changes.square(), has_gaps=has_gaps, border=self.border, grid=self.grid)
        return psnr_of_mse(error, data_range=self.data_range)


class Flicker(ClipMetric):
    """Variance over time of the error, mean over the pixels; keeps three pictures.

    The mean and the squares are updated frame by frame (Welford, "Note on a method for calculating
    corrected sums of squares and products", Technometrics 4 (1962)).
    """

    def __init__(self, *, border: int = 0, grid: GridLike = "plane") -> None:
        self.border, self.grid = border, grid
        # The number of frames at each pixel, their mean error, and its squared deviations.
        self._frames = self._mean = self._squares = torch.empty(0)

    def add_batch(self, frames: FramePairs) -> None:
        """Take the next frames."""
        sr, hr = frames.inside(self.border)
        errors = sr - hr
        if not self._frames.numel():
            self._frames = self._mean = self._squares = torch.zeros_like(errors[0])
        for error in errors:
            is_there = ~error.isnan()
            self._frames = self._frames + is_there
            step = torch.where(is_there, error - self._mean, 0.0)
            self._mean = self._mean + step / self._frames.clamp(min=1)
            deviation = torch.where(is_there, step * (error - self._mean), 0.0)
            self._squares = self._squares + deviation

    def result(self) -> float | None:
        """The variance so far (divided by the number of frames); None below two frames."""
        if not (self._frames > 1).any():
            return None
        variance = torch.where(self._frames > 1, self._squares / self._frames, math.nan)
        means = area_means(variance[None], has_gaps=True, border=self.border, grid=self.grid)
        return float(means)
