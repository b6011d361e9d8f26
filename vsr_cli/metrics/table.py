"""The table of metrics: what ``--metric`` names, and how each is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from vsr_cli.metrics.anomaly import AnomalyCorrelation
from vsr_cli.metrics.bias import bias_per_frame, mean_error_per_frame
from vsr_cli.metrics.flow import FlowError
from vsr_cli.metrics.gradient import gradient_error_per_frame
from vsr_cli.metrics.measures import (
    MakeMetric,
    SpectralScore,
    decibels,
    perceptual,
    quantile,
    similarity,
    squared,
    vorticity,
    weighted,
)
from vsr_cli.metrics.pixel import mae_per_frame
from vsr_cli.metrics.quantiles import HIGH, LOW
from vsr_cli.metrics.temporal import DifferencePsnr, Flicker
from vsr_cli.metrics.units import FieldUnits, UnitKind
from vsr_cli.metrics.vmaf import Vmaf

if TYPE_CHECKING:
    from vsr_cli.specs import MetricName

Better = Literal["higher", "lower", "zero"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEntry:
    """One metric of the table."""

    title: str  # with its unit
    style: str  # of its figures
    better: Better
    make: MakeMetric
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


def _entry(
    title: str,
    style: str,
    better: Better,
    make: MakeMetric,
    unit: UnitKind = "",
) -> MetricEntry:
    """``unit`` is that of the score of a field, which is then of the values themselves."""
    return MetricEntry(
        title=title, style=style, better=better, make=make, of_values=bool(unit), unit=unit
    )


METRICS: Mapping[MetricName, MetricEntry] = MappingProxyType(
    {
        "psnr": _entry("PSNR dB", ".3f", "higher", squared(decibels)),
        "ssim": _entry("SSIM", ".5f", "higher", similarity),
        "ms-ssim": _entry("MS-SSIM", ".5f", "higher", partial(similarity, is_multiscale=True)),
        "mse": _entry("MSE", ".3e", "lower", squared(lambda error, _: error), "square"),
        "rmse": _entry("RMSE", ".3e", "lower", squared(lambda error, _: error.sqrt()), "value"),
        "mae": _entry("MAE", ".3e", "lower", weighted(mae_per_frame), "value"),
        "bias": _entry("bias", "+.2e", "zero", weighted(bias_per_frame), "value"),
        "mean-error": replace(
            _entry("mean error", ".2e", "lower", weighted(mean_error_per_frame)), of_values=True
        ),
        "gradient": _entry("gradient NRMSE", ".4f", "lower", weighted(gradient_error_per_frame)),
        "vorticity": replace(
            _entry("vorticity RMSE", ".4g", "lower", vorticity, "rate"), is_vector=True
        ),
        "minimum": _entry("minimum", "+.4f", "zero", quantile(0), "value"),
        "quantile-low": _entry(f"{LOW:.1%} quantile", "+.4f", "zero", quantile(LOW), "value"),
        "quantile-high": _entry(f"{HIGH:.1%} quantile", "+.4f", "zero", quantile(HIGH), "value"),
        "maximum": _entry("maximum", "+.4f", "zero", quantile(1), "value"),
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
        "lpips": _entry("LPIPS", ".5f", "lower", perceptual),
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
