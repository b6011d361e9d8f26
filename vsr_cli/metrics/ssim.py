"""Structural similarity.

References:
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Transactions on Image Processing 13 (2004), doi:10.1109/TIP.2003.819861.

We differ from the paper in nothing: an 11 x 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03,
population covariance, mean over the positions at which the window lies inside the image. Like the
authors' own ``ssim.m`` we offer no automatic downsampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from vsr_cli.metrics.pair import image_pair

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image

WINDOW = 11  # pixels
SIGMA = 1.5  # pixels
K1 = 0.01
K2 = 0.03


def structural_similarity(sr: Image, hr: Image, *, border: int = 0) -> float:
    """Mean SSIM of two images, in [-1, 1]; 1 for identical ones. sr, hr: (H, W) float in [0, 1].

    ``border`` pixels at each side do not count. Symmetric in its two images.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), or are smaller than the
            window of 11 x 11 pixels.
    """
    first, second = image_pair(sr, hr, border=border)
    height, width = first.shape
    if min(height, width) < WINDOW:
        raise ValueError(
            f"SSIM needs at least {WINDOW}x{WINDOW} pixels inside the border, "
            f"got {width}x{height} with {border = }"
        )
    return float(ssim_map(first[None], second[None]).mean())


def ssim_map(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """SSIM in each window, for images in [0, 1]: (N, H, W) twice to (N, H - 10, W - 10).

    Differentiable, so that training can maximise it.
    """
    images = (first, second, first * first, second * second, first * second)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (_gaussian_mean(image) for image in images)
    var_x = mean_xx - mean_x.square()
    var_y = mean_yy - mean_y.square()
    cov = mean_xy - mean_x * mean_y
    c1, c2 = K1**2, K2**2  # the peak is 1
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return luminance * structure


def _gaussian_mean(images: torch.Tensor) -> torch.Tensor:
    """Weighted mean in each window. images: (N, H, W); returns (N, H - 10, W - 10)."""
    offset = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    weight = torch.exp(-offset.square() / (2 * SIGMA**2))
    weight = weight / weight.sum()
    columns = F.conv2d(images[:, None], weight[None, None, :, None])  # (N, 1, H - 10, W)
    return F.conv2d(columns, weight[None, None, None, :])[:, 0]
