"""Pixel by pixel: mean squared error, its root, mean absolute error, peak signal-to-noise ratio.

References:
    Wang, Bovik, "Mean squared error: love it or leave it?", IEEE Signal Processing Magazine 26
    (2009), doi:10.1109/MSP.2008.930649.
    Rasp et al., "WeatherBench 2", Journal of Advances in Modeling Earth Systems 16 (2024),
    doi:10.1029/2023MS004019, for means that are weighted by area (see grids.py). Where all rows
    have the same height that is the cosine of the latitude of their middle.

Pixels without a truth (NaN) do not count. NaN where there is none at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.pair import check_data_range

if TYPE_CHECKING:
    import torch

    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image


def mse(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """Mean squared error of two images. sr, hr: (H, W) or (3, H, W) float in [0, 1].

    ``border`` pixels at each side do not count; on the ``sphere`` pixels count by their area.

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``).
    """
    return float(mse_per_frame(FramePairs.of(sr, hr), border=border, grid=grid))


def rmse(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """Root of the mean squared error of one frame; arguments and errors as those of ``mse``."""
    return math.sqrt(mse(sr, hr, border=border, grid=grid))


def mae(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """Mean absolute error; arguments and errors as those of ``mse``."""
    return float(mae_per_frame(FramePairs.of(sr, hr), border=border, grid=grid))


def psnr(
    sr: Image, hr: Image, *, border: int = 0, data_range: float = 1.0, grid: GridLike = "plane"
) -> float:
    """Peak signal-to-noise ratio in dB. sr, hr: (H, W) or (3, H, W) float in [0, 1].

    ``data_range`` is the peak. Infinite for identical images: nothing is added to the error, so no
    value is capped.

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``), or the peak is none.
    """
    error = mse_per_frame(FramePairs.of(sr, hr), border=border, grid=grid)
    return float(psnr_of_mse(error, data_range=data_range))


def mse_per_frame(frames: FramePairs, *, border: int, grid: GridLike) -> torch.Tensor:
    """The mean squared error of each frame: (B,)."""
    sr, hr = frames.inside(border)
    return frames.parts.once(
        ("mse", border, grid),
        lambda: frames.mean((sr - hr).square(), border=border, grid=grid),
    )


def mae_per_frame(frames: FramePairs, *, border: int, grid: GridLike) -> torch.Tensor:
    """The mean absolute error of each frame: (B,)."""
    sr, hr = frames.inside(border)
    return frames.mean((sr - hr).abs(), border=border, grid=grid)


def psnr_of_mse(error: torch.Tensor, *, data_range: float = 1.0) -> torch.Tensor:
    """The PSNR in dB that belongs to mean squared errors; infinite for 0.

    Raises:
        ValueError: the peak is not above 0.
    """
    check_data_range(data_range)
    return 20 * math.log10(data_range) - 10 * error.log10()
