"""Is the mean kept: bias, and how far the mean is off as a share of itself.

On the ``sphere`` means are weighted by area. Without that the mean of a fluid's depth on the globe
is off by one per cent: 9889 m for 10000.5 m in a barotropic jet. Pixels without a truth (NaN) do
not count.

References:
    Wilks, "Statistical Methods in the Atmospheric Sciences", 3rd edition (2011), section 8.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.pair import relative

if TYPE_CHECKING:
    import torch

    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image


def bias(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """Mean of the result less mean of the truth. sr, hr: (H, W) or (3, H, W) float in [0, 1].

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``).
    """
    return float(bias_per_frame(FramePairs.of(sr, hr), border=border, grid=grid))


def mean_error(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """How well the mean is conserved: size of the bias as a share of the truth's mean, 0 at best.

    Unlike a bias it does not cancel between the frames of a clip. Infinite where the truth's mean
    is 0 and the result's is not.

    Raises:
        ValueError: as ``bias``.
    """
    return float(mean_error_per_frame(FramePairs.of(sr, hr), border=border, grid=grid))


def bias_per_frame(frames: FramePairs, *, border: int, grid: GridLike) -> torch.Tensor:
    """The bias of each frame: (B,)."""
    sr, hr = frames.inside(border)
    return frames.parts.once(
        ("bias", border, grid), lambda: frames.mean(sr - hr, border=border, grid=grid)
    )


def mean_error_per_frame(frames: FramePairs, *, border: int, grid: GridLike) -> torch.Tensor:
    """The size of each frame's bias as a share of its truth's mean: (B,)."""
    _, hr = frames.inside(border)
    mean = frames.truth.parts.once(
        ("mean", border, grid), lambda: frames.mean(hr, border=border, grid=grid)
    )
    return relative(bias_per_frame(frames, border=border, grid=grid).abs(), mean.abs())
