"""Structural similarity.

References:
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Transactions on Image Processing 13 (2004), doi:10.1109/TIP.2003.819861.

We differ from the paper in nothing: an 11 x 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03,
population covariance, mean over the positions at which the window lies inside the image. Like the
authors' own ``ssim.m`` we offer no automatic downsampling. Windows that touch a pixel without a
truth (NaN) are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.pair import check_data_range, image_pair, present_mean

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image

WINDOW = 11  # pixels
SIGMA = 1.5  # pixels
K1 = 0.01
K2 = 0.03


def structural_similarity(
    sr: Image, hr: Image, *, border: int = 0, data_range: float = 1.0
) -> float:
    """Mean SSIM of two images, in [-1, 1]; 1 for identical ones; NaN without a whole window.

    sr, hr: (H, W) float in [0, 1], or (3, H, W), of which it is the mean. ``border`` pixels at each
    side do not count; ``data_range`` is the peak. Symmetric in its two images.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), or are smaller than the
            window of 11 x 11 pixels, or the peak is none.
    """
    first, second = image_pair(sr, hr, border=border)
    check_data_range(data_range)
    height, width = first.shape[-2:]
    if min(height, width) < WINDOW:
        raise ValueError(
            f"SSIM needs at least {WINDOW}x{WINDOW} pixels inside the border, "
            f"got {width}x{height} with {border = }"
        )
    planes = (image.reshape(-1, height, width) for image in (first, second))
    return present_mean(ssim_map(*planes, data_range=data_range))


def ssim_map(first: torch.Tensor, second: torch.Tensor, *, data_range: float = 1.0) -> torch.Tensor:
    """SSIM in each window, for images in [0, 1]: (N, H, W) twice to (N, H - 10, W - 10).

    Differentiable, so that training can maximise it.
    """
    luminance, structure = ssim_factors(first, second, data_range=data_range)
    return luminance * structure


def ssim_factors(
    first: torch.Tensor, second: torch.Tensor, *, data_range: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM's luminance, and its contrast times structure, each as ``ssim_map``."""
    images = (first, second, first * first, second * second, first * second)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (_gaussian_mean(image) for image in images)
    var_x = mean_xx - mean_x.square()
    var_y = mean_yy - mean_y.square()
    cov = mean_xy - mean_x * mean_y
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return luminance, (2 * cov + c2) / (var_x + var_y + c2)


def _gaussian_mean(images: torch.Tensor) -> torch.Tensor:
    """Weighted mean in each window. images: (N, H, W); returns (N, H - 10, W - 10)."""
    offset = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weight = torch.exp(-offset.square() / (2 * SIGMA**2))
    weights = (weight / weight.sum()).tolist()
    # Sums of shifted pictures: SSIM of 320x640 in float64 takes 33 ms of one core so, and 71 ms by
    # convolutions (an EPYC with AVX-512, measured in one run).
    for axis in (-2, -1):
        length = images.shape[axis] - WINDOW + 1
        mean = images.narrow(axis, 0, length) * weights[0]
        for start, share in enumerate(weights[1:], 1):
            mean.add_(images.narrow(axis, start, length), alpha=share)
        images = mean
    return images
