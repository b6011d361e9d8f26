"""Metrics as things that take the frames of one clip in order, as the table makes them.

Some need the same parts of a frame: SSIM at one size and at five, several quantiles, both figures
of a spectrum. The metrics of one clip compute them once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from vsr_cli.metrics.ms_ssim import multiscale_similarity
from vsr_cli.metrics.pixel import mse, psnr_of_mse
from vsr_cli.metrics.quantiles import quantile_difference, sorted_values
from vsr_cli.metrics.spectrum import SpectrumAccumulator
from vsr_cli.metrics.ssim import mean_similarity, similarity_factors
from vsr_cli.metrics.vorticity import VorticityError

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.lpips import LearnedSimilarity
    from vsr_cli.metrics.pair import Image

Part = TypeVar("Part")


class FrameParts:
    """What several metrics need of a frame; each part is that of the last pair of images."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Image, Image, Any]] = {}

    def once(
        self, name: str, sr: Image, hr: Image, compute: Callable[[Image, Image], Part]
    ) -> Part:
        """The part of that name of these two images; ``compute`` is the same whenever it is."""
        known = self._parts.get(name)
        if known is None or known[0] is not sr or known[1] is not hr:
            known = (sr, hr, compute(sr, hr))
            self._parts[name] = known
        return cast("Part", known[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """What all metrics of one evaluation share."""

    border: int = 0  # pixels at each side that do not count
    data_range: float = 1.0  # the peak of PSNR and SSIM
    grid: GridLike = "plane"
    # Of a field in its own unit: the values that are 0 and 1 to metrics of pictures.
    value_range: tuple[float, float] | None = None
    rows_ascend: bool = False  # the coordinate along y rises from row to row
    similarity: LearnedSimilarity | None = None  # for LPIPS
    parts: FrameParts = field(default_factory=FrameParts, compare=False)  # of one clip


class ClipMetric(Protocol):
    """Takes the frames of one clip in order."""

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame; returns its own score if there is one."""

    def result(self) -> float | None:
        """The score of the clip so far, if it has one."""


MakeMetric = Callable[[MetricSettings], ClipMetric]


class FrameMean:
    """A metric of single frames: the clip's is the mean over those that have a score."""

    def __init__(self, function: Callable[[Image, Image], float]) -> None:
        self.function = function
        self._scores: list[float] = []

    def add(self, sr: Image, hr: Image) -> float | None:
        """Score one frame; None where so much of the truth is missing that there is no score."""
        score = self.function(sr, hr)
        if math.isnan(score):
            return None
        self._scores.append(score)
        return score

    def result(self) -> float | None:
        """The mean so far."""
        return fmean(self._scores) if self._scores else None


class SpectralScore:
    """One figure of the spectra of a clip."""

    def __init__(self, settings: MetricSettings, name: Literal["resolution", "distance"]) -> None:
        self.name = name
        self._parts = settings.parts
        self._spectra = SpectrumAccumulator(border=settings.border, grid=settings.grid)

    def add(self, sr: Image, hr: Image) -> None:
        """Take one frame."""
        self._spectra.add_powers(self._parts.once("powers", sr, hr, self._spectra.powers))

    def result(self) -> float | None:
        """The figure of the spectra so far."""
        if not self._spectra.num_frames:
            return None
        spectra = self._spectra.spectra()
        return spectra.resolution if self.name == "resolution" else spectra.distance


def weighted(function: Callable[..., float]) -> MakeMetric:
    """A metric of frames whose pixels count by their area."""
    return lambda s: FrameMean(partial(function, border=s.border, grid=s.grid))


def squared(function: Callable[[float, MetricSettings], float]) -> MakeMetric:
    """A metric of frames that is a function of the mean squared error."""

    def make(settings: MetricSettings) -> ClipMetric:
        compute = partial(mse, border=settings.border, grid=settings.grid)
        once = settings.parts.once
        return FrameMean(lambda sr, hr: function(once("mse", sr, hr, compute), settings))

    return make


def decibels(error: float, settings: MetricSettings) -> float:
    """The PSNR that belongs to a mean squared error."""
    return psnr_of_mse(error, data_range=settings.data_range)


def similarity(settings: MetricSettings, *, is_multiscale: bool = False) -> ClipMetric:
    """SSIM, or MS-SSIM, which begins with its parts."""
    compute = partial(similarity_factors, border=settings.border, data_range=settings.data_range)

    def score(sr: Image, hr: Image) -> float:
        factors = settings.parts.once("similarity", sr, hr, compute)
        if not is_multiscale:
            return mean_similarity(factors)
        return multiscale_similarity(
            sr, hr, border=settings.border, data_range=settings.data_range, finest=factors
        )

    return FrameMean(score)


def quantile(level: float) -> MakeMetric:
    """The error of a quantile of the values of a frame."""

    def make(settings: MetricSettings) -> ClipMetric:
        compute, once = partial(sorted_values, border=settings.border), settings.parts.once
        return FrameMean(
            lambda sr, hr: quantile_difference(*once("sorted", sr, hr, compute), level)
        )

    return make


def vorticity(settings: MetricSettings) -> ClipMetric:
    """The error of the vorticity of a flow."""
    s = settings
    return VorticityError(border=s.border, grid=s.grid, rows_ascend=s.rows_ascend)


def perceptual(settings: MetricSettings) -> ClipMetric:
    """LPIPS.

    Raises:
        ValueError: its weights are not there.
    """
    if settings.similarity is None:
        raise ValueError("LPIPS needs its weights: there are none in the settings")
    return FrameMean(partial(settings.similarity.distance, border=settings.border))
