"""Chroma stays where it was: against polynomials that the kernel reproduces exactly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vsr_cli.frames import ChromaLocation, PixelFormat
from vsr_cli.imaging.resample import enlarge, keep_siting, resize
from vsr_cli.imaging.siting import CENTERED, Siting, chroma_siting

ROUNDING = 1e-10  # float64
BORDER = 6  # samples of the input that mirrored borders reach
PLACES = [Siting(0.5, 0.25), Siting(0.25, 0.25), CENTERED, Siting(0.75, 0.5), Siting(0.5, 0.125)]


def sample(height: int, width: int, scale: float, siting: Siting) -> Tensor:
    """A quadratic of the place in the picture, sampled on a grid ``scale`` times as fine."""
    y = (torch.arange(height, dtype=torch.float64)[:, None] + siting.down) / scale
    x = (torch.arange(width, dtype=torch.float64)[None] + siting.across) / scale
    return (0.01 * x * x - 0.2 * x + 0.02 * y * y + 0.1 * y + 0.003 * x * y)[None, None]


def inside(image: Tensor, scale: float) -> Tensor:
    margin = round(BORDER * scale)
    return image[..., margin:-margin, margin:-margin]


@pytest.mark.parametrize("siting", PLACES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarged_samples_are_those_of_the_finer_grid(scale: int, siting: Siting) -> None:
    low, high = sample(24, 30, 1, siting), sample(24 * scale, 30 * scale, scale, siting)
    for result in (
        enlarge(low, scale, siting),
        resize(low, height=24 * scale, width=30 * scale, siting=siting),
    ):
        assert inside(result - high, scale).abs().max() < ROUNDING


@pytest.mark.parametrize("siting", PLACES)
def test_other_factors_keep_the_place_too(siting: Siting) -> None:
    low, high = sample(24, 30, 1, siting), sample(36, 45, 1.5, siting)
    result = resize(low, height=36, width=45, siting=siting)
    assert inside(result - high, 1.5).abs().max() < ROUNDING


@pytest.mark.parametrize("siting", PLACES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_was_enlarged_as_centred_is_moved_back(scale: int, siting: Siting) -> None:
    low, high = sample(24, 30, 1, siting), sample(24 * scale, 30 * scale, scale, siting)
    centred = enlarge(low, scale)
    moved = keep_siting(centred, scale, siting)
    assert inside(moved - high, scale).abs().max() < ROUNDING
    if siting != CENTERED:
        assert inside(centred - high, scale).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("shift_x", "shift_y", "location", "expected"),
    [
        (1, 1, "left", (0.5, 0.25)),
        (1, 1, "unspecified", (0.5, 0.25)),
        (1, 1, "center", (0.5, 0.5)),
        (1, 1, "topleft", (0.25, 0.25)),
        (1, 1, "bottom", (0.75, 0.5)),
        (1, 0, "left", (0.5, 0.25)),
        (1, 0, "topleft", (0.5, 0.25)),
        (2, 0, "left", (0.5, 0.125)),
        (0, 0, "left", (0.5, 0.5)),
        (0, 1, "topleft", (0.25, 0.5)),
    ],
)
def test_place_follows_from_format_and_location(
    shift_x: int, shift_y: int, location: ChromaLocation, expected: tuple[float, float]
) -> None:
    """A sample at luma column c of cells p columns wide lies (c + 0.5) / p from the edge."""
    layout = PixelFormat("", "yuv", 8, shift_x, shift_y)
    assert chroma_siting(layout, location) == expected
