"""Two clips in, numbers out: PSNR and SSIM in float64, per frame and per clip."""

from __future__ import annotations

from vsr_cli.metrics.clip import (
    ClipAccumulator,
    ClipScores,
    FrameScores,
    MeanScores,
    mean_over_clips,
    scores_to_json,
)
from vsr_cli.metrics.contour import Outline, OutlineScores, compare_outlines, find_outline
from vsr_cli.metrics.pair import crop_border
from vsr_cli.metrics.pixel import mse, psnr
from vsr_cli.metrics.ssim import structural_similarity

__all__ = [
    "ClipAccumulator",
    "ClipScores",
    "FrameScores",
    "MeanScores",
    "Outline",
    "OutlineScores",
    "compare_outlines",
    "crop_border",
    "find_outline",
    "mean_over_clips",
    "mse",
    "psnr",
    "scores_to_json",
    "structural_similarity",
]
