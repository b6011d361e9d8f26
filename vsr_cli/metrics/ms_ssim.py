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

from typing import TYPE_CHECKING, TypeAlias

import torch
import torch.nn.functional as F

from vsr_cli.metrics.pair import check_data_range, image_pair
from vsr_cli.metrics.ssim import WINDOW, ssim_factors

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image

    Factors: TypeAlias = tuple[torch.Tensor, torch.Tensor]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
MIN_SIDE = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # pixels, whose coarsest scale has a window


def multiscale_similarity(
    sr: Image,
    hr: Image,
    *,
    border: int = 0,
    data_range: float = 1.0,
    finest: Factors | None = None,
) -> float:
    """MS-SSIM of two images, in [0, 1]; 1 for identical ones; NaN without a window at a scale.

    sr, hr: (H, W) float in [0, 1], or (3, H, W), of which it is the mean. ``border`` pixels at each
    side do not count; ``data_range`` is the peak. Symmetric in its two images. ``finest`` is what
    ``similarity_factors`` gives of them, where it is known.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), have a side below 161
            pixels, or the peak is none.
    """
    pair = image_pair(sr, hr, border=border)
    check_data_range(data_range)
    height, width = pair[0].shape[-2:]
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"MS-SSIM needs at least {MIN_SIDE}x{MIN_SIDE} pixels inside the border, "
            f"got {width}x{height} with {border = }"
        )
    first, second = (image.reshape(-1, height, width) for image in pair)
    product = torch.ones(len(first), dtype=torch.float64, device=first.device)
    for scale, weight in enumerate(WEIGHTS):
        known = finest if scale == 0 else None
        luminance, structure = known or ssim_factors(first, second, data_range=data_range)
        is_last = scale == len(WEIGHTS) - 1
        factor = luminance * structure if is_last else structure
        product *= _mean(factor).clamp(min=0) ** weight
        first, second = _halved(first), _halved(second)
    return float(product.mean())


def _mean(factor: torch.Tensor) -> torch.Tensor:
    """The mean over all windows that are there: (N, H, W) to (N,)."""
    mean = factor.mean((-2, -1))
    return factor.nanmean((-2, -1)) if mean.isnan().any() else mean


def _halved(images: torch.Tensor) -> torch.Tensor:
    """Mean over 2 x 2 pixels: (N, H, W) to (N, ceil(H / 2), ceil(W / 2))."""
    height, width = images.shape[-2:]
    padded = F.pad(images[:, None], (0, width % 2, 0, height % 2), mode="replicate")
    return F.avg_pool2d(padded, 2)[:, 0]
