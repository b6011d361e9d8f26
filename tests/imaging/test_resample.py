"""Resampling against Pillow, SciPy and torch; its degradation against MATLAB's images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import zoom
from torch.nn import functional as F

from vsr_cli.imaging.borders import replicate_pad
from vsr_cli.imaging.degradation import crop_to_multiple, degrade_bicubic
from vsr_cli.imaging.kernels import KERNELS, KernelName
from vsr_cli.imaging.resample import enlarge, resize, shrink
from vsr_cli.imaging.siting import Siting

ROUNDING = 1e-12  # float64
FLOAT32 = 2e-6  # Pillow and torch.interpolate weigh in float32
BORDER = 8  # pixels; Pillow and torch treat borders otherwise
PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 1, 37, 52, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("siting", [Siting(), Siting(0.25, 0.5), Siting(0.0, 1.0)])
@pytest.mark.parametrize("scale", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("kernel", KERNELS)
def test_enlarge_equals_resize(
    image: torch.Tensor, kernel: KernelName, scale: int, siting: Siting
) -> None:
    whole = resize(image, height=37 * scale, width=52 * scale, kernel=kernel, siting=siting)
    assert (enlarge(image, scale, siting, kernel=kernel) - whole).abs().max() < ROUNDING


@pytest.mark.parametrize("scale", [2, 3, 5])
def test_shrink_equals_resize(image: torch.Tensor, scale: int) -> None:
    size = -(-37 // scale), -(-52 // scale)
    whole = resize(image, height=size[0], width=size[1], factors=(1 / scale, 1 / scale))
    assert (shrink(image, scale) - whole).abs().max() < ROUNDING


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_equals_torch_antialias_on_repeated_borders(image: torch.Tensor, scale: int) -> None:
    image = image[..., : 37 // scale * scale, : 52 // scale * scale]
    margin = 4 * scale
    padded = replicate_pad(image, margin)
    size = [length // scale for length in padded.shape[-2:]]
    expected = F.interpolate(padded, size=size, mode="bicubic", antialias=True)
    expected = expected[..., 4:-4, 4:-4]
    assert (shrink(image, scale) - expected).abs().max() < FLOAT32


@pytest.mark.parametrize("kernel", PILLOW)
def test_resize_equals_pillow_inside(image: torch.Tensor, kernel: KernelName) -> None:
    """Larger and smaller, by factors that are not whole."""
    picture = Image.fromarray(image[0, 0].numpy().astype(np.float32), mode="F")
    for width, height in ((80, 61), (104, 74), (31, 22)):
        expected = np.asarray(picture.resize((width, height), PILLOW[kernel]))
        ours = resize(image, height=height, width=width, kernel=kernel)[0, 0].numpy()
        inside = slice(BORDER, -BORDER)
        assert np.abs(ours - expected)[inside, inside].max() < FLOAT32


@pytest.mark.parametrize(("kernel", "order"), [("nearest", 0), ("bilinear", 1)])
@pytest.mark.parametrize("scale", [2, 3, 5])
def test_enlarge_equals_scipy_with_the_edge_repeated(
    image: torch.Tensor, kernel: KernelName, order: int, scale: int
) -> None:
    expected = zoom(image[0, 0].numpy(), scale, order=order, mode="nearest", grid_mode=True)
    ours = enlarge(image, scale, kernel=kernel)[0, 0].numpy()
    assert np.abs(ours - expected).max() < ROUNDING


@pytest.mark.parametrize("scale", [1, 2, 4, 9])
def test_nearest_repeats_every_pixel(image: torch.Tensor, scale: int) -> None:
    expected = image.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    assert torch.equal(enlarge(image, scale, kernel="nearest"), expected)


def test_nearest_invents_no_value_at_any_size(image: torch.Tensor) -> None:
    """Also where a place lies half-way between two pixels."""
    for siting in (Siting(), Siting(0.25, 0.0)):
        for size in ((61, 80), (22, 31), (111, 104), (74, 26)):
            found = resize(image, height=size[0], width=size[1], kernel="nearest", siting=siting)
            assert set(found.unique().tolist()) <= set(image.unique().tolist())


@pytest.mark.parametrize("kernel", KERNELS)
def test_flat_image_stays_flat(image: torch.Tensor, kernel: KernelName) -> None:
    flat = torch.full_like(image, 0.3)
    resized = resize(flat, height=5, width=90, kernel=kernel)
    for result in (enlarge(flat, 3, kernel=kernel), shrink(flat, 3), resized):
        assert (result - 0.3).abs().max() < ROUNDING


def test_one_pixel_image_can_be_enlarged_and_shrunk() -> None:
    pixel = torch.full((1, 1, 1, 1), 0.25)
    assert enlarge(pixel, 4).shape == (1, 1, 4, 4)
    assert torch.allclose(enlarge(pixel, 4), torch.tensor(0.25))
    assert shrink(pixel, 2).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["Set5", "Set14"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_degradation_gives_the_images_of_matlab(shared_data: Path, name: str, scale: int) -> None:
    """Every code of every image, of RGB and of gray."""
    paths = sorted((shared_data / "test" / name / f"x{scale}" / "hr").iterdir())
    assert len(paths) == {"Set5": 5, "Set14": 14}[name]
    for path in paths:
        truth = np.atleast_3d(np.array(Image.open(path)))
        matlab = np.atleast_3d(
            np.array(Image.open(path.parents[1] / "lr_matlab_bicubic" / path.name))
        )
        image = torch.from_numpy(truth).permute(2, 0, 1) / 255
        ours = (
            (degrade_bicubic(image, scale, each_axis=True) * 255).round().permute(1, 2, 0).numpy()
        )
        np.testing.assert_array_equal(ours, matlab)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_degradation_rounds_half_upwards(bits: int) -> None:
    """Rows of 10 above rows of 11, shrunk to the one between them: 10.5 goes to 11, not to even."""
    top = (1 << bits) - 1
    codes = torch.tensor([10.0, 11.0]).repeat_interleave(4)[:, None].expand(8, 16)
    low = degrade_bicubic(codes[None] / top, 8, bits=bits) * top
    assert torch.equal(low.round(), torch.full((1, 1, 2), 11.0))


def test_degradation_rounds_and_crops() -> None:
    image = torch.rand(1, 9, 11)
    low = degrade_bicubic(image, 2)
    assert low.shape == (1, 4, 5)
    assert torch.equal((low * 255).round() / 255, low)
    exact = degrade_bicubic(image, 2, bits=None)
    assert exact.sub(low).abs().max() <= 0.501 / 255
    gain = 1.25  # of an error of the first rounding in the second axis
    twice = degrade_bicubic(image, 2, each_axis=True)
    assert 0.5 / 255 < exact.sub(twice).abs().max() <= 0.5 * (1 + gain) / 255
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


def test_weights_that_were_made_without_gradients_are_good_for_them(image: torch.Tensor) -> None:
    """They are kept; those of a tensor of inference mode could not be saved for a derivative."""
    with torch.inference_mode():
        resize(image, height=53, width=61)
    x = image.clone().requires_grad_()
    resize(x, height=53, width=61).sum().backward()
    assert x.grad is not None
    assert x.grad.sum() == pytest.approx(53 * 61)
