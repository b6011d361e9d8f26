"""Pixel by pixel: mean squared error and peak signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsr_cli.metrics.pair import image_pair

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image


def mse(sr: Image, hr: Image, *, border: int = 0) -> float:
    """Mean squared error of two images. sr, hr: (H, W) float in [0, 1].

    ``border`` pixels at each side do not count.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``).
    """
    first, second = image_pair(sr, hr, border=border)
    return float((first - second).square().mean())


def psnr(sr: Image, hr: Image, *, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1. sr, hr: (H, W) float in [0, 1].

    Infinite for identical images: nothing is added to the error, so no value is capped.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``).
    """
    return psnr_of_mse(mse(sr, hr, border=border))


def psnr_of_mse(error: float) -> float:
    """The PSNR in dB that belongs to a mean squared error, for a peak of 1."""
    return -10 * math.log10(error) if error > 0 else math.inf
