"""Luma of RGB: MATLAB's numbers, and a second implementation."""

from __future__ import annotations

import pytest
import torch
from skimage.color import rgb2ycbcr

from vsr_cli.imaging.color import rgb_to_luma

ROUNDING = 1e-12  # both compute in float64


def test_black_and_white_are_the_ends_of_the_studio_range() -> None:
    ends = torch.tensor([[0.0, 1.0]])
    assert (rgb_to_luma(ends, ends, ends) * 255).tolist() == [pytest.approx([16, 235], rel=1e-12)]


def test_luma_equals_scikit_image() -> None:
    rgb = torch.rand(3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = torch.from_numpy(rgb2ycbcr(rgb.permute(1, 2, 0).numpy())[..., 0]) / 255
    assert torch.allclose(rgb_to_luma(*rgb), expected, rtol=0, atol=ROUNDING)


def test_luma_is_float64_whatever_comes_in() -> None:
    plane = torch.rand(3, 4, dtype=torch.float32)
    assert rgb_to_luma(plane, plane, plane).dtype == torch.float64


def test_code_values_are_refused() -> None:
    plane = torch.zeros(3, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="float"):
        rgb_to_luma(plane, plane, plane)


def test_planes_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(3, 4\), \(3, 4\), \(2, 4\)"):
        rgb_to_luma(torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(2, 4))
