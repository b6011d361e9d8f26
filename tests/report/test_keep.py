"""Which frames of a clip a report shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vsr_cli.report.keep import REGION, SAMPLES, STEP, TOP, ClipKeeper


def _keeper(errors: list[float], size: tuple[int, int] = (6, 8)) -> ClipKeeper:
    """A clip whose frames are off by so much; the truth of frame n is n thousandths."""
    keeper = ClipKeeper(1, border=0, grid="plane")
    for number, error in enumerate(errors):
        truth = torch.full(size, number / 1000, dtype=torch.float64)
        keeper.add(truth, [truth + error])
    return keeper


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60))
def test_worst_and_best_frame_are_found_and_few_are_held(errors: list[float]) -> None:
    keeper = _keeper(errors)
    squares = [frame**2 for frame in errors]
    assert keeper.worst is not None
    assert keeper.best is not None
    assert keeper.worst.error == pytest.approx(max(squares), abs=1e-12)
    assert keeper.best.error == pytest.approx(min(squares), abs=1e-12)
    assert len(keeper._samples) <= SAMPLES
    for frame in (keeper.worst, keeper.best, *keeper._samples):
        assert frame.truth[0, 0] == round(frame.number / 1000 * TOP)


@pytest.mark.parametrize("number", [1, 2, 5, 8])
def test_median_of_a_short_clip_is_exact(number: int) -> None:
    errors = list(np.random.default_rng(number).permutation(number) / 20 + 0.05)
    keeper = _keeper(errors)
    middle = np.median(np.square(errors))
    distances = np.abs(np.square(errors) - middle)
    assert keeper.median is not None
    assert distances[keeper.median.number] == pytest.approx(distances.min(), abs=1e-12)


def test_median_of_a_long_clip_is_near() -> None:
    """Errors that grow all the time: the frame in the middle of the clip, within an eighth."""
    keeper = _keeper([number / 1000 for number in range(200)])
    assert keeper.median is not None
    assert abs(keeper.median.number - 99.5) <= 200 / SAMPLES


def test_region_is_where_the_last_result_gains_most() -> None:
    keeper = ClipKeeper(2, border=2, grid="plane")
    truth = torch.rand(160, 200, dtype=torch.float64, generator=torch.manual_seed(1)) / 2
    for number in range(4):
        first, last = truth.clone(), truth + 0.01
        if number == 2:
            first[82 : 82 + REGION, 114 : 114 + REGION] += 0.3
        keeper.add(truth, [first, last])
    region = keeper.region
    assert region is not None
    assert region.frame.number == 2
    assert abs(region.x - 114) < STEP
    assert abs(region.y - 82) < STEP
    assert 0.5 * 0.09 < region.gain <= 0.09
    assert region.frame.truth.shape == (REGION, REGION)
    cut = (slice(region.y, region.y + REGION), slice(region.x, region.x + REGION))
    assert np.allclose(region.frame.truth / TOP, truth[cut], atol=1 / TOP)


def test_codes_keep_sixteen_bits() -> None:
    codes = torch.arange(65536, dtype=torch.float64).reshape(256, 256)
    keeper = ClipKeeper(1, border=0, grid="plane")
    keeper.add(codes / TOP, [codes / TOP])
    assert keeper.worst is not None
    assert np.array_equal(keeper.worst.truth, codes.numpy())


def test_picture_of_one_pixel_has_no_spectra() -> None:
    keeper = _keeper([0.1], size=(1, 1))
    assert keeper.spectra() == ()
    assert keeper.region is not None
    assert len(_keeper([0.1, 0.2]).spectra()) == 1
