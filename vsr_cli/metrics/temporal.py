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
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.pair import area_mean, check_data_range, image_pair
from vsr_cli.metrics.pixel import psnr_of_mse

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image


class DifferencePsnr:
    """PSNR in dB of what changes from one frame to the next; keeps one picture."""

    def __init__(
        self, *, border: int = 0, data_range: float = 1.0, grid: GridLike = "plane"
    ) -> None:
        check_data_range(data_range)
        self.border, self.data_range, self.grid = border, data_range, grid
        self._before: torch.Tensor | None = None  # the error of the frame before
        self._scores: list[float] = []

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame; returns the score of its change, which the first one has not.

        sr, hr: (H, W) or (3, H, W) float in [0, 1].

        Raises:
            ValueError: the images do not fit each other (see ``image_pair``).
        """
        first, second = image_pair(sr, hr, border=self.border)
        before, self._before = self._before, first - second
        if before is None:
            return None
        change = (self._before - before).square()
        error = area_mean(change, border=self.border, grid=self.grid)
        if math.isnan(error):
            return None
        self._scores.append(psnr_of_mse(error, data_range=self.data_range))
        return self._scores[-1]

    def result(self) -> float | None:
        """The mean over all changes so far; None where there is none."""
        return fmean(self._scores) if self._scores else None


class Flicker:
    """Variance over time of the error, mean over the pixels; keeps two pictures.

    The mean and the squares are updated frame by frame (Welford, "Note on a method for calculating
    corrected sums of squares and products", Technometrics 4 (1962)).
    """

    def __init__(self, *, border: int = 0, grid: GridLike = "plane") -> None:
        self.border, self.grid = border, grid
        # The number of frames at each pixel, their mean error, and its squared deviations.
        self._frames = self._mean = self._squares = torch.empty(0)

    def add(self, sr: Image, hr: Image) -> None:
        """Take one frame. sr, hr: (H, W) or (3, H, W) float in [0, 1].

        Raises:
            ValueError: the images do not fit each other (see ``image_pair``).
        """
        first, second = image_pair(sr, hr, border=self.border)
        error = first - second
        if not self._frames.numel():
            self._frames = self._mean = self._squares = torch.zeros_like(error)
        is_there = ~error.isnan()
        self._frames = self._frames + is_there
        step = torch.where(is_there, error - self._mean, 0.0)
        self._mean = self._mean + step / self._frames.clamp(min=1)
        self._squares = self._squares + torch.where(is_there, step * (error - self._mean), 0.0)

    def result(self) -> float | None:
        """The variance so far (divided by the number of frames); None below two frames."""
        if not (self._frames > 1).any():
            return None
        variance = torch.where(self._frames > 1, self._squares / self._frames, math.nan)
        return area_mean(variance, border=self.border, grid=self.grid)
