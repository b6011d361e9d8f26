"""Which frames of a clip are shown, chosen while they pass, in bounded memory.

The worst and the best frame are known at every moment, and kept. The median one is not before the
last frame: of up to eight frames at even distances, which are thinned out as the clip goes on, the
one whose error is nearest to the median is shown. Up to eight frames it is the median itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from vsr_cli.metrics import FramePairs, Spectra, SpectrumAccumulator, TruthFrames
from vsr_cli.metrics.spectrum import MIN_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vsr_cli.metrics import GridLike

    Codes = NDArray[np.uint16]

SAMPLES = 8
REGION = 64  # pixels of a side
STEP = 8  # pixels between the places that are tried
TOP = 65535  # code of a value of 1


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One frame of the truth and all results, as codes of 16 bits: (H, W) each."""

    number: int  # from 0
    error: float  # mean squared, of the last result
    truth: Codes
    results: tuple[Codes, ...]


@dataclass(frozen=True, slots=True)
class KeptRegion:
    """A square in which the last result gains most on the first one; alone: where it errs most."""

    frame: KeptFrame  # cut to the square
    x: int  # of its left upper corner
    y: int
    gain: float  # of the mean squared error; alone the error itself


class ClipKeeper:
    """Looks at the frames of one clip and keeps those that a report shows, and the spectra."""

    def __init__(self, num_results: int, *, border: int, grid: GridLike) -> None:
        self.border, self.grid = border, grid
        self._spectra = [SpectrumAccumulator(border=border, grid=grid) for _ in range(num_results)]
        self.worst: KeptFrame | None = None
        self.best: KeptFrame | None = None
        self.region: KeptRegion | None = None
        self.errors: list[float] = []
        self.has_spectra = True
        self._number = 0  # of the next frame
        self._samples: list[KeptFrame] = []
        self._stride = 1

    def add(self, truth: Tensor, results: Sequence[Tensor]) -> None:
        """Take the next frame. truth and each result: (H, W) float64 in [0, 1], of one size.

        Where the truth is NaN there is no error; a frame of nothing else is left out.
        """
        errors = [_inside((result - truth).square(), self.border) for result in results]
        number, error = self._number, float(errors[-1].nanmean())
        self._number += 1
        if math.isnan(error):
            return
        results = [result.masked_fill(truth.isnan(), math.nan) for result in results]
        self.errors.append(error)
        self._add_spectra(truth, results)
        is_worst = self.worst is None or error > self.worst.error
        is_best = self.best is None or error < self.best.error
        is_sample = number % self._stride == 0
        if is_worst or is_best or is_sample:
            frame = KeptFrame(number, error, _codes(truth), tuple(map(_codes, results)))
            self.worst = frame if is_worst else self.worst
            self.best = frame if is_best else self.best
            if is_sample:
                self._sample(frame)
        self._find_region(errors, truth, results, number)

    @property
    def median(self) -> KeptFrame | None:
        """The kept frame whose error is nearest to the median of all."""
        if not self.errors:
            return None
        middle = median(self.errors)
        frames = [*self._samples, *filter(None, (self.worst, self.best))]
        return min(frames, key=lambda frame: abs(frame.error - middle))

    def spectra(self) -> tuple[Spectra, ...]:
        """The spectra of each result; none of pictures that are too small for any."""
        if not (self.errors and self.has_spectra):
            return ()
        return tuple(accumulator.spectra() for accumulator in self._spectra)

    def _add_spectra(self, truth: Tensor, results: Sequence[Tensor]) -> None:
        self.has_spectra = min(truth.shape) - 2 * self.border >= MIN_SIDE
        if self.has_spectra:
            frames = TruthFrames(truth[None, None])
            for accumulator, result in zip(self._spectra, results, strict=True):
                accumulator.add_batch(FramePairs(result[None, None], frames))

    def _sample(self, frame: KeptFrame) -> None:
        self._samples.append(frame)
        if len(self._samples) > SAMPLES:
            self._stride *= 2
            self._samples = [kept for kept in self._samples if kept.number % self._stride == 0]

    def _find_region(
        self, errors: list[Tensor], truth: Tensor, results: Sequence[Tensor], number: int
    ) -> None:
        """Keep the square of this frame if none before gained as much."""
        gain = errors[0] - errors[-1] if len(errors) > 1 else errors[-1]
        side = min(REGION, *gain.shape)
        means = F.avg_pool2d(gain.nan_to_num(0.0)[None, None], side, STEP)[0, 0]
        best = float(means.max())
        if self.region is not None and best <= self.region.gain:
            return
        row, column = divmod(int(means.argmax()), means.shape[1])
        y, x = (place * STEP + self.border for place in (row, column))
        cut = (slice(y, y + side), slice(x, x + side))
        square = tuple(_codes(result[cut]) for result in results)
        frame = KeptFrame(number, self.errors[-1], _codes(truth[cut]), square)
        self.region = KeptRegion(frame, x, y, best)


def _inside(values: Tensor, border: int) -> Tensor:
    height, width = values.shape
    return values[border : height - border, border : width - border]


def _codes(image: Tensor) -> Codes:
    """(H, W) in [0, 1] as codes of 16 bits, of its own memory; what is missing is black."""
    image = image.nan_to_num(0.0)
    codes: Codes = (image.clamp(0, 1) * TOP).round().to(torch.int32).cpu().numpy().astype(np.uint16)
    return codes
