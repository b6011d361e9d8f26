"""Gaps are filled smoothly, and what is there stays."""

from __future__ import annotations

import pytest
import torch

from vsr_cli.imaging.inpainting import fill_missing


def _waves(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(
        torch.linspace(0, 3, height, dtype=torch.float64),
        torch.linspace(0, 6.28, width + 1, dtype=torch.float64)[:-1],
        indexing="ij",
    )
    return torch.sin(rows) + torch.cos(columns)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 33), (40, 64)])
def test_what_is_there_stays_and_all_is_finite(size: tuple[int, int]) -> None:
    field = _waves(*size)
    valid = torch.rand(size, generator=torch.Generator().manual_seed(1)) > 0.4
    valid[0, 0] = True
    filled = fill_missing(torch.where(valid, field, torch.nan), valid, rounds=20)
    assert torch.equal(filled[valid], field[valid])
    assert filled.isfinite().all()
    assert filled.min() >= field[valid].min() - 1e-12
    assert filled.max() <= field[valid].max() + 1e-12


def test_fill_is_near_a_smooth_field() -> None:
    field = _waves(40, 64)
    valid = torch.ones(40, 64, dtype=torch.bool)
    valid[10:18, 20:30] = False
    filled = fill_missing(torch.where(valid, field, torch.nan), valid, rounds=20)
    around = field[9:19, 19:31]
    assert (filled - field).abs().max() < 0.3 * (around.max() - around.min())


def test_filling_turns_with_the_globe() -> None:
    field = _waves(16, 33)
    valid = torch.rand(16, 33, generator=torch.Generator().manual_seed(2)) > 0.6
    valid[4:9, :6] = False
    gappy = torch.where(valid, field, torch.nan)
    filled = fill_missing(gappy, valid, rounds=9, wraps=True)
    turned = fill_missing(gappy.roll(7, 1), valid.roll(7, 1), rounds=9, wraps=True)
    assert torch.allclose(turned, filled.roll(7, 1), atol=1e-12)


def test_deeper_than_the_rounds_lies_the_mean() -> None:
    values = torch.zeros(1, 9)
    values[0, 0] = 4
    valid = torch.zeros(1, 9, dtype=torch.bool)
    valid[0, :2] = True
    filled = fill_missing(values, valid, rounds=3)
    assert filled[0].tolist() == [4, 0, 0, 0, 0, 2, 2, 2, 2]


def test_nothing_to_go_by_gives_zeros() -> None:
    empty, none = torch.full((4, 5), torch.nan), torch.zeros(4, 5, dtype=torch.bool)
    assert torch.equal(fill_missing(empty, none, rounds=3), torch.zeros(4, 5))
