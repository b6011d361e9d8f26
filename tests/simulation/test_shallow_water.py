"""Shallow-water runs: the physics that must hold on any grid, seen on a small one."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli.errors import MissingExtraError
from vsr_cli.simulation import shallow_water
from vsr_cli.simulation.shallow_water import gaussian_latitudes, simulate_shallow_water
from vsr_cli.specs import SPINUP_HOURS, ShallowWaterSpec
from vsr_cli.specs.simulation import FIELD_RANGES

pytest.importorskip("dinosaur", reason="needs the extra [simulate]")

HEIGHT_TOLERANCE = 1e-5  # relative; float32 keeps 6e-8 per value
# A balanced start leaves few gravity waves: 0.016 (jet), 0.011 (turbulence) measured at 64x32.
BALANCED_RATIO = 0.1
# After 12 hours 0.57 at 64x32, where the jet is two rows wide, 0.018 at 128x64, 7e-4 at 256x128.
STEADY_RATIO = 2e-3


@functools.cache
def _run(**settings: Any) -> NDArray[np.float32]:
    """Frames (T, H, W) of a run at 64x32, every three hours from the start."""
    small = {"width": 64, "height": 32, "frames": 3, "interval_min": 180.0, "spinup_hours": 0.0}
    return np.stack(list(simulate_shallow_water(ShallowWaterSpec(**{**small, **settings}))))


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


@pytest.mark.parametrize("field", sorted(FIELD_RANGES))
@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_frames_have_the_size_asked_for_and_lie_in_the_range(initial: str, field: str) -> None:
    frames = _run(initial=initial, field=field)
    low, high = FIELD_RANGES[field]
    assert frames.shape == (3, 32, 64)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()
    assert np.mean((frames < low) | (frames > high)) < 0.01


@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_mean_height_is_conserved(initial: str) -> None:
    heights = _run(initial=initial, field="height")
    _, weights = np.polynomial.legendre.leggauss(32)
    means = heights.astype(np.float64).mean(axis=2) @ weights / weights.sum()
    assert means == pytest.approx(means[0], rel=HEIGHT_TOLERANCE)
    assert means[0] == pytest.approx(shallow_water.MEAN_HEIGHT_M, rel=1e-3)  # the bump adds a bit


@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_start_is_balanced(initial: str) -> None:
    vorticity = _run(initial=initial, field="vorticity")[1:]
    divergence = _run(initial=initial, field="divergence")[1:]
    assert _rms(divergence) < BALANCED_RATIO * _rms(vorticity)


@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_same_seed_repeats_the_run(initial: str) -> None:
    settings = {"initial": initial, "field": "vorticity"}
    assert np.array_equal(_run(**settings), _run.__wrapped__(**settings))


@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_other_seed_is_another_run(initial: str) -> None:
    first = _run(initial=initial, field="vorticity")[0]
    second = _run(initial=initial, field="vorticity", seed=1, frames=1)[0]
    assert _rms(first - second) > 0.1 * _rms(first)


def test_jet_blows_in_the_upper_half() -> None:
    speed = _run(initial="jet", field="speed")[0]
    row = int(speed.mean(axis=1).argmax())
    assert row < 16
    assert 35 < gaussian_latitudes(32)[row] < 55


def test_jet_without_its_bump_is_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    jet = shallow_water._Solver._jet
    monkeypatch.setattr(shallow_water._Solver, "_jet", lambda self, draw: (jet(self, draw)[0], 0.0))
    frames = _run.__wrapped__(width=256, height=128, frames=2, interval_min=360.0)
    assert _rms(frames[1] - frames[0]) < STEADY_RATIO * _rms(frames[0])


def test_interval_is_the_time_between_frames() -> None:
    often, seldom = _run(initial="jet", field="vorticity"), _run(frames=2, interval_min=360.0)
    # The same steps, compiled in other portions.
    assert _rms(often[::2] - seldom) < 1e-3 * _rms(seldom)


def test_spinup_skips_the_beginning() -> None:
    late = _run(frames=1, spinup_hours=6.0)[0]
    assert _rms(late - _run(initial="jet", field="vorticity")[2]) < 1e-3 * _rms(late)


@pytest.mark.parametrize("height", [32, 320, 340])
def test_step_divides_the_interval(height: int) -> None:
    step_s = shallow_water._step_s(ShallowWaterSpec(width=2 * height, height=height))
    assert step_s <= shallow_water.STEP_S
    assert 30 * 60 / step_s == pytest.approx(round(30 * 60 / step_s))


def test_latitudes_start_in_the_north_and_are_symmetric() -> None:
    latitudes = gaussian_latitudes(32)
    assert (np.diff(latitudes) < 0).all()
    assert latitudes + latitudes[::-1] == pytest.approx(0)
    assert 85 < latitudes[0] < 90


def test_missing_dinosaur_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dinosaur", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vsr-cli\[simulate\]"'):
        _run.__wrapped__()


def test_unstable_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shallow_water._Solver, "field", lambda self, state: np.full((32, 64), np.nan, np.float32)
    )
    with pytest.raises(FloatingPointError, match="unstable at frame 0"):
        _run.__wrapped__()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"width": 640, "height": 321}, "twice as wide as high"),
        ({"width": 20, "height": 10}, "at least 16"),
        ({"frames": 0}, "frames must be at least 1, got 0"),
        ({"interval_min": 0.0}, "more than 0 minutes, got 0.0"),
        ({"interval_min": float("nan")}, "more than 0 minutes, got nan"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"initial": "tea"}, "initial must be .* got 'tea'"),
        ({"field": "tea"}, "field must be .* got 'tea'"),
    ],
)
def test_settings_that_make_no_run_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ShallowWaterSpec(**settings)


@pytest.mark.parametrize("initial", sorted(SPINUP_HOURS))
def test_spinup_follows_the_initial_state(initial: str) -> None:
    assert ShallowWaterSpec(initial=initial).spinup_hours == SPINUP_HOURS[initial]
    assert ShallowWaterSpec(initial=initial, spinup_hours=0).spinup_hours == 0
