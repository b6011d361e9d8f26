"""Planes with missing values, NaN: made smaller, and filled for networks, which know no gaps.

References:
    Knutsson, Westin, "Normalized and differential convolution", IEEE Conference on Computer Vision
    and Pattern Recognition (1993), doi:10.1109/CVPR.1993.341081: weights of what is there.
    Gortler, Grzeszczuk, Szeliski, Cohen, "The lumigraph", SIGGRAPH (1996),
    doi:10.1145/237170.237200, section 3.4: gaps are filled from coarser and coarser pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
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


def fill_gaps(plane: Tensor, default: float) -> Tensor:
    """A plane (H, W) whose NaN have the mean of the smallest square around them that is not empty.

    Squares are those of 2, 4, 8 ... pixels that tile the plane. Without any value all is
    ``default``.
    """
    missing = plane.isnan()
    if not missing.any():
        return plane
    if missing.all():
        return torch.full_like(plane, default)
    height, width = plane.shape
    padded = F.pad(plane, (0, width % 2, 0, height % 2), value=math.nan)
    blocks = padded.unflatten(0, (-1, 2)).unflatten(2, (-1, 2))  # (H / 2, 2, W / 2, 2)
    coarse = fill_gaps(blocks.nanmean((1, 3)), default)
    fine = coarse.repeat_interleave(2, 0).repeat_interleave(2, 1)
    return torch.where(missing, fine[:height, :width], plane)
