"""Luma of RGB pictures, as the tables of the literature compute it."""

from __future__ import annotations

import torch
from torch import Tensor

# ITU-R BT.601 in studio range, for codes 0 to 255 from R, G and B in [0, 1].
OFFSET = 16.0
WEIGHTS = (65.481, 128.553, 24.966)


def rgb_to_luma(red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    """Y of BT.601 in studio range: 16/255 for black, 235/255 for white.

    The same as MATLAB's ``rgb2ycbcr`` of floating-point pictures; its result for uint8 is rounded,
    this one is not.

    Args:
        red: (..., H, W) in [0, 1], as ``green`` and ``blue``.
        green: as ``red``.
        blue: as ``red``.

    Returns:
        (..., H, W) float64 in [16/255, 235/255].

    Raises:
        ValueError: the planes differ in shape, or are not of a float type.

    References:
        ITU-R BT.601-7, "Studio encoding parameters of digital television" (2011), 2.5.
    """
    planes = (red, green, blue)
    if len({plane.shape for plane in planes}) > 1:
        shapes = ", ".join(str(tuple(plane.shape)) for plane in planes)
        raise ValueError(f"red, green and blue must have one shape, got {shapes}")
    luma = torch.full_like(red, OFFSET, dtype=torch.float64)
    for plane, weight in zip(planes, WEIGHTS, strict=True):
        if not plane.is_floating_point():
            raise ValueError(f"planes must be float in [0, 1], got {plane.dtype}")
        luma += weight * plane.to(torch.float64)
    return luma / 255
