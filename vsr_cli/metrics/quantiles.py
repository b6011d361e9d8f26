"""Extremes: how far the tails of the distribution of values are off.

Interpolation takes off peaks, which means over all pixels hardly show. All differences are those of
the result less those of the truth, wherever in the picture the values are; a negative one at the
high end says that peaks were lost. Pixels count the same on the sphere too; those without a truth
(NaN) do not count.

References:
    Hyndman, Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996),
    doi:10.1080/00031305.1996.10473566: quantiles by their definition 7, that of NumPy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vsr_cli.metrics.pair import image_pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vsr_cli.metrics.pair import Image

    Values = NDArray[np.float64]

LOW, HIGH = 0.001, 0.999


def quantile_error(sr: Image, hr: Image, level: float, *, border: int = 0) -> float:
    """A quantile of the result less that of the truth; 0 and 1 are minimum and maximum.

    sr, hr: (H, W) or (3, H, W) float in [0, 1]; ``level`` from 0 to 1.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), or the level is none.
    """
    return quantile_difference(*sorted_values(sr, hr, border=border), level)


def sorted_values(sr: Image, hr: Image, *, border: int = 0) -> tuple[Values, Values]:
    """The values of both images where there is a truth, each in ascending order: (N,) float64.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``).
    """
    # What is missing is NaN in both, and sorted to the end.
    found, truth = (
        np.sort(image.cpu().numpy(), axis=None) for image in image_pair(sr, hr, border=border)
    )
    number = len(truth) - int(np.isnan(truth).sum())
    return found[:number], truth[:number]


def quantile_difference(found: Values, truth: Values, level: float) -> float:
    """A quantile of sorted values less that of others; NaN where there are none.

    Raises:
        ValueError: the level is none.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"a quantile must be in 0..1, got {level}")
    if not len(truth):
        return math.nan
    return _quantile(found, level) - _quantile(truth, level)


def _quantile(values: Values, level: float) -> float:
    """The quantile of sorted values, on the line between the two around it."""
    place = level * (len(values) - 1)
    index = min(int(place), max(len(values) - 2, 0))
    share = place - index
    low, high = (float(values[min(index + step, len(values) - 1)]) for step in (0, 1))
    return low + share * (high - low) if share < 0.5 else high - (1 - share) * (high - low)
