"""PSNR and SSIM: their properties, and scikit-image as the second implementation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import skimage.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vsr_cli.metrics import crop_border, mse, psnr, structural_similarity

# Both sides work in float64; the sums are taken in another order.
SSIM_TOLERANCE = 1e-8
PSNR_TOLERANCE_DB = 1e-9

Metric = Callable[..., float]
METRICS = [mse, psnr, structural_similarity]
PERFECT = {mse: 0.0, psnr: math.inf, structural_similarity: 1.0}
SIZES = st.tuples(st.integers(11, 40), st.integers(11, 40))


def _pair(seed: int, height: int, width: int, noise: float) -> tuple[NDArray, NDArray]:
    """A smooth picture in [0, 1] and a noisy copy, float64 (H, W)."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 7.0
    hr = 0.5 + 0.3 * np.sin(x + draw.uniform(0, 6)) * np.cos(y * draw.uniform(0.5, 2))
    return np.clip(hr + noise * draw.standard_normal(hr.shape), 0, 1), hr


pairs = st.builds(
    lambda seed, size, noise: _pair(seed, *size, noise),
    st.integers(0, 2**16),
    SIZES,
    st.floats(0.001, 0.5),
)


@settings(max_examples=25, deadline=None)
@given(pairs, st.integers(0, 3))
def test_ssim_equals_scikit_image(pair: tuple[NDArray, NDArray], border: int) -> None:
    sr, hr = (np.pad(image, border, mode="edge") for image in pair)
    expected = skimage.metrics.structural_similarity(
        *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert structural_similarity(sr, hr, border=border) == pytest.approx(
        expected, abs=SSIM_TOLERANCE
    )


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_psnr_equals_scikit_image(pair: tuple[NDArray, NDArray]) -> None:
    expected = skimage.metrics.peak_signal_noise_ratio(pair[1], pair[0], data_range=1)
    assert psnr(*pair) == pytest.approx(expected, abs=PSNR_TOLERANCE_DB)


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_bounds(pair: tuple[NDArray, NDArray]) -> None:
    assert 0 <= mse(*pair) <= 1
    assert psnr(*pair) >= 0
    assert -1 <= structural_similarity(*pair) <= 1


@pytest.mark.parametrize("metric", METRICS)
def test_identical_images_score_perfectly(metric: Metric) -> None:
    image = _pair(0, 20, 30, 0.1)[0]
    assert metric(image, image) == pytest.approx(PERFECT[metric], abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_order_of_the_images_does_not_matter(metric: Metric) -> None:
    sr, hr = _pair(1, 20, 30, 0.1)
    assert metric(sr, hr) == pytest.approx(metric(hr, sr), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_more_noise_scores_worse(metric: Metric) -> None:
    scores = [metric(*_pair(2, 20, 30, noise)) for noise in (0.01, 0.05, 0.2)]
    assert scores == sorted(scores, reverse=metric is not mse)


@pytest.mark.parametrize("metric", METRICS)
def test_array_and_tensor_give_the_same_float(metric: Metric) -> None:
    sr, hr = _pair(3, 20, 30, 0.1)
    score = metric(torch.from_numpy(sr), torch.from_numpy(hr))
    assert type(score) is float
    assert score == metric(sr, hr)


@pytest.mark.parametrize("metric", METRICS)
def test_float32_is_computed_in_float64(metric: Metric) -> None:
    sr, hr = (image.astype(np.float32) for image in _pair(4, 20, 30, 0.1))
    assert metric(sr, hr) == metric(sr.astype(np.float64), hr.astype(np.float64))


@pytest.mark.parametrize("metric", METRICS)
def test_border_does_not_count(metric: Metric) -> None:
    sr, hr = _pair(5, 20, 30, 0.1)
    spoilt = sr.copy()
    spoilt[:2] = spoilt[-2:] = 0
    spoilt[:, :2] = spoilt[:, -2:] = 1
    assert metric(spoilt, hr, border=2) == metric(sr, hr, border=2)


def test_psnr_of_a_known_error() -> None:
    hr = np.full((4, 4), 0.5)
    assert psnr(hr + 0.1, hr) == pytest.approx(20)


def test_ssim_of_an_anticorrelated_image_is_negative() -> None:
    hr = 0.5 + 0.5 * np.sin(np.arange(400.0)).reshape(20, 20)
    assert structural_similarity(1 - hr, hr) < -0.5


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10), (1, 1)])
def test_ssim_refuses_what_is_smaller_than_its_window(height: int, width: int) -> None:
    image = np.zeros((height, width))
    with pytest.raises(ValueError, match=f"at least 11x11 .* got {width}x{height}"):
        structural_similarity(image, image)


def test_ssim_counts_the_border_before_its_window() -> None:
    image = np.zeros((12, 12))
    with pytest.raises(ValueError, match="got 10x10 with border = 1"):
        structural_similarity(image, image, border=1)


@pytest.mark.parametrize("metric", METRICS)
def test_sizes_that_differ_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="same size, got 30x20 and 31x20"):
        metric(np.zeros((20, 30)), np.zeros((20, 31)))


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (np.zeros((20, 20), np.uint8), "float in .* got torch.uint8; divide by"),
        (np.zeros((1, 20, 20)), r"must be \(H, W\) or \(3, H, W\), got \(1, 20, 20\)"),
        (np.full((20, 20), np.inf), "must be finite"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_what_is_no_image_is_refused(metric: Metric, image: NDArray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        metric(image, image)


@pytest.mark.parametrize("border", [-1, 5, 100])
def test_border_that_leaves_nothing_is_refused(border: int) -> None:
    with pytest.raises(ValueError, match=rf"border must be in 0..4 for 20x10 pixels, got {border}"):
        crop_border(torch.zeros(10, 20), border)
