"""Gaps of a field, continued from what lies around them, for networks that know no gaps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def fill_missing(values: Tensor, valid: Tensor, *, rounds: int, wraps: bool = False) -> Tensor:
    """Continue a field into the places where it is missing; what is there stays.

    In each round a cell beside known ones becomes the mean of those among its eight neighbours. So
    a field that is moved around the globe is filled as it was, and as many rounds do as a network
    sees cells. What lies deeper is the mean of all.

    Args:
        values: (H, W), any float; what it holds where it is missing is not looked at.
        valid: (H, W) bool, True where there is a value.
        rounds: cells beside what is there that are continued from it.
        wraps: the last column is followed by the first one.

    Returns:
        (H, W), finite; zeros where nothing is valid.
    """
    known = torch.where(valid, values, torch.zeros_like(values))[None, None]
    if bool(valid.all()) or not bool(valid.any()):
        return known[0, 0]
    weight = valid[None, None].to(values.dtype)
    mean = known.sum() / weight.sum()
    for _ in range(rounds):
        if bool((weight > 0).all()):
            break
        total = functional.avg_pool2d(_around(known, wraps=wraps), 3, stride=1)
        share = functional.avg_pool2d(_around(weight, wraps=wraps), 3, stride=1)
        is_next = (weight == 0) & (share > 0)
        known = torch.where(is_next, total / share.clamp_min(1e-9), known)
        weight = torch.where(is_next, torch.ones_like(weight), weight)
    return torch.where(weight > 0, known, mean)[0, 0]


def _around(values: Tensor, *, wraps: bool) -> Tensor:
    """One more row and column on each side, zeros where nothing follows."""
    across = functional.pad(values, (1, 1, 0, 0), mode="circular") if wraps else values
    return functional.pad(across, (0, 0, 1, 1) if wraps else (1, 1, 1, 1))
