"""How a high-resolution frame becomes the low-resolution one that a network is given.

Training and evaluation use the same function, so that a score speaks of the degradation that the
network was trained for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsr_cli.imaging.resample import shrink, shrink_axis

WHOLE = 0.01  # codes; a value this near to a code is that code (float32 at 16 bits: 0.004)


def degrade_bicubic(image: Tensor, scale: int, *, bits: int | None = 8) -> Tensor:
    """Antialiased bicubic shrink, rounded to code values as MATLAB's ``imresize`` does.

    It rounds twice, after the rows and after the columns, half upwards; the low-resolution images
    of Set5 and Set14 that MATLAB made come out equal.

    Args:
        image: (..., H, W) in [0, 1].
        scale: whole factor; where it does not divide H or W, the last rows and columns are cut
            (the usual "modcrop"), so that truth and result have the same size.
        bits: depth of the rounding; None keeps float.

    Returns:
        (..., H // scale, W // scale) in [0, 1], of the input's dtype.

    Raises:
        ValueError: the image is smaller than ``scale`` pixels.
    """
    image = crop_to_multiple(image, scale)
    if bits is None:
        return shrink(image, scale).clamp(0, 1)
    top = (1 << bits) - 1
    codes = image.to(torch.float64) * top
    whole = codes.round()
    codes = torch.where((codes - whole).abs() < WHOLE, whole, codes)  # ties stay ties
    for dim in (-2, -1):
        codes = shrink_axis(codes, scale, dim=dim).add_(0.5).floor_().clamp_(0, top)
    return (codes / top).to(image.dtype)


def crop_to_multiple(image: Tensor, scale: int) -> Tensor:
    """Cut the last rows and columns so that ``scale`` divides both sizes of (..., H, W)."""
    height, width = image.shape[-2:]
    if min(height, width) < scale:
        raise ValueError(f"image must be at least {scale}x{scale} pixels, got {width}x{height}")
    return image[..., : height // scale * scale, : width // scale * scale]
