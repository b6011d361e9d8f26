"""Multi-scale structural similarity: SSIM's parts at five sizes of the picture, multiplied.

References:
    Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment",
    Asilomar Conference on Signals, Systems and Computers (2003), doi:10.1109/ACSSC.2003.1292216.

The weights are the paper's (section 3.2). Between scales the picture is averaged over 2 x 2 pixels,
as the authors' own program does where the paper says "low-pass filter"; an odd side is repeated by
a pixel. Contrast and structure that are negative on the mean of a scale, whose power is no number,
count as 0. Windows that touch a pixel without a truth (NaN) are left out, and so is, at the next
scale, a pixel made of one; without a whole window at each scale there is no score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.pair import check_data_range
from vsr_cli.metrics.ssim import WINDOW, Windows, similarity_factors, ssim_factors, windows_of

if TYPE_CHECKING:
    import torch

    from vsr_cli.metrics.pair import Image

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
MIN_SIDE = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # pixels, whose coarsest scale has a window


def multiscale_similarity(
    sr: Image, hr: Image, *, border: int = 0, data_range: float = 1.0
) -> float:
    """MS-SSIM of two images, in [0, 1]; 1 for identical ones; NaN without a window at a scale.

    sr, hr: (H, W) float in [0, 1], or (3, H, W), of which it is the mean. ``border`` pixels at each
    side do not count; ``data_range`` is the peak. Symmetric in its two images.

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``), have a side below 161
            pixels, or the peak is none.
    """
    frames = FramePairs.of(sr, hr)
    return float(multiscale_per_frame(frames, border=border, data_range=data_range))


def multiscale_per_frame(frames: FramePairs, *, border: int, data_range: float) -> torch.Tensor:
    """The MS-SSIM of each frame: (B,)."""
    images, truth = frames.inside(border)
    check_data_range(data_range)
    height, width = images.shape[-2:]
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"MS-SSIM needs at least {MIN_SIDE}x{MIN_SIDE} pixels inside the border, "
            f"got {width}x{height} with {border = }"
        )
    coarser = frames.truth.parts.once(
        ("pyramid", border), lambda: _coarser_windows(truth, has_gaps=frames.has_gaps)
    )
    luminance, structure = similarity_factors(frames, border=border, data_range=data_range)
    product = _mean(structure, has_gaps=frames.has_gaps) ** WEIGHTS[0]
    for weight, windows in zip(WEIGHTS[1:], coarser, strict=True):
        images = _halved(images)
        luminance, structure = ssim_factors(images, windows, data_range=data_range)
        factor = luminance * structure if windows is coarser[-1] else structure
        product = product * _mean(factor, has_gaps=frames.has_gaps) ** weight
    return product.mean(-1)


def _coarser_windows(truth: torch.Tensor, *, has_gaps: bool) -> list[Windows]:
    """The windows of the truth at each scale but the finest."""
    found = []
    for _ in WEIGHTS[1:]:
        truth = _halved(truth)
        found.append(windows_of(truth, has_gaps=has_gaps))
    return found


def _mean(factor: torch.Tensor, *, has_gaps: bool) -> torch.Tensor:
    """The mean over all windows that are there, 0 at least: (B, C, H, W) to (B, C)."""
    mean = factor.nanmean((-2, -1)) if has_gaps else factor.mean((-2, -1))
    return mean.clamp(min=0)


def _halved(images: torch.Tensor) -> torch.Tensor:
    """Mean over 2 x 2 pixels: (B, C, H, W) to (B, C, ceil(H / 2), ceil(W / 2))."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, width % 2, 0, height % 2), mode="replicate")
    return F.avg_pool2d(padded, 2)
