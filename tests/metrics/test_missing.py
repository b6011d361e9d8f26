"""Truth with gaps: pixels that are NaN count nowhere, by the rule of each metric."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.ndimage
import skimage.metrics
import torch
from numpy.typing import NDArray

from vsr_cli.metrics import (
    METRICS,
    AnomalyCorrelation,
    ClipAccumulator,
    Flicker,
    MetricSettings,
    SpectrumAccumulator,
    bias,
    find_outline,
    gradient_error,
    mae,
    mean_error,
    mse,
    multiscale_similarity,
    psnr,
    quantile_error,
    scores_to_json,
    structural_similarity,
)
from vsr_cli.specs import MetricName

EXACT = 1e-12  # float64 on both sides, sums in another order
SIMILARITY = 1e-8  # of SSIM; its variances are differences of nearly equal numbers
SIDE = 168  # MS-SSIM needs 161
# Flows, and what needs weights or a program, are tried by themselves.
OF_PICTURES = [name for name in METRICS if name not in {"vorticity", "lpips", "vmaf"}]


def _clip(frames: int, height: int = 40, width: int = 52) -> list[tuple[NDArray, NDArray]]:
    """Waves that move and a noisy copy; the truth lacks a coast, and a square that moves."""
    draw = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width] / 6.0
    pairs = []
    for number in range(frames):
        hr = 0.5 + 0.3 * np.sin(x + number / 3) * np.cos(1.3 * y)
        sr = hr + 0.05 * draw.standard_normal(hr.shape)
        hr[x * 6 + y * 6 < 20] = np.nan
        hr[20 + number : 24 + number, 30:33] = np.nan
        pairs.append((sr, hr))
    return pairs


def _side(name: MetricName) -> int:
    return SIDE if name == "ms-ssim" else 48


def _area(height: int) -> NDArray:
    latitude = np.linspace(90, -90, 2 * height + 1)[1::2]
    return np.cos(np.deg2rad(latitude))[:, None]


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_what_the_result_says_where_there_is_no_truth_changes_nothing(
    name: MetricName, grid: str
) -> None:
    pairs = _clip(3, _side(name), _side(name) + 6)
    scores = []
    for value in (0.0, 1e6, math.nan):
        metric = METRICS[name].make(MetricSettings(border=2, grid=grid))  # type: ignore[arg-type]
        for sr, hr in pairs:
            metric.add(np.where(np.isnan(hr), value, sr), hr)
        scores.append(metric.result())
    assert scores[0] == scores[1] == scores[2]
    # The coast leaves no whole window at the coarsest scale.
    assert (scores[0] is None) == (name == "ms-ssim")


@pytest.mark.parametrize("name", OF_PICTURES)
def test_truth_itself_scores_as_without_gaps(name: MetricName) -> None:
    same = METRICS[name].make(MetricSettings())
    whole = METRICS[name].make(MetricSettings())
    for _, hr in _clip(3, _side(name), _side(name)):
        if name == "ms-ssim":  # one gap at the corner, and windows beside it at all scales
            hr = np.pad(np.nan_to_num(hr, nan=0.5), ((0, 0), (16, 0)), constant_values=0.5)
            hr[0, 0] = np.nan
        same.add(hr, hr)
        filled = np.nan_to_num(hr, nan=0.5)
        whole.add(filled, filled)
    found, expected = same.result(), whole.result()
    assert expected is not None
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_pixelwise_metrics_equal_numpy_on_what_is_there(grid: str) -> None:
    ((sr, hr),) = _clip(1)
    weights = _area(len(hr)) if grid == "sphere" else np.ones((len(hr), 1))
    there = ~np.isnan(hr)
    weights = np.broadcast_to(weights, hr.shape)[there]
    error = (sr - hr)[there]
    expected = np.average(error**2, weights=weights)
    assert mse(sr, hr, grid=grid) == pytest.approx(expected, rel=EXACT)
    assert psnr(sr, hr, grid=grid) == pytest.approx(-10 * math.log10(expected), rel=EXACT)
    assert mae(sr, hr, grid=grid) == pytest.approx(
        np.average(np.abs(error), weights=weights), rel=EXACT
    )
    off = np.average(error, weights=weights)
    assert bias(sr, hr, grid=grid) == pytest.approx(off, rel=1e-9)
    mean = np.average(hr[there], weights=weights)
    assert mean_error(sr, hr, grid=grid) == pytest.approx(abs(off) / mean, rel=1e-9)


def test_quantiles_are_those_of_what_is_there() -> None:
    ((sr, hr),) = _clip(1)
    there = ~np.isnan(hr)
    for level in (0.0, 0.001, 0.3, 1.0):
        expected = np.quantile(sr[there], level) - np.nanquantile(hr, level)
        assert quantile_error(sr, hr, level) == pytest.approx(expected, abs=EXACT)


def test_ssim_is_scikit_image_in_windows_that_touch_no_gap() -> None:
    ((sr, hr),) = _clip(1)
    missing = np.isnan(hr)
    sr, filled = np.where(missing, 0, sr), np.where(missing, 0, hr)
    _, full = skimage.metrics.structural_similarity(
        sr,
        filled,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        full=True,
    )
    touched = scipy.ndimage.binary_dilation(missing, np.ones((11, 11)))
    inner = np.zeros_like(missing)
    inner[5:-5, 5:-5] = True
    assert 0 < (inner & ~touched).sum() < inner.sum()
    expected = full[inner & ~touched].mean()
    assert structural_similarity(sr, hr) == pytest.approx(expected, abs=SIMILARITY)


def test_ms_ssim_leaves_out_what_touches_a_gap() -> None:
    draw = np.random.default_rng(0)
    hr = draw.random((SIDE, 400))
    sr = hr + 0.1 * draw.standard_normal(hr.shape)
    hr[:, 0] = np.nan  # 16 pixels to the left make one of the coarsest scale
    inside = multiscale_similarity(sr[:, 16:], hr[:, 16:])
    assert multiscale_similarity(sr, hr) == pytest.approx(inside, abs=0.002)
    hr[84, 200] = np.nan
    assert math.isfinite(multiscale_similarity(sr, hr))
    hr[:, 100] = hr[:, 300] = np.nan
    assert math.isnan(multiscale_similarity(sr, hr))


def test_gradient_is_that_of_differences_that_touch_no_gap() -> None:
    ((sr, hr),) = _clip(1)
    error, truth = (np.gradient(image) for image in (sr - hr, hr))
    squares = [sum(part[1:-1, 1:-1] ** 2 for part in parts) for parts in (error, truth)]
    both = ~np.isnan(squares[0])
    expected = math.sqrt(squares[0][both].mean() / squares[1][both].mean())
    assert gradient_error(sr, hr) == pytest.approx(expected, rel=EXACT)


def test_flicker_is_the_variance_of_the_frames_in_which_a_pixel_is_there() -> None:
    pairs = _clip(4)
    metric = Flicker()
    for pair in pairs:
        metric.add(*pair)
    errors = np.stack([sr - hr for sr, hr in pairs])
    often = (~np.isnan(errors)).sum(0) >= 2
    expected = np.nanvar(errors[:, often], axis=0).mean()
    assert metric.result() == pytest.approx(expected, rel=EXACT)


def test_anomaly_correlation_is_that_of_what_is_there() -> None:
    pairs = _clip(4)
    metric = AnomalyCorrelation()
    for pair in pairs:
        metric.add(*pair)
    hr = np.stack([hr for _, hr in pairs])
    sr = np.where(np.isnan(hr), np.nan, np.stack([sr for sr, _ in pairs]))
    ever = ~np.isnan(hr).all(0)
    mean = np.nanmean(hr[:, ever], axis=0)
    x, y = sr[:, ever] - mean, hr[:, ever] - mean
    expected = np.nansum(x * y) / math.sqrt(np.nansum(x * x) * np.nansum(y * y))
    assert metric.result() == pytest.approx(expected, rel=1e-10)


def test_change_is_that_of_pixels_that_are_there_in_both_frames() -> None:
    pairs = _clip(2)
    metric = METRICS["tpsnr"].make(MetricSettings())
    for pair in pairs:
        metric.add(*pair)
    first, second = (sr - hr for sr, hr in pairs)
    assert metric.result() == pytest.approx(-10 * math.log10(np.nanmean((second - first) ** 2)))


@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_spectra_are_those_of_pictures_filled_with_the_truths_mean(grid: str) -> None:
    ((sr, hr),) = _clip(1)
    missing, mean = np.isnan(hr), np.nanmean(hr)
    found, filled = (SpectrumAccumulator(grid=grid) for _ in range(2))
    found.add(sr, hr)
    filled.add(np.where(missing, mean, sr), np.where(missing, mean, hr))
    for name in ("sr", "hr", "error"):
        expected = getattr(filled.spectra(), name)
        assert getattr(found.spectra(), name) == pytest.approx(expected, rel=1e-9)


def test_frame_without_any_truth_counts_in_no_mean_and_is_counted() -> None:
    pairs = _clip(3)
    pairs[1] = (pairs[1][0], np.full_like(pairs[1][1], np.nan))
    names: tuple[MetricName, ...] = ("psnr", "ssim", "gradient", "maximum", "tpsnr", "lsd", "tof")
    clip, alone = ClipAccumulator("a", metrics=names), ClipAccumulator("b", metrics=names)
    for number, (sr, hr) in enumerate(pairs):
        frame = clip.add(torch.from_numpy(sr), torch.from_numpy(hr))
        if number == 1:
            assert set(frame.values.values()) == {None}
        else:
            alone.add(torch.from_numpy(sr), torch.from_numpy(hr))
    scores, expected = clip.result(), alone.result()
    assert (scores.frames, scores.empty_frames) == (3, 1)
    for name in ("psnr", "ssim", "gradient", "maximum", "lsd"):
        assert scores.values[name] == pytest.approx(expected.value(name), rel=EXACT)
    assert scores.values["tpsnr"] is None  # no two frames in a row
    assert scores.values["tof"] is None
    document = json.loads(json.dumps(scores_to_json(scores), allow_nan=False))
    shares = [np.isnan(hr).mean() for _, hr in pairs]
    assert document["missing"] == pytest.approx(np.mean(shares))
    assert document["empty_frames"] == 1
    assert document["per_frame"][1]["psnr"] is None


@pytest.mark.parametrize("name", OF_PICTURES)
def test_clip_without_any_truth_has_no_score(name: MetricName) -> None:
    metric = METRICS[name].make(MetricSettings())
    nothing = np.full((SIDE, SIDE), np.nan)
    for _ in range(3):
        assert metric.add(np.zeros_like(nothing), nothing) is None
    assert metric.result() is None


@pytest.mark.parametrize("name", OF_PICTURES)
def test_result_that_is_missing_where_the_truth_is_not_is_refused_with_its_place(
    name: MetricName,
) -> None:
    ((sr, hr),) = _clip(1, _side(name), _side(name))
    sr[30, 40] = np.nan
    sr[31, 7] = np.inf
    with pytest.raises(ValueError, match="at 2 pixels, the first in row 30, column 40 from 0"):
        METRICS[name].make(MetricSettings()).add(sr, hr)


def test_infinite_truth_is_refused() -> None:
    ((sr, hr),) = _clip(1)
    hr[0, 0] = np.inf
    with pytest.raises(ValueError, match="must be finite, or NaN"):
        mse(sr, hr)


def test_outline_of_a_picture_with_gaps_is_refused() -> None:
    ((_, hr),) = _clip(1)
    with pytest.raises(ValueError, match="without missing values"):
        find_outline(hr)
