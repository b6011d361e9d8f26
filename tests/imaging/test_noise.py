"""Noise: its moments, and what it depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from vsr_cli.imaging.noise import add_noise
from vsr_cli.specs import Noise

SIZE = (400, 500)  # 200,000 draws: means are known to sigma / 447, deviations to 0.16 %
SURE = 5  # standard errors; with fixed seeds a test that passes once passes always


def _drawn(noise: Noise, code: float, *, bits: int = 8, black: int | None = 0) -> torch.Tensor:
    codes = torch.full(SIZE, code, dtype=torch.float64)
    return add_noise(codes, noise, bits=bits, black=black, key="clip") - code


def _check_moments(values: torch.Tensor, variance: float) -> None:
    count = values.numel()
    assert abs(float(values.mean())) < SURE * (variance / count) ** 0.5
    assert float(values.var()) == pytest.approx(variance, rel=SURE * (2.5 / count) ** 0.5)


@pytest.mark.parametrize(("bits", "code"), [(8, 100.0), (10, 100.0), (16, 40_000.0)])
def test_read_noise_is_gaussian_of_codes_of_8_bits(bits: int, code: float) -> None:
    values = _drawn(Noise(sigma=2.5), code, bits=bits)
    _check_moments(values, (2.5 * 2 ** (bits - 8)) ** 2)
    scaled = values.flatten()[:5000].numpy() / (2.5 * 2 ** (bits - 8))
    assert stats.kstest(scaled, "norm").pvalue > 0.01


@pytest.mark.parametrize(("code", "black"), [(200.0, 0), (200.0, 16), (30.0, 16)])
def test_variance_of_shot_noise_is_gain_times_light(code: float, black: int) -> None:
    values = _drawn(Noise(gain=0.5), code, black=black)
    _check_moments(values, 0.5 * (code - black))
    steps = (values + (code - black)) / 0.5  # whole photoelectrons
    assert torch.allclose(steps, steps.round(), rtol=0, atol=1e-9)


def test_shot_noise_of_another_depth_is_as_large_in_its_codes() -> None:
    _check_moments(_drawn(Noise(gain=0.5), 800.0, bits=10), 0.5 * 200 * 16)


def test_both_noises_add_their_variances() -> None:
    _check_moments(_drawn(Noise(sigma=2, gain=0.25), 100.0), 4 + 25)


def test_black_and_colour_have_no_shot_noise() -> None:
    assert _drawn(Noise(gain=1), 16.0, black=16).abs().max() == 0
    assert _drawn(Noise(gain=1), 9.0, black=16).abs().max() == 0
    assert _drawn(Noise(gain=1), 128.0, black=None).abs().max() == 0


def test_draws_follow_seed_and_key_alone() -> None:
    codes = torch.full((80, 90), 50.0, dtype=torch.float64)

    def draw(seed: int, key: str) -> np.ndarray:
        noise = Noise(sigma=3, gain=0.2, seed=seed)
        return (add_noise(codes, noise, bits=8, black=0, key=key) - codes).flatten().numpy()

    first = draw(1, "a")
    assert np.array_equal(first, draw(1, "a"))
    for other in (draw(2, "a"), draw(1, "b"), draw(12, "a"), draw(1, "2a")):
        assert abs(np.corrcoef(first, other)[0, 1]) < SURE / len(first) ** 0.5


def test_name_that_is_no_text_is_a_key_too() -> None:
    codes = torch.zeros(4, 4, dtype=torch.float64)
    first, again, other = (
        add_noise(codes, Noise(sigma=1), bits=8, black=0, key=key)
        for key in ("\udcff.mkv", "\udcff.mkv", "\udcfe.mkv")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
