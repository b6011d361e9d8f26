"""Coordinates of the finer grid."""

from __future__ import annotations

import numpy as np
import pytest

from vsr_cli.fields.refinement import (
    cell_edges,
    is_cyclic,
    poles,
    refine_axis,
    refine_bounds,
    refine_latitude,
    refine_map,
    row_areas,
)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("sign", [1, -1])
def test_parts_of_even_cells_are_even(scale: int, sign: int) -> None:
    fine = refine_axis(sign * np.arange(5.0), scale)
    assert np.allclose(np.diff(fine), sign / scale)
    assert np.allclose(fine.reshape(5, scale).mean(1), sign * np.arange(5.0))


def test_longitudes_go_on_around_the_globe() -> None:
    fine = refine_axis(np.arange(0, 360, 30.0), 2, period=360)
    assert np.allclose(fine, np.arange(24) * 15 - 7.5)
    falling = refine_axis(np.arange(330, -30, -30.0), 2, period=360)
    assert np.allclose(falling, 337.5 - np.arange(24) * 15)


def test_gaussian_latitudes_stay_uneven_and_symmetric() -> None:
    nodes = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(32)[0]))
    fine = refine_latitude(nodes, 2)
    assert np.allclose(fine, -fine[::-1])
    assert (np.diff(fine) > 0).all()
    assert np.abs(fine).max() < 90
    finer_nodes = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
    assert np.abs(fine - finer_nodes).max() < 0.35 * np.diff(fine).mean()


def test_rows_on_a_pole_have_half_cells() -> None:
    latitude = np.linspace(90, -90, 7)
    assert poles(latitude) == ("on", "on")
    fine = refine_latitude(latitude, 2)
    assert np.allclose(fine[:4], [86.25, 78.75, 67.5, 52.5])
    assert np.allclose(fine, -fine[::-1])


@pytest.mark.parametrize(
    ("latitude", "expected"),
    [
        (np.arange(-87.5, 90, 5), ("between", "between")),
        (np.arange(87.5, -90, -5), ("between", "between")),
        (np.arange(-60.0, 61, 5), ("none", "none")),
        (np.arange(0.0, 91, 5), ("none", "on")),
    ],
)
def test_poles_are_found(latitude: np.ndarray, expected: tuple[str, str]) -> None:  # type: ignore[type-arg]
    assert poles(latitude) == expected


def test_globe_is_found() -> None:
    assert is_cyclic(np.arange(0, 360, 2.8125))
    assert is_cyclic(np.arange(-180, 180, 1.875).astype(np.float32).astype(float))
    assert is_cyclic(np.arange(357.5, -1, -2.5))
    assert not is_cyclic(np.arange(0, 350, 2.5))
    assert not is_cyclic(np.linspace(0, 360, 145))  # the first meridian comes twice
    assert not is_cyclic(np.array([0.0, 100, 240]))


def test_bounds_are_divided_evenly() -> None:
    fine = refine_bounds(np.array([[0.0, 3.0], [3.0, 9.0]]), 3)
    assert np.allclose(fine, [[0, 1], [1, 2], [2, 3], [3, 5], [5, 7], [7, 9]])


def test_areas_of_parts_are_those_of_cells() -> None:
    latitude = np.linspace(-87.5, 87.5, 36)
    edges = cell_edges(latitude)
    assert row_areas(edges).sum() == pytest.approx(1)
    fine = row_areas(refine_bounds(edges, 4))
    assert np.allclose(fine.reshape(36, 4).sum(1), row_areas(edges))


@pytest.mark.parametrize("shift", [0.0, 180.0])
def test_curvilinear_grid_is_refined_over_the_date_line(shift: float) -> None:
    """A rotated grid: the parts of its cells by the formula, whatever the longitudes do there."""
    rows, columns = np.linspace(-20, 20, 21), np.linspace(-30, 30, 31) + shift

    def rotated(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        north, east = np.radians(y)[:, None], np.radians(x)[None]
        a, b, c = (
            np.cos(north) * np.cos(east),
            np.cos(north) * np.sin(east),
            np.sin(north) + 0 * east,
        )
        tilt = np.radians(40)
        a, c = a * np.cos(tilt) - c * np.sin(tilt), a * np.sin(tilt) + c * np.cos(tilt)
        return np.degrees(np.arcsin(c)), np.degrees(np.arctan2(b, a))

    found = refine_map(*rotated(rows, columns), 2)
    expected = rotated(refine_axis(rows, 2), refine_axis(columns, 2))
    assert np.abs(found[0] - expected[0]).max() < 0.02
    turned = (found[1] - expected[1] + 180) % 360 - 180
    assert np.abs(turned).max() < 0.05


def test_axis_of_one_coordinate_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        refine_axis(np.array([1.0]), 2)
