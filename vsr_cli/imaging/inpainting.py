"""Places without a value: continued smoothly for networks, and left out of what they become."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTHING = 8  # rounds at each size; what is filled need be smooth, and no more


def fill_missing(values: Tensor, valid: Tensor, *, wraps: bool = False) -> Tensor:
    """Continue a field smoothly into the places where it is missing; what is there stays.

    From coarse to fine: each size is the mean of what is known of four cells of the finer one, and
    what is missing there is interpolated from it, then smoothed.

    Args:
        values: (H, W), any float; what it holds where it is missing is not looked at.
        valid: (H, W) bool, True where there is a value.
        wraps: the last column is followed by the first one.

    Returns:
        (H, W), finite; zeros where nothing is valid.
    """
    known = torch.where(valid, values, torch.zeros_like(values))
    if bool(valid.all()) or not bool(valid.any()):
        return known
    return _filled(known[None, None], valid[None, None].to(values.dtype), wraps=wraps)[0, 0]


def _filled(values: Tensor, weight: Tensor, *, wraps: bool) -> Tensor:
    """(1, 1, H, W) with weights 1 where a value is known and 0 elsewhere."""
    height, width = values.shape[-2:]
    if bool((weight > 0).all()):
        return values
    if max(height, width) == 1:
        return values
    shares = functional.avg_pool2d(weight, 2, ceil_mode=True, count_include_pad=False)
    sums = functional.avg_pool2d(values * weight, 2, ceil_mode=True, count_include_pad=False)
    known = (shares > 0).to(values.dtype)
    coarse = _filled(sums / shares.clamp_min(torch.finfo(values.dtype).tiny), known, wraps=wraps)
    smooth = functional.interpolate(
        _around(coarse, wraps=wraps), scale_factor=2, mode="bilinear", align_corners=False
    )[..., 2 : 2 + height, 2 : 2 + width]
    filled = torch.where(weight > 0, values, smooth)
    for _ in range(SMOOTHING):
        mean = functional.avg_pool2d(_around(filled, wraps=wraps), 3, stride=1)
        filled = torch.where(weight > 0, values, mean)
    return filled


def _around(values: Tensor, *, wraps: bool) -> Tensor:
    """One more row and column on each side."""
    across = functional.pad(values, (1, 1, 0, 0), mode="circular" if wraps else "replicate")
    return functional.pad(across, (0, 0, 1, 1), mode="replicate")
