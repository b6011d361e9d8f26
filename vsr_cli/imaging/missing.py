"""Planes with missing values, NaN, made smaller.

References:
    Knutsson, Westin, "Normalized and differential convolution", IEEE Conference on Computer Vision
    and Pattern Recognition (1993), doi:10.1109/CVPR.1993.341081: weights of what is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

LEAST_SHARE = 0.5  # of a kernel's weight on what is there, for its mean to be one


def resample_present(plane: Tensor, resample: Callable[[Tensor], Tensor]) -> Tensor:
    """A plane resampled, of the values that are there alone. plane: (H, W), NaN where none is.

    A pixel of the result is the mean of them by the kernel's weights; NaN where less than half of
    its weight lies on them. ``resample`` is linear and keeps a plane of one value as it is.
    """
    missing = plane.isnan()
    if not missing.any():
        return resample(plane)
    share = resample((~missing).to(plane.dtype))
    mean = resample(plane.masked_fill(missing, 0.0)) / share
    return mean.masked_fill(share < LEAST_SHARE, math.nan)
