"""What training minimises, in squared 8-bit code values so that Adam's epsilon stays small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

CODE = 255.0
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


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"mse": squared_error, "charbonnier": charbonnier}
)
