"""The kernels of interpolation, each as the function that weighs a sample by its distance.

References:
    Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29
    (1981), doi:10.1109/TASSP.1981.1163711.
    Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18 (1979),
    doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

import torch
from torch import Tensor

KernelName = Literal["nearest", "bilinear", "bicubic", "lanczos"]
LOBES = 3  # of Lanczos' window, on each side
TIE = 1e-9  # samples; what lies this near to half-way between two goes to the later one


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One kernel, and how ``imresize`` uses it."""

    support: float  # samples on each side beyond which it is zero
    weigh: Callable[[Tensor], Tensor]  # distances in samples to weights, not normalised
    antialias: bool = True  # stretched where the image shrinks

    @property
    def reach(self) -> int:
        """Samples on each side of the nearest one that an enlarged sample depends on."""
        return math.ceil(self.support)


def kernel_name(text: str) -> KernelName | None:
    """The kernel of that name; None if there is no such."""
    return cast(KernelName, text) if text in KERNELS else None


def _box(x: Tensor) -> Tensor:
    """One sample wide; half-open, so that exactly one sample counts."""
    return ((x >= -0.5 - TIE) & (x < 0.5 - TIE)).to(x.dtype)


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _keys(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -0.5."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _lanczos(x: Tensor) -> Tensor:
    """The sinc, windowed by the middle lobe of one that is three times as wide."""
    return torch.where(x.abs() < LOBES, torch.sinc(x) * torch.sinc(x / LOBES), torch.zeros_like(x))


KERNELS: Mapping[KernelName, Kernel] = MappingProxyType(
    {
        "nearest": Kernel(support=0.5, weigh=_box, antialias=False),
        "bilinear": Kernel(support=1, weigh=_triangle),
        "bicubic": Kernel(support=2, weigh=_keys),
        "lanczos": Kernel(support=LOBES, weigh=_lanczos),
    }
)
