"""Bicubic resampling against MATLAB's results, Pillow and torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from vsr_cli.imaging.degradation import crop_to_multiple, degrade_bicubic
from vsr_cli.imaging.resample import enlarge, mirror_pad, resize, shrink

ROUNDING = 1e-12  # float64
FLOAT32 = 2e-6  # Pillow and torch.interpolate weigh in float32
BORDER = 8  # pixels; Pillow and torch treat borders otherwise


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 1, 37, 52, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarge_equals_resize(image: torch.Tensor, scale: int) -> None:
    whole = resize(image, height=37 * scale, width=52 * scale)
    assert (enlarge(image, scale) - whole).abs().max() < ROUNDING


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_equals_torch_antialias_on_mirrored_borders(image: torch.Tensor, scale: int) -> None:
    image = image[..., : 37 // scale * scale, : 52 // scale * scale]
    margin = 4 * scale
    padded = mirror_pad(image, margin)
    size = [length // scale for length in padded.shape[-2:]]
    expected = F.interpolate(padded, size=size, mode="bicubic", antialias=True)
    expected = expected[..., 4:-4, 4:-4]
    assert (shrink(image, scale) - expected).abs().max() < FLOAT32


def test_resize_equals_pillow_inside(image: torch.Tensor) -> None:
    picture = Image.fromarray(image[0, 0].numpy().astype(np.float32), mode="F")
    for width, height in ((80, 61), (31, 22)):
        expected = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
        ours = resize(image, height=height, width=width)[0, 0].numpy()
        inside = slice(BORDER, -BORDER)
        assert np.abs(ours - expected)[inside, inside].max() < FLOAT32


def test_flat_image_stays_flat(image: torch.Tensor) -> None:
    flat = torch.full_like(image, 0.3)
    for result in (enlarge(flat, 3), shrink(flat, 3), resize(flat, height=5, width=90)):
        assert (result - 0.3).abs().max() < ROUNDING


def test_one_pixel_image_can_be_enlarged_and_shrunk() -> None:
    pixel = torch.full((1, 1, 1, 1), 0.25)
    assert enlarge(pixel, 4).shape == (1, 1, 4, 4)
    assert torch.allclose(enlarge(pixel, 4), torch.tensor(0.25))
    assert shrink(pixel, 2).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_is_near_matlab(shared_data: Path, scale: int) -> None:
    """MATLAB rounds to 8 bits after the rows; without that step we differ by a few codes."""
    for path in sorted((shared_data / "test" / "Set5" / f"x{scale}" / "hr").iterdir()):
        truth = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
        matlab = np.array(Image.open(path.parents[1] / "lr_matlab_bicubic" / path.name))
        ours = degrade_bicubic(truth.double() / 255, scale).permute(1, 2, 0).numpy() * 255
        assert ours.shape == matlab.shape
        assert np.abs(ours - matlab).mean() < 0.2
        assert np.abs(ours - matlab).max() <= 7


def test_degradation_rounds_and_crops() -> None:
    image = torch.rand(1, 9, 11)
    low = degrade_bicubic(image, 2)
    assert low.shape == (1, 4, 5)
    assert torch.equal((low * 255).round() / 255, low)
    assert degrade_bicubic(image, 2, bits=None).sub(low).abs().max() <= 0.5 / 255 + 1e-6
    assert crop_to_multiple(image, 4).shape == (1, 8, 8)
    with pytest.raises(ValueError, match="at least 16x16"):
        degrade_bicubic(image, 16)


def test_size_below_one_is_an_error(image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="at least 1x1"):
        resize(image, height=0, width=3)


def test_enlarge_has_the_gradient_of_resize(image: torch.Tensor) -> None:
    """It writes in place; the derivative must not notice."""
    weight = torch.rand(1, 1, 74, 104, dtype=torch.float64)
    gradients = []
    for function in (lambda x: enlarge(x, 2), lambda x: resize(x, height=74, width=104)):
        x = image.clone().requires_grad_()
        (function(x) * weight).sum().backward()
        gradients.append(x.grad)
    assert (gradients[0] - gradients[1]).abs().max() < ROUNDING


@pytest.mark.parametrize("margin", [0, 1, 3, 9])
def test_mirror_pad_is_that_of_numpy(margin: int) -> None:
    """Also where the margin is larger than the image."""
    small = torch.rand(2, 1, 4, 3)
    wanted = np.pad(small.numpy(), [(0, 0), (0, 0), (margin,) * 2, (margin,) * 2], mode="symmetric")
    np.testing.assert_array_equal(mirror_pad(small, margin).numpy(), wanted)
