"""What training minimises, in squared 8-bit code values so that Adam's epsilon stays small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

CODE = 255.0
ROUNDING_FLOOR = 0.05  # squared code values; the rounding of a truth alone makes 1/12
CHARBONNIER_EPSILON = 0.25  # code values; below it the loss is quadratic


def squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error of two tensors in [0, 1], in squared code values."""
    return ((sr - hr) * CODE).square().mean()


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean of sqrt(error^2 + epsilon^2), in code values: robust, smooth at zero.

    References:
        Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for
        computed imaging", ICIP 1994, doi:10.1109/ICIP.1994.413553.
    """
    return (((sr - hr) * CODE).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


def log_squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean over the patches of log10 of their squared error: minus their PSNR in bels, shifted.

    Tables average the PSNR of frames, not their error; with this loss a calm patch counts as much
    as a wild one.
    """
    per_patch = ((sr - hr) * CODE).square().flatten(1).mean(1)  # (B,)
    return (per_patch + ROUNDING_FLOOR).log10().mean()


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"mse": squared_error, "charbonnier": charbonnier, "psnr": log_squared_error}
)
