"""Blur against SciPy and against its definition in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from vsr_cli.imaging.blur import filter_plane, gaussian_kernel, motion_kernel

EXACT = 1e-9  # of codes; two ways in float64
QUADRATURE = 2e-4  # of a kernel's weight; the reference takes the mean over 4000 places


def _image(height: int = 61, width: int = 74) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (height, width)) * 1.0)


@pytest.mark.parametrize("sigma", [0.4, 1.2, 3.7])
def test_round_blur_is_that_of_scipy(sigma: float) -> None:
    image = _image()
    found = filter_plane(image, gaussian_kernel((sigma, sigma)))
    radius = math.ceil(4 * sigma)
    expected = ndimage.gaussian_filter(image.numpy(), sigma, mode="nearest", radius=radius)
    assert found.shape == image.shape
    assert np.abs(found.numpy() - expected).max() < EXACT


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, -20.0])
def test_drawn_out_blur_is_its_definition(angle: float) -> None:
    """The density of a Gaussian whose covariance is turned, pixel by pixel."""
    along, across = 2.0, 0.7
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    axes = np.array([[cosine, -sine], [sine, cosine]])  # columns: along, across; y upwards
    inverse = np.linalg.inv(axes @ np.diag([along**2, across**2]) @ axes.T)
    reach = 8
    expected = np.zeros((2 * reach + 1, 2 * reach + 1))
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            place = np.array([column, -row])
            expected[row + reach, column + reach] = math.exp(-place @ inverse @ place / 2)
    expected /= expected.sum()
    kernel = gaussian_kernel((along, across), angle)
    assert np.abs(kernel.numpy() - expected).max() < 1e-15
    image = _image()
    filtered = ndimage.convolve(image.numpy(), expected, mode="nearest")
    assert np.abs(filter_plane(image, kernel).numpy() - filtered).max() < EXACT


def test_blur_at_30_degrees_points_upwards_to_the_right() -> None:
    kernel = gaussian_kernel((3.0, 0.5), 30.0)
    middle = kernel.shape[0] // 2
    assert kernel[middle - 2, middle + 3] > 10 * kernel[middle + 2, middle + 3]


@pytest.mark.parametrize(("length", "angle"), [(5.0, 0.0), (6.3, 90.0), (9.0, 33.0), (0.6, -70.0)])
def test_motion_is_the_mean_of_shifted_frames(length: float, angle: float) -> None:
    """SciPy moves a single pixel, bilinearly interpolated, along the path."""
    kernel = motion_kernel(length, angle)
    point = np.zeros(kernel.shape)
    point[kernel.shape[0] // 2, kernel.shape[1] // 2] = 1
    steps = (np.arange(4000) + 0.5) / 4000 * length - length / 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    moved = [ndimage.shift(point, (-t * sine, t * cosine), order=1) for t in steps]
    assert np.abs(np.mean(moved, axis=0) - kernel.numpy()).max() < QUADRATURE


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 120.0])
@pytest.mark.parametrize("length", [0.01, 1.0, 7.7, 40.0])
def test_motion_keeps_the_mean_and_the_place(length: float, angle: float) -> None:
    kernel = motion_kernel(length, angle)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    assert torch.allclose(kernel, kernel.flip(0, 1), rtol=0, atol=1e-12)


def test_kernel_larger_than_the_frame_sees_its_edge_go_on() -> None:
    image = _image(5, 3)
    found = filter_plane(image, gaussian_kernel((6.0, 6.0)))
    expected = ndimage.gaussian_filter(image.numpy(), 6, mode="nearest", radius=24)
    assert np.abs(found.numpy() - expected).max() < EXACT
