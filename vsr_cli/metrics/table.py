"""The table of metrics: what ``--metric`` names, and how each is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from vsr_cli.metrics.anomaly import AnomalyCorrelation
from vsr_cli.metrics.bias import bias, mean_error
from vsr_cli.metrics.flow import FlowError
from vsr_cli.metrics.gradient import gradient_error
from vsr_cli.metrics.lpips import LearnedSimilarity
from vsr_cli.metrics.ms_ssim import multiscale_similarity
from vsr_cli.metrics.pixel import mae, mse, psnr, rmse
from vsr_cli.metrics.quantiles import HIGH, LOW, quantile_error
from vsr_cli.metrics.spectrum import SpectrumAccumulator
from vsr_cli.metrics.ssim import structural_similarity
from vsr_cli.metrics.temporal import DifferencePsnr, Flicker
from vsr_cli.metrics.units import FieldUnits, UnitKind
from vsr_cli.metrics.vmaf import Vmaf
from vsr_cli.metrics.vorticity import VorticityError

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image
    from vsr_cli.specs import MetricName

Better = Literal["higher", "lower", "zero"]


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


class ClipMetric(Protocol):
    """Takes the frames of one clip in order."""

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame; returns its own score if there is one."""

    def result(self) -> float | None:
        """The score of the clip so far, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEntry:
    """One metric of the table."""

    title: str  # with its unit
    style: str  # of its figures
    better: Better
    make: Callable[[MetricSettings], ClipMetric]
    of_values: bool = False  # of a field it takes the values themselves, others those in [0, 1]
    unit: UnitKind = ""
    is_vector: bool = False  # takes all planes of a frame together

    def shown(self, score: float | None) -> str:
        """A score in words; a dash where there is none."""
        return "-" if score is None else format(score, self.style)

    def in_units(self, units: FieldUnits | None) -> MetricEntry:
        """The entry for a field of these units, which its title and figures then show."""
        if units is None or not self.unit:
            return self
        sign = "+" if self.better == "zero" else ""
        title = f"{self.title} {units.of(self.unit)}".rstrip()
        return replace(self, title=title, style=f"{sign}.4g")


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
        self._spectra = SpectrumAccumulator(border=settings.border, grid=settings.grid)

    def add(self, sr: Image, hr: Image) -> None:
        """Take one frame."""
        self._spectra.add(sr, hr)

    def result(self) -> float | None:
        """The figure of the spectra so far."""
        if not self._spectra.num_frames:
            return None
        spectra = self._spectra.spectra()
        return spectra.resolution if self.name == "resolution" else spectra.distance


def _weighted(function: Callable[..., float]) -> Callable[[MetricSettings], ClipMetric]:
    """A metric of frames whose pixels count by their area."""
    return lambda s: FrameMean(partial(function, border=s.border, grid=s.grid))


def _peaked(function: Callable[..., float]) -> Callable[[MetricSettings], ClipMetric]:
    """A metric of frames that knows a peak."""
    return lambda s: FrameMean(partial(function, border=s.border, data_range=s.data_range))


def _quantile(level: float) -> Callable[[MetricSettings], ClipMetric]:
    return lambda s: FrameMean(partial(quantile_error, level=level, border=s.border))


def _vorticity(settings: MetricSettings) -> ClipMetric:
    s = settings
    return VorticityError(border=s.border, grid=s.grid, rows_ascend=s.rows_ascend)


def _lpips(settings: MetricSettings) -> ClipMetric:
    if settings.similarity is None:
        raise ValueError("LPIPS needs its weights: there are none in the settings")
    return FrameMean(partial(settings.similarity.distance, border=settings.border))


def _psnr(settings: MetricSettings) -> ClipMetric:
    s = settings
    return FrameMean(partial(psnr, border=s.border, data_range=s.data_range, grid=s.grid))


def _entry(
    title: str,
    style: str,
    better: Better,
    make: Callable[[MetricSettings], ClipMetric],
    unit: UnitKind = "",
) -> MetricEntry:
    """``unit`` is that of the score of a field, which is then of the values themselves."""
    return MetricEntry(
        title=title, style=style, better=better, make=make, of_values=bool(unit), unit=unit
    )


METRICS: Mapping[MetricName, MetricEntry] = MappingProxyType(
    {
        "psnr": _entry("PSNR dB", ".3f", "higher", _psnr),
        "ssim": _entry("SSIM", ".5f", "higher", _peaked(structural_similarity)),
        "ms-ssim": _entry("MS-SSIM", ".5f", "higher", _peaked(multiscale_similarity)),
        "mse": _entry("MSE", ".3e", "lower", _weighted(mse), "square"),
        "rmse": _entry("RMSE", ".3e", "lower", _weighted(rmse), "value"),
        "mae": _entry("MAE", ".3e", "lower", _weighted(mae), "value"),
        "bias": _entry("bias", "+.2e", "zero", _weighted(bias), "value"),
        "mean-error": replace(
            _entry("mean error", ".2e", "lower", _weighted(mean_error)), of_values=True
        ),
        "gradient": _entry("gradient NRMSE", ".4f", "lower", _weighted(gradient_error)),
        "vorticity": replace(
            _entry("vorticity RMSE", ".4g", "lower", _vorticity, "rate"), is_vector=True
        ),
        "minimum": _entry("minimum", "+.4f", "zero", _quantile(0), "value"),
        "quantile-low": _entry(f"{LOW:.1%} quantile", "+.4f", "zero", _quantile(LOW), "value"),
        "quantile-high": _entry(f"{HIGH:.1%} quantile", "+.4f", "zero", _quantile(HIGH), "value"),
        "maximum": _entry("maximum", "+.4f", "zero", _quantile(1), "value"),
        "acc": _entry(
            "ACC",
            ".5f",
            "higher",
            lambda s: AnomalyCorrelation(border=s.border, grid=s.grid),
        ),
        "tpsnr": _entry(
            "tPSNR dB",
            ".3f",
            "higher",
            lambda s: DifferencePsnr(border=s.border, data_range=s.data_range, grid=s.grid),
        ),
        "flicker": _entry(
            "flicker", ".3e", "lower", lambda s: Flicker(border=s.border, grid=s.grid), "square"
        ),
        "tof": _entry("tOF px", ".4f", "lower", lambda s: FlowError(border=s.border)),
        "resolution": _entry(
            "resolution px", ".2f", "lower", lambda s: SpectralScore(s, "resolution")
        ),
        "lsd": _entry("LSD dB", ".3f", "lower", lambda s: SpectralScore(s, "distance")),
        "lpips": _entry("LPIPS", ".5f", "lower", _lpips),
        "vmaf": _entry("VMAF", ".3f", "higher", lambda s: Vmaf(border=s.border)),
    }
)


def key(metric: MetricName) -> str:
    """The name of a metric in documents and attributes: "ms_ssim" of "ms-ssim"."""
    return metric.replace("-", "_")


def entry_of(score: str, units: FieldUnits | None = None) -> MetricEntry:
    """The entry of a score by its name in a document, with its plane in the title if it has one.

    Raises:
        ValueError: it is the name of no score.
    """
    names = {key(name): entry.in_units(units) for name, entry in METRICS.items()}
    if score in names:
        return names[score]
    for name, entry in names.items():
        if score.startswith(f"{name}_"):
            plane = score.removeprefix(f"{name}_")
            shown = plane.upper() if units is None else plane
            return replace(entry, title=f"{entry.title} {shown}")
    raise ValueError(f"no metric has the score {score!r}")
