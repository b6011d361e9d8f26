"""Iterative back-projection: on images of Set5, and on borders and places of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from vsr_cli.imaging.backprojection import back_project
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.imaging.resample import enlarge, resize, shrink
from vsr_cli.imaging.siting import Siting
from vsr_cli.models import get_spec

AGREES = 1e-3
GAIN = {2: 1.15, 3: 0.8, 4: 0.7}  # dB over bicubic in the mean of Set5: 1.23, 0.86, 0.79
MANY_ROUNDS = 40  # for the worst pixel, beside one that is cut at white; ten leave up to 4.7e-3


def _set5(shared_data: Path, scale: int) -> list[torch.Tensor]:
    """Gray by Pillow, cut to a multiple of the scale: each (1, 1, H, W) float64 in [0, 1]."""
    paths = sorted((shared_data / "test" / "Set5" / f"x{scale}" / "hr").iterdir())
    codes = [np.array(Image.open(path).convert("L"), dtype=np.float64) for path in paths]
    crop = [image[: len(image) // scale * scale] for image in codes]
    return [torch.from_numpy(c[:, : c.shape[1] // scale * scale] / 255)[None, None] for c in crop]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_psnr_of_set5_rises_and_the_input_comes_back(shared_data: Path, scale: int) -> None:
    model = get_spec("ibp").build(scale, False)
    gains = []
    for truth in _set5(shared_data, scale):
        low = degrade_bicubic(truth, scale)
        result = model(low)
        assert (shrink(result, scale) - low).abs().mean() < AGREES / 5
        agreed = back_project(result, low, MANY_ROUNDS)
        assert (shrink(agreed, scale) - low).abs().max() < AGREES
        before, after = (
            peak_signal_noise_ratio(truth.numpy(), picture.numpy(), data_range=1)
            for picture in (enlarge(low, scale).clamp(0, 1), result)
        )
        gains.append(after - before)
    assert min(gains) > 0.2
    assert np.mean(gains) > GAIN[scale]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enough_rounds_agree_even_with_noise(scale: int) -> None:
    low = torch.rand(2, 1, 19, 23, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    result = back_project(enlarge(low, scale), low, 40)
    assert result.min() >= 0
    assert result.max() <= 1
    assert (shrink(result, scale) - low).abs().max() < AGREES


@pytest.mark.parametrize("siting", [Siting(), Siting(0.5, 0.25), Siting(0.25, 0.25)])
@pytest.mark.parametrize("size", [(38, 46), (31, 40), (37, 45)])
def test_any_size_and_place_of_samples_agrees(size: tuple[int, int], siting: Siting) -> None:
    """Also where the enlargement is not whole, or the last sample lies half outside."""
    low = torch.rand(1, 1, 19, 23, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    factors = (size[0] / 19, size[1] / 23)
    high = resize(low, height=size[0], width=size[1], siting=siting)
    result = back_project(high, low, 60, siting=siting)
    back = resize(
        result, height=19, width=23, siting=siting, factors=(1 / factors[0], 1 / factors[1])
    )
    assert (back - low).abs().max() < AGREES
    assert (result - high).abs().max() > 10 * AGREES


def test_no_rounds_change_nothing() -> None:
    low, high = torch.rand(1, 1, 4, 4), torch.rand(1, 1, 8, 8)
    assert torch.equal(back_project(high, low, 0), high)
