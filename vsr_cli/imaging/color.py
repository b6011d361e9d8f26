"""Between RGB and YUV: luma as the tables of the literature compute it, RGB as displays do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

# ITU-R BT.601 in studio range, for codes 0 to 255 from R, G and B in [0, 1].
OFFSET = 16.0
WEIGHTS = (65.481, 128.553, 24.966)

# Code point of the matrix (ISO/IEC 23091-2, table 4) -> the weights of red and blue in luma.
_LUMA_WEIGHTS: Mapping[int, tuple[float, float]] = MappingProxyType(
    {
        1: (0.2126, 0.0722),  # BT.709
        4: (0.30, 0.11),  # FCC
        5: (0.299, 0.114),  # BT.601, 625 lines
        6: (0.299, 0.114),  # BT.601, 525 lines
        7: (0.212, 0.087),  # SMPTE 240M
        9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
    }
)


def yuv_to_rgb(luma: Tensor, blue: Tensor, red: Tensor, *, matrix: int) -> tuple[Tensor, ...]:
    """Red, green and blue of one colour matrix, not clamped.

    Args:
        luma: (..., H, W), 0 for black and 1 for white.
        blue: its difference to blue (Cb), same shape, from -0.5 to 0.5.
        red: its difference to red (Cr), as ``blue``.
        matrix: the code point of the matrix.

    Raises:
        ValueError: it is a matrix that is not known, or not linear.
    """
    weight_red, weight_blue = _weights(matrix)
    r = luma + 2 * (1 - weight_red) * red
    b = luma + 2 * (1 - weight_blue) * blue
    g = (luma - weight_red * r - weight_blue * b) / (1 - weight_red - weight_blue)
    return r, g, b


def rgb_to_yuv(red: Tensor, green: Tensor, blue: Tensor, *, matrix: int) -> tuple[Tensor, ...]:
    """Luma and its differences to blue and red, the inverse of ``yuv_to_rgb``.

    Args:
        red: (..., H, W), 0 for none and 1 for all of it.
        green: as ``red``.
        blue: as ``red``.
        matrix: the code point of the matrix.

    Raises:
        ValueError: it is a matrix that is not known, or not linear.
    """
    weight_red, weight_blue = _weights(matrix)
    luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
    return luma, (blue - luma) / (2 * (1 - weight_blue)), (red - luma) / (2 * (1 - weight_red))


def _weights(matrix: int) -> tuple[float, float]:
    if matrix not in _LUMA_WEIGHTS:
        known = ", ".join(map(str, _LUMA_WEIGHTS))
        raise ValueError(
            f"colour matrix {matrix} cannot be converted to RGB or back; known are the code "
            f"points {known}"
        )
    return _LUMA_WEIGHTS[matrix]


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
