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
    from vsr_cli.metrics.pair import Image

LOW, HIGH = 0.001, 0.999


def quantile_error(sr: Image, hr: Image, level: float, *, border: int = 0) -> float:
    """A quantile of the result less that of the truth; 0 and 1 are minimum and maximum.

    sr, hr: (H, W) or (3, H, W) float in [0, 1]; ``level`` from 0 to 1.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), or the level is none.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"a quantile must be in 0..1, got {level}")
    pair = image_pair(sr, hr, border=border)
    is_there = ~pair[1].isnan()
    if not is_there.any():
        return math.nan
    found, truth = (float(np.quantile(image[is_there].cpu().numpy(), level)) for image in pair)
    return found - truth
