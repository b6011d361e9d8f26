"""Means of blocks that stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsr_cli.imaging.conservation import block_means, conserve_means, spread
from vsr_cli.imaging.globe import Edges

EDGES = Edges(across="periodic")


def _case(scale: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(scale)
    coarse = torch.from_numpy(draw.normal(280, 20, (12, 24)))
    fine = spread(coarse, scale) + torch.from_numpy(draw.normal(0, 3, (12 * scale, 24 * scale)))
    valid = torch.from_numpy(draw.random((12, 24)) > 0.2)
    areas = np.cos(np.linspace(-1.5, 1.5, 12 * scale))
    weights = torch.from_numpy(np.repeat(areas[:, None], 24 * scale, 1))
    return coarse, fine, valid, weights


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_weighted_means_become_the_cells_values(scale: int) -> None:
    coarse, fine, valid, weights = _case(scale)
    kept = conserve_means(fine, coarse, valid, weights, scale, EDGES)
    blocks = kept.numpy().reshape(12, scale, 24, scale)
    areas = weights.numpy().reshape(12, scale, 24, scale)
    means = (blocks * areas).sum((1, 3)) / areas.sum((1, 3))
    assert np.abs(means - coarse.numpy())[valid.numpy()].max() < 1e-6 * 20
    assert torch.allclose(block_means(kept, weights, scale)[valid], coarse[valid], atol=1e-9)


def test_field_that_has_its_means_is_left_as_it_is() -> None:
    coarse, fine, valid, weights = _case(2)
    valid = torch.ones_like(valid)
    coarse = block_means(fine, weights, 2)
    kept = conserve_means(fine, coarse, valid, weights, 2, EDGES)
    assert torch.allclose(kept, fine, atol=1e-9)


def test_most_of_the_difference_is_added_smoothly() -> None:
    """A field that is too warm by a smooth wave is corrected without edges between blocks."""
    rows = torch.linspace(0, 3, 48, dtype=torch.float64)
    wave = torch.sin(rows)[:, None] + torch.zeros(48, 64, dtype=torch.float64)
    weights = torch.ones(48, 64, dtype=torch.float64)
    coarse = torch.zeros(12, 16, dtype=torch.float64)
    valid = torch.ones(12, 16, dtype=torch.bool)
    smooth = conserve_means(wave, coarse, valid, weights, 4, EDGES)
    blocky = wave - spread(block_means(wave, weights, 4), 4)
    inner = slice(8, 40)
    assert smooth[inner].abs().max() < 0.2 * blocky[inner].abs().max()


def test_missing_cells_weigh_nothing() -> None:
    fine = torch.tensor([[1.0, torch.nan], [3.0, torch.nan]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    assert block_means(fine, weights, 2).item() == 2.5
    assert block_means(fine, torch.zeros_like(weights), 2).item() == 0
