"""Coordinates of the finer grid."""

from __future__ import annotations

import numpy as np
import pytest

from vsr_cli.fields.maps import map_areas, refine_corners, refine_map
from vsr_cli.fields.refinement import (
    cell_edges,
    poles,
    refine_axis,
    refine_bounds,
    refine_latitude,
    refine_longitude,
    refine_longitude_bounds,
    repeated_columns,
    row_areas,
    unroll,
)

GAUSSIAN = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(96)[0]))


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
        (np.arange(-85.0, 86, 5), ("none", "none")),
        (np.arange(80.0, -81, -10), ("none", "none")),
        (GAUSSIAN, ("between", "between")),
    ],
)
def test_poles_are_found(latitude: np.ndarray, expected: tuple[str, str]) -> None:  # type: ignore[type-arg]
    assert poles(latitude) == expected


def test_globe_is_found() -> None:
    assert repeated_columns(np.arange(0, 360, 2.8125)) == 0
    assert repeated_columns(np.arange(-180, 180, 1.875).astype(np.float32).astype(float)) == 0
    assert repeated_columns(np.arange(357.5, -1, -2.5)) == 0
    assert repeated_columns(np.arange(0, 350, 2.5)) is None
    assert repeated_columns(np.array([0.0, 100, 240])) is None
    assert repeated_columns(np.arange(170, 200, 2.5)) is None


def test_first_meridian_that_comes_twice_is_found() -> None:
    assert repeated_columns(np.linspace(0, 360, 145)) == 1
    assert repeated_columns(np.linspace(360, 0, 145).astype(np.float32).astype(float)) == 1
    assert repeated_columns(np.arange(0, 365, 2.5)) == 2


def test_longitudes_may_jump_inside_a_row() -> None:
    """179, -179: half way lies the date line, not the first meridian."""
    whole = (np.arange(0, 360, 30.0) + 15 + 180) % 360 - 180
    assert repeated_columns(whole) == 0
    fine = refine_longitude(whole, 2)
    assert np.allclose(fine, (np.arange(24) * 15 + 7.5 + 180) % 360 - 180)
    part = np.array([170.0, 175, -180, -175])
    assert repeated_columns(part) is None
    assert np.allclose(
        refine_longitude(part, 2),
        [168.75, 171.25, 173.75, 176.25, 178.75, -178.75, -176.25, -173.75],
    )
    assert np.allclose(unroll(part), [170, 175, 180, 185])
    positive = np.array([350.0, 355, 0, 5])
    assert np.allclose(
        refine_longitude(positive, 2), [348.75, 351.25, 353.75, 356.25, 358.75, 1.25, 3.75, 6.25]
    )


def test_edges_of_longitudes_lie_around_their_centres() -> None:
    centres = np.arange(0, 360, 30.0)
    edges = np.stack([centres - 15, centres + 15], -1) % 360
    fine = refine_longitude(centres, 2)
    found = refine_longitude_bounds(edges, fine, 2)
    assert np.allclose(found.mean(1), fine)
    assert np.allclose(found[:, 1] - found[:, 0], 15)
    jumping = (centres + 180) % 360 - 180
    fine = refine_longitude(jumping, 3)
    found = refine_longitude_bounds((edges + 180) % 360 - 180, fine, 3)
    assert np.allclose(found.mean(1), fine)


def test_areas_of_parts_of_a_curvilinear_grid_are_those_of_the_sphere() -> None:
    rows, columns = np.linspace(-78.75, 78.75, 36), np.linspace(0.0, 30, 13)
    latitude, longitude = np.meshgrid(rows, columns, indexing="ij")
    found = map_areas(latitude, longitude, 2)
    width = np.radians(np.diff(columns).mean() / 2)
    expected = row_areas(refine_bounds(cell_edges(rows), 2)) * 2 * width
    assert found.shape == (72, 26)
    assert np.abs(found / expected[:, None] - 1).max() < 5e-3  # sides are great circles
    latitude[0, 0] = np.nan
    assert (map_areas(latitude, longitude, 2)[:2, :2] == 1).all()


def test_bounds_are_divided_evenly() -> None:
    fine = refine_bounds(np.array([[0.0, 3.0], [3.0, 9.0]]), 3)
    assert np.allclose(fine, [[0, 1], [1, 2], [2, 3], [3, 5], [5, 7], [7, 9]])


def test_areas_of_parts_are_those_of_cells() -> None:
    latitude = np.linspace(-87.5, 87.5, 36)
    edges = cell_edges(latitude)
    assert row_areas(edges).sum() == pytest.approx(1)
    fine = row_areas(refine_bounds(edges, 4))
    assert np.allclose(fine.reshape(36, 4).sum(1), row_areas(edges))


def rotated(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A grid of rows and columns in degrees, tilted by 40 degrees."""
    north, east = np.radians(y)[:, None], np.radians(x)[None]
    a, b, c = (
        np.cos(north) * np.cos(east),
        np.cos(north) * np.sin(east),
        np.sin(north) + 0 * east,
    )
    tilt = np.radians(40)
    a, c = a * np.cos(tilt) - c * np.sin(tilt), a * np.sin(tilt) + c * np.cos(tilt)
    return np.degrees(np.arcsin(c)), np.degrees(np.arctan2(b, a))


@pytest.mark.parametrize("shift", [0.0, 180.0])
def test_curvilinear_grid_is_refined_over_the_date_line(shift: float) -> None:
    """A rotated grid: the parts of its cells by the formula, whatever the longitudes do there."""
    rows, columns = np.linspace(-20, 20, 21), np.linspace(-30, 30, 31) + shift

    found = refine_map(*rotated(rows, columns), 2)
    expected = rotated(refine_axis(rows, 2), refine_axis(columns, 2))
    assert np.abs(found[0] - expected[0]).max() < 0.02
    turned = (found[1] - expected[1] + 180) % 360 - 180
    assert np.abs(turned).max() < 0.05


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (3, 2, 1, 0)])
@pytest.mark.parametrize("turn", [1, -1])
def test_corners_of_curvilinear_cells_are_refined_in_their_order(
    order: tuple[int, ...], turn: int
) -> None:
    rows, columns = np.linspace(-20, 20, 21), turn * np.linspace(150, 210, 31)

    def corners(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
        down, along = np.diff(rows).mean() / 2, np.diff(columns).mean() / 2
        places = ((-down, -along), (-down, along), (down, along), (down, -along))
        each = [rotated(rows + places[k][0], columns + places[k][1]) for k in order]
        return tuple(np.stack(parts, -1) for parts in zip(*each, strict=True))

    centres = refine_map(*rotated(rows, columns), 2)
    found = refine_corners(corners(rows, columns), centres, 2)  # type: ignore[arg-type]
    expected = corners(refine_axis(rows, 2), refine_axis(columns, 2))
    assert np.abs(found[0] - expected[0]).max() < 0.02
    assert np.abs((found[1] - expected[1] + 180) % 360 - 180).max() < 0.03
    assert np.abs(found[1] - centres[1][..., None]).max() < 5  # over the date line as well
    with pytest.raises(ValueError, match="in one order"):
        refine_corners((np.zeros((3, 4, 4)), np.zeros((3, 4, 4))), centres, 2)


def test_axis_of_one_coordinate_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        refine_axis(np.array([1.0]), 2)
