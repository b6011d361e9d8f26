"""Fourier modes of pictures, and their power at each wavenumber: see spectrum.py."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch.fft import fftfreq, rfftfreq

from vsr_cli.metrics.grids import row_weights

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike


def radial_modes(images: torch.Tensor) -> torch.Tensor:
    """Modes of windowed pictures without their mean: (..., H, W) to (..., H, W // 2 + 1) complex.

    They are scaled so that the squares of all add up to the variance in the window.
    """
    window, scale = _window(images.shape[-2], images.shape[-1], images.device)
    mean = (images * window).sum((-2, -1), keepdim=True) / window.sum()
    modes: torch.Tensor = torch.fft.rfft2((images - mean) * (window / scale))
    return modes


def radial_power(modes: torch.Tensor, width: int) -> torch.Tensor:
    """Mean power of a mode in each ring: (N, H, W // 2 + 1) complex to (N, min(H, W) // 2).

    Ring n holds the modes whose wavenumber in waves per pixel, times min(H, W), rounds to n.
    """
    height = modes.shape[-2]
    ring, count, size = _rings(height, width, modes.device)
    power = (modes.real.square() + modes.imag.square()) * count
    sums = power.new_zeros(len(power), len(size))
    sums.scatter_add_(1, ring.flatten().expand(len(power), -1), power.flatten(1))
    return (sums / size)[:, 1 : min(height, width) // 2 + 1]


@lru_cache(maxsize=4)
def _window(height: int, width: int, device: torch.device) -> tuple[torch.Tensor, float]:
    """The window of Hann along both axes, (H, W) float64, and what scales its modes."""
    hann = [torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width)]
    window = hann[0][:, None] * hann[1]
    return window.to(device), math.sqrt(height * width * float(window.square().sum()))


@lru_cache(maxsize=4)
def _rings(
    height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The ring of each mode, how many modes it stands for, and how many each ring has."""
    y, x = (fft(n, dtype=torch.float64) for fft, n in ((fftfreq, height), (rfftfreq, width)))
    ring = (torch.hypot(y[:, None], x) * min(height, width)).round().long()
    # Each column stands for its mirror image too, but the first, and the last of an even width.
    count = torch.full(ring.shape, 2.0, dtype=torch.float64)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    size = torch.bincount(ring.flatten(), weights=count.flatten())
    return ring.to(device), count.to(device), size.to(device)


def zonal_modes(images: torch.Tensor) -> torch.Tensor:
    """Modes along each row: (..., H, W) to (..., H, W // 2 + 1) complex."""
    modes: torch.Tensor = torch.fft.rfft(images, norm="forward")
    return modes


def zonal_power(
    modes: torch.Tensor, width: int, *, border: int = 0, grid: GridLike = "sphere"
) -> torch.Tensor:
    """Power of each zonal wavenumber on the globe: (N, H, W // 2 + 1) complex to (N, W // 2).

    Rows are circles of latitude from pole to pole, ``border`` of which were cut at each pole.
    """
    power = (modes.abs().square() * 2)[..., 1:]
    if width % 2 == 0:
        power[..., -1] /= 2  # the shortest wave stands for itself alone
    weights = row_weights(modes.shape[-2], border=border, grid=grid, device=modes.device)
    mean: torch.Tensor = weights @ power
    return mean
