"""Planes with missing values: shrunk by what is there, and filled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vsr_cli.imaging.degradation import degrade_field
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
