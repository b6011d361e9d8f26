"""How the table makes its metrics: things that take the frames of one clip in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from vsr_cli.metrics.metric import ClipMetric, FrameMean
from vsr_cli.metrics.ms_ssim import multiscale_per_frame
from vsr_cli.metrics.pixel import mse_per_frame, psnr_of_mse
from vsr_cli.metrics.quantiles import quantile_error_per_frame
from vsr_cli.metrics.spectrum import SpectrumAccumulator
from vsr_cli.metrics.ssim import similarity_per_frame
from vsr_cli.metrics.vorticity import VorticityError

if TYPE_CHECKING:
    import torch

    from vsr_cli.metrics.batch import FramePairs
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.lpips import LearnedSimilarity


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


MakeMetric: TypeAlias = Callable[[MetricSettings], ClipMetric]


class SpectralScore(ClipMetric):
    """One figure of the spectra of a clip."""

    def __init__(self, settings: MetricSettings, name: Literal["resolution", "distance"]) -> None:
        self.name = name
        self._spectra = SpectrumAccumulator(border=settings.border, grid=settings.grid)

    def add_batch(self, frames: FramePairs) -> None:
        """Take the next frames."""
        self._spectra.add_batch(frames)

    def result(self) -> float | None:
        """The figure of the spectra so far."""
        if not self._spectra.num_frames:
            return None
        spectra = self._spectra.spectra()
        return spectra.resolution if self.name == "resolution" else spectra.distance


def weighted(function: Callable[..., torch.Tensor]) -> MakeMetric:
    """A metric of frames whose pixels count by their area."""
    return lambda s: FrameMean(partial(function, border=s.border, grid=s.grid))


def squared(function: Callable[[torch.Tensor, MetricSettings], torch.Tensor]) -> MakeMetric:
    """A metric of frames that is a function of the mean squared error."""
    return lambda s: FrameMean(
        lambda frames: function(mse_per_frame(frames, border=s.border, grid=s.grid), s)
    )


def decibels(error: torch.Tensor, settings: MetricSettings) -> torch.Tensor:
    """The PSNR that belongs to a mean squared error."""
    return psnr_of_mse(error, data_range=settings.data_range)


def similarity(settings: MetricSettings, *, is_multiscale: bool = False) -> ClipMetric:
    """SSIM, or MS-SSIM, which begins with its parts."""
    function = multiscale_per_frame if is_multiscale else similarity_per_frame
    return FrameMean(partial(function, border=settings.border, data_range=settings.data_range))


def quantile(level: float) -> MakeMetric:
    """The error of a quantile of the values of a frame."""
    return lambda s: FrameMean(partial(quantile_error_per_frame, level=level, border=s.border))


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
    return FrameMean(partial(settings.similarity.per_frame, border=settings.border))
