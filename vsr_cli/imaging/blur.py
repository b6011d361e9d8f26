"""Blur of a frame: the kernels of optics and motion, and how a plane is filtered by one."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from vsr_cli.imaging.borders import replicate_pad

REACH = 4.0  # standard deviations of a Gaussian, beyond which it counts as zero
PARALLEL = 1e-9  # of a direction's component: the path does not cross these grid lines
GAUSS_NODE = 1 / math.sqrt(3)  # two-point Gauss-Legendre quadrature, exact for cubics


def filter_plane(image: Tensor, kernel: Tensor) -> Tensor:
    """A plane filtered by a kernel that equals itself turned by 180 degrees.

    Beyond the border the edge pixel goes on. By way of the Fourier transform, so the cost hardly
    depends on the kernel's size.

    Args:
        image: (H, W), float64.
        kernel: (K, K), K odd, float64, of sum 1.

    Returns:
        (H, W), float64.
    """
    margin = kernel.shape[-1] // 2
    padded = replicate_pad(image, margin)  # (H + 2m, W + 2m)
    size = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded).mul_(torch.fft.rfft2(kernel, s=size))
    # Moved by the margin, and wrapped round before that.
    filtered: Tensor = torch.fft.irfft2(spectrum, s=size)
    return filtered[2 * margin :, 2 * margin :]


@lru_cache(maxsize=16)
def gaussian_kernel(sigma: tuple[float, float], angle: float = 0.0) -> Tensor:
    """A Gaussian at whole pixels, of sum 1: (K, K) float64.

    Args:
        sigma: standard deviations in pixels, along ``angle`` and across it.
        angle: degrees from the horizontal, counter-clockwise.
    """
    reach = math.ceil(REACH * max(sigma))
    down = torch.arange(-reach, reach + 1, dtype=torch.float64)[:, None]
    right = down.T
    cosine, sine = _direction(angle)
    along, across = right * cosine - down * sine, right * sine + down * cosine
    kernel = torch.exp(-((along / sigma[0]) ** 2 + (across / sigma[1]) ** 2) / 2)
    return kernel / kernel.sum()


@lru_cache(maxsize=16)
def motion_kernel(length: float, angle: float = 0.0) -> Tensor:
    """The mean over a straight path of ``length`` pixels, centred: (K, K) float64.

    Between pixels the frame counts as bilinearly interpolated, so any length and angle will do. The
    path is cut where it crosses the grid; the integral over each piece is exact.
    """
    cosine, sine = _direction(angle)
    half = length / 2
    reach = math.floor(half * max(abs(cosine), abs(sine))) + 1
    cuts = {-half, half}
    for component in (cosine, sine):
        if abs(component) > PARALLEL:
            lines = (line / component for line in range(-reach, reach + 1))
            cuts |= {place for place in lines if abs(place) < half}
    places, weights = [], []
    for start, end in pairwise(sorted(cuts)):
        middle, step = (start + end) / 2, (end - start) / 2
        places += [middle - step * GAUSS_NODE, middle + step * GAUSS_NODE]
        weights += [step / length] * 2
    path = torch.tensor(places, dtype=torch.float64)[:, None]  # (N, 1)
    pixels = torch.arange(-reach, reach + 1, dtype=torch.float64)  # (K,)
    columns = (1 - (pixels - path * cosine).abs()).clamp(min=0)
    rows = (1 - (pixels + path * sine).abs()).clamp(min=0)
    return (rows * torch.tensor(weights, dtype=torch.float64)[:, None]).T @ columns


def _direction(angle: float) -> tuple[float, float]:
    return math.cos(math.radians(angle)), math.sin(math.radians(angle))
