"""Two clips in, numbers out: in float64, per frame and per clip; ``table`` names them all.

A metric is one file. Its equation is that of a batch of frames, on their device (``batch``); of two
pictures there is a function that gives a number.
"""

from __future__ import annotations

from vsr_cli.metrics.anomaly import AnomalyCorrelation
from vsr_cli.metrics.batch import FramePairs, TruthFrames
from vsr_cli.metrics.bias import bias, mean_error
from vsr_cli.metrics.clip import ClipAccumulator, to_unit
from vsr_cli.metrics.contour import Outline, OutlineScores, compare_outlines, find_outline
from vsr_cli.metrics.flow import FlowError
from vsr_cli.metrics.gradient import gradient_error
from vsr_cli.metrics.grids import GridLike, LatLonGrid
from vsr_cli.metrics.lpips import LearnedSimilarity
from vsr_cli.metrics.measures import MetricSettings
from vsr_cli.metrics.ms_ssim import multiscale_similarity
from vsr_cli.metrics.pair import crop_border
from vsr_cli.metrics.pixel import mae, mse, psnr, rmse
from vsr_cli.metrics.planes import PlaneAccumulator
from vsr_cli.metrics.quantiles import quantile_error
from vsr_cli.metrics.scores import (
    ClipScores,
    FrameScores,
    MeanScores,
    Scores,
    mean_over_clips,
    scores_to_json,
)
from vsr_cli.metrics.spectrum import Spectra, SpectrumAccumulator
from vsr_cli.metrics.ssim import structural_similarity
from vsr_cli.metrics.table import METRICS, MetricEntry, entry_of, key
from vsr_cli.metrics.temporal import DifferencePsnr, Flicker
from vsr_cli.metrics.units import FieldUnits
from vsr_cli.metrics.vmaf import Vmaf
from vsr_cli.metrics.vorticity import VorticityError, relative_vorticity

__all__ = [
    "METRICS",
    "AnomalyCorrelation",
    "ClipAccumulator",
    "ClipScores",
    "DifferencePsnr",
    "FieldUnits",
    "Flicker",
    "FlowError",
    "FramePairs",
    "FrameScores",
    "GridLike",
    "LatLonGrid",
    "LearnedSimilarity",
    "MeanScores",
    "MetricEntry",
    "MetricSettings",
    "Outline",
    "OutlineScores",
    "PlaneAccumulator",
    "Scores",
    "Spectra",
    "SpectrumAccumulator",
    "TruthFrames",
    "Vmaf",
    "VorticityError",
    "bias",
    "compare_outlines",
    "crop_border",
    "entry_of",
    "find_outline",
    "gradient_error",
    "key",
    "mae",
    "mean_error",
    "mean_over_clips",
    "mse",
    "multiscale_similarity",
    "psnr",
    "quantile_error",
    "relative_vorticity",
    "rmse",
    "scores_to_json",
    "structural_similarity",
    "to_unit",
]
