"""Every metric of the table: identity, mistakes, and what they have in common."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vsr_cli.metrics import METRICS, ClipAccumulator, MetricSettings, key
from vsr_cli.metrics.batch import FrameParts
from vsr_cli.metrics.ssim import ssim_map
from vsr_cli.specs import DEFAULT_METRICS, MetricName

SIDES = (172, 168)  # MS-SSIM needs 161
# What a metric says of a result that is the truth itself.
PERFECT = {"higher": {"psnr": math.inf, "tpsnr": math.inf}, "lower": {"resolution": 2.0}}
# Of one frame these have nothing to say.
OF_SEVERAL = {"acc", "tpsnr", "flicker", "tof"}
# Flows, and what needs weights or a program, are tried by themselves.
OF_PICTURES = [name for name in METRICS if name not in {"vorticity", "lpips", "vmaf"}]
OF_MEANS = {"bias", "mean-error"}  # noise has none
# Rounding of sums over 28,000 pixels in float64; the flow's iteration starts from nothing.
EXACT = 1e-9


def _clip(seed: int, noise: float, frames: int = 3) -> list[tuple[NDArray, NDArray]]:
    """Waves that move and a noisy copy, (H, W) float64 in [0, 1]."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[: SIDES[0], : SIDES[1]] / 9.0
    pairs = []
    for number in range(frames):
        hr = 0.5 + 0.2 * np.sin(x + number / 5) * np.cos(1.3 * y) + 0.1 * np.sin(3 * x - 2 * y)
        pairs.append((np.clip(hr + noise * draw.standard_normal(SIDES), 0, 1), hr))
    return pairs


def _score(name: MetricName, pairs: list[tuple[NDArray, NDArray]], **words: object) -> float:
    metric = METRICS[name].make(MetricSettings(**words))  # type: ignore[arg-type]
    for sr, hr in pairs:
        metric.add(torch.from_numpy(sr), torch.from_numpy(hr))
    score = metric.result()
    assert score is not None
    return score


def test_table_holds_what_the_command_line_offers() -> None:
    assert tuple(METRICS) == get_args(MetricName)
    assert {*DEFAULT_METRICS} <= METRICS.keys()


@pytest.mark.parametrize("grid", ["plane", "sphere"])
@pytest.mark.parametrize("name", OF_PICTURES)
def test_truth_itself_scores_perfectly(name: MetricName, grid: str) -> None:
    entry = METRICS[name]
    same = [(hr, hr) for _, hr in _clip(0, 0.1)]
    default = 1.0 if entry.better == "higher" else 0.0
    expected = PERFECT.get(entry.better, {}).get(name, default)
    assert _score(name, same, grid=grid) == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize("grid", ["plane", "sphere"])
@pytest.mark.parametrize("name", sorted({*OF_PICTURES} - OF_MEANS))
def test_more_noise_scores_worse(name: MetricName, grid: str) -> None:
    entry = METRICS[name]
    scores = [_score(name, _clip(1, noise), grid=grid) for noise in (0.004, 0.02, 0.1)]
    ordered = [abs(score) for score in scores]
    assert ordered == sorted(ordered, reverse=entry.better == "higher")
    assert ordered[0] != ordered[-1]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**16), st.floats(1e-3, 0.05), st.integers(0, 1))
def test_scores_are_finite_and_of_one_frame_some_have_none(
    seed: int, noise: float, border: int
) -> None:
    pairs = _clip(seed, noise, frames=2)
    for name in OF_PICTURES:
        entry = METRICS[name]
        if name == "tof":  # half a second, and tried above
            continue
        assert math.isfinite(_score(name, pairs, border=border))
        alone = entry.make(MetricSettings(border=border))
        assert alone.result() is None
        alone.add(*pairs[0])
        assert (alone.result() is None) == (name in OF_SEVERAL)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_sizes_that_differ_are_refused(name: MetricName) -> None:
    metric = METRICS[name].make(MetricSettings())
    with pytest.raises(ValueError, match="same size, got 30x20 and 31x20"):
        metric.add(np.zeros((20, 30)), np.zeros((20, 31)))


@pytest.mark.parametrize("name", OF_PICTURES)
def test_three_planes_of_one_picture_score_as_it_does(name: MetricName) -> None:
    pairs = _clip(2, 0.05, frames=2)
    # Between the values of three equal planes there is more to interpolate.
    tolerance = 1e-3 if "quantile" in name else 1e-12
    threefold = [(np.stack([sr] * 3), np.stack([hr] * 3)) for sr, hr in pairs]
    assert _score(name, threefold) == pytest.approx(_score(name, pairs), rel=1e-9, abs=tolerance)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_border_does_not_count(name: MetricName) -> None:
    pairs = _clip(3, 0.05, frames=2)
    inside = [tuple(image[3:-3, 3:-3] for image in pair) for pair in pairs]
    expected = _score(name, inside)  # type: ignore[arg-type]
    assert _score(name, pairs, border=3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms-ssim", "tpsnr"])
def test_peak_and_values_scale_together(name: MetricName) -> None:
    pairs = _clip(4, 0.05, frames=2)
    half = [(sr / 2, hr / 2) for sr, hr in pairs]
    assert _score(name, half, data_range=0.5) == pytest.approx(_score(name, pairs), rel=1e-9)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms-ssim", "tpsnr"])
@pytest.mark.parametrize("peak", [0.0, -1.0, math.nan, math.inf])
def test_peak_that_is_none_is_refused(name: MetricName, peak: float) -> None:
    (pair,) = _clip(5, 0.05, frames=1)
    with pytest.raises(ValueError, match="data range must be a number above 0"):
        METRICS[name].make(MetricSettings(data_range=peak)).add(*pair)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_score_in_words(name: MetricName) -> None:
    assert METRICS[name].shown(None) == "-"
    assert float(METRICS[name].shown(0.25)) == pytest.approx(0.25)


def test_metrics_of_one_clip_share_parts_and_score_as_alone() -> None:
    pairs = [tuple(map(torch.from_numpy, pair)) for pair in _clip(6, 0.05)]
    names: tuple[MetricName, ...] = tuple(name for name in OF_PICTURES if name != "tof")
    together = ClipAccumulator("a", metrics=names)
    back = ClipAccumulator("b", metrics=names[::-1])
    for pair in pairs:
        together.add(*pair)
        back.add(*pair)
    for name in names:
        expected = _score(name, [(sr.numpy(), hr.numpy()) for sr, hr in pairs])
        assert together.result().value(key(name)) == expected
        assert back.result().value(key(name)) == expected


def test_a_part_is_computed_by_the_first_that_asks() -> None:
    parts, seen = FrameParts(), []

    def compute() -> int:
        seen.append(None)
        return len(seen)

    names = [("x", 0), ("x", 0), ("x", 1), ("y", 0), ("x", 0)]
    assert [parts.once(name, compute) for name in names] == [1, 1, 2, 3, 1]
    assert FrameParts().once(("x", 0), compute) == 4  # of other frames


def test_ssim_can_be_learnt_from_after_an_evaluation() -> None:
    image = torch.rand(1, 30, 40)
    with torch.inference_mode():
        ssim_map(image, image)
    image.requires_grad_()
    ssim_map(image, torch.rand(1, 30, 40)).mean().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
