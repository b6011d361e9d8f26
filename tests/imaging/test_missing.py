"""Planes with missing values: shrunk by what is there, and filled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from vsr_cli.imaging.degradation import degrade_field
from vsr_cli.imaging.missing import fill_gaps
from vsr_cli.imaging.resample import shrink

EXACT = 1e-12


def _plane(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((24, 32)))


def test_without_gaps_it_is_the_degradation_of_pictures_not_rounded() -> None:
    plane = _plane() * 90 - 40  # outside of [0, 1]
    assert torch.equal(degrade_field(plane, 2, "bicubic"), shrink(plane, 2))
    blocks = plane.numpy().reshape(6, 4, 8, 4).mean((1, 3))
    assert degrade_field(plane, 4, "area").numpy() == pytest.approx(blocks, abs=EXACT)


def test_area_mean_is_that_of_what_is_there() -> None:
    plane = _plane()
    plane[:5, :7] = math.nan
    found = degrade_field(plane, 4, "area").numpy()
    blocks = plane.numpy().reshape(6, 4, 8, 4).transpose(0, 2, 1, 3).reshape(6, 8, 16)
    enough = (~np.isnan(blocks)).sum(-1) >= 8
    assert not enough.all()
    assert (np.isnan(found) == ~enough).all()
    assert found[enough] == pytest.approx(np.nanmean(blocks[enough], -1), abs=EXACT)


@pytest.mark.parametrize("kernel", ["bicubic", "area", "bilinear", "lanczos", "nearest"])
def test_field_of_one_value_keeps_it_up_to_the_coast(kernel: str) -> None:
    plane = torch.full((24, 32), 7.5, dtype=torch.float64)
    plane[torch.from_numpy(np.random.default_rng(1).random((24, 32)) < 0.3)] = math.nan
    found = degrade_field(plane, 2, kernel)  # type: ignore[arg-type]
    there = found[~found.isnan()]
    assert 0 < len(there) <= found.numel()
    assert there.numpy() == pytest.approx(7.5, abs=1e-9)


def test_sides_that_do_not_divide_are_cut() -> None:
    plane = torch.arange(35.0, dtype=torch.float64).reshape(5, 7)
    assert torch.equal(degrade_field(plane, 2, "area"), degrade_field(plane[:4, :6], 2, "area"))


def test_gaps_have_the_mean_of_the_smallest_square_with_a_value() -> None:
    plane = _plane()
    missing = torch.from_numpy(
        scipy.ndimage.binary_dilation(np.random.default_rng(2).random((24, 32)) < 0.02, None, 4)
    )
    holed = plane.masked_fill(missing, math.nan)
    found = fill_gaps(holed, 0.5)
    assert torch.equal(found[~missing], plane[~missing])
    expected = holed.clone()
    for row, column in missing.nonzero().tolist():
        side = 2
        while True:  # by means of means, as the squares are made
            top, left = row // side * side, column // side * side
            block = holed[top : top + side, left : left + side]
            if not block.isnan().all():
                break
            side *= 2
        while block.shape[0] > 1 or block.shape[1] > 1:
            height, width = -(-block.shape[0] // 2), -(-block.shape[1] // 2)
            block = torch.stack(
                [
                    block[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].nanmean()
                    for y in range(height)
                    for x in range(width)
                ]
            ).reshape(height, width)
        expected[row, column] = block[0, 0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=EXACT)


@pytest.mark.parametrize("size", [(1, 1), (5, 1), (7, 13)])
def test_any_size_is_filled(size: tuple[int, int]) -> None:
    nothing = torch.full(size, math.nan, dtype=torch.float64)
    assert torch.equal(fill_gaps(nothing, 0.5), torch.full_like(nothing, 0.5))
    one = nothing.clone()
    one[-1, -1] = 3.0
    assert torch.equal(fill_gaps(one, 0.5), torch.full_like(nothing, 3.0))
