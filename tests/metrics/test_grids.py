"""Grids in latitude and longitude: areas, what is cyclic, and derivatives per length."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vsr_cli.metrics import LatLonGrid, SpectrumAccumulator, gradient_error, mse
from vsr_cli.metrics.grids import row_weights

EXACT = 1e-12


def _grid(height: int, width: int) -> LatLonGrid:
    """The globe in cells of equal angle, from the north."""
    latitude = 90 - (np.arange(height) + 0.5) * 180 / height
    return LatLonGrid(tuple(latitude), tuple(np.arange(width) * 360 / width))


def _pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    hr = draw.random((height, width))
    return hr + 0.1 * draw.standard_normal(hr.shape), hr


@pytest.mark.parametrize("border", [0, 3])
def test_globe_by_its_coordinates_is_the_sphere(border: int) -> None:
    sr, hr = _pair(24, 48)
    grid = _grid(24, 48)
    for metric in (mse, gradient_error):
        found = metric(sr, hr, border=border, grid=grid)
        assert found == pytest.approx(metric(sr, hr, border=border, grid="sphere"), rel=EXACT)
    found, expected = (SpectrumAccumulator(border=border, grid=g) for g in (grid, "sphere"))
    for spectrum in (found, expected):
        spectrum.add(sr, hr)
    assert found.spectra().error == pytest.approx(expected.spectra().error, rel=EXACT)


def test_rows_count_by_the_area_between_their_edges() -> None:
    latitude = (90.0, 60.0, 20.0, -20.0)  # a row at the pole has a cap
    weights = row_weights(4, grid=LatLonGrid(latitude, (0.0, 1.0)))
    edges = np.sin(np.deg2rad([90, 75, 40, 0, -40]))
    expected = -np.diff(edges) / (edges[0] - edges[-1])
    assert weights.numpy() == pytest.approx(expected, abs=EXACT)


def test_gaussian_latitudes_count_nearly_by_gaussian_weights() -> None:
    nodes, expected = np.polynomial.legendre.leggauss(64)
    latitude = np.rad2deg(np.arcsin(nodes))
    weights = row_weights(64, grid=LatLonGrid(tuple(latitude), (0.0, 1.0))).numpy()
    # The edges of Gaussian cells are not midway: at the pole, a thousandth of the area, it shows.
    assert np.abs(weights / (expected / 2) - 1).max() < 0.06
    assert np.abs(weights / (expected / 2) - 1)[1:-1].max() < 1e-3


def test_order_of_latitudes_changes_nothing() -> None:
    sr, hr = _pair(24, 48)
    grid = _grid(24, 48)
    turned = LatLonGrid(grid.latitude[::-1], grid.longitude)
    assert mse(sr[::-1].copy(), hr[::-1].copy(), grid=turned) == pytest.approx(
        mse(sr, hr, grid=grid), rel=EXACT
    )
    assert gradient_error(sr[::-1].copy(), hr[::-1].copy(), grid=turned) == pytest.approx(
        gradient_error(sr, hr, grid=grid), rel=EXACT
    )


def test_cyclic_is_what_goes_all_around() -> None:
    assert _grid(8, 16).is_cyclic
    part = LatLonGrid((10.0, 20.0, 30.0), tuple(np.arange(180.0)))
    assert not part.is_cyclic
    # Longitudes as files have them: rounded to float32, and falling.
    rounded = np.linspace(0, 360, 192, endpoint=False).astype(np.float32).astype(float)
    assert LatLonGrid((10.0, 20.0), tuple(rounded[::-1])).is_cyclic
    assert LatLonGrid((10.0, 20.0), tuple(rounded)).is_cyclic


def test_part_of_the_globe_has_the_spectrum_of_the_plane() -> None:
    sr, hr = _pair(20, 30)
    grid = LatLonGrid(tuple(np.arange(20.0)), tuple(np.arange(30.0)))
    found, expected = SpectrumAccumulator(grid=grid), SpectrumAccumulator()
    for spectrum in (found, expected):
        spectrum.add(sr, hr)
    assert found.spectra() == expected.spectra()


@pytest.mark.parametrize(
    ("latitude", "longitude", "complaint"),
    [
        ((0.0, 1.0, 1.0), (0.0, 1.0), "latitudes must be at least two that rise or fall"),
        ((0.0,), (0.0, 1.0), "latitudes must be at least two"),
        ((0.0, 1.0), (0.0, 2.0, 1.0), "longitudes must be at least two that rise or fall"),
        ((0.0, 1.0), (0.0, 1.0, 3.0), "longitudes must be evenly spaced"),
        ((0.0, 95.0), (0.0, 1.0), "latitudes must be in -90..90, got 95"),
        ((0.0, math.nan), (0.0, 1.0), "latitudes must be"),
    ],
)
def test_coordinates_that_cannot_be_are_refused(
    latitude: tuple[float, ...], longitude: tuple[float, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        LatLonGrid(latitude, longitude)


def test_number_of_rows_that_differs_is_refused() -> None:
    with pytest.raises(ValueError, match="the grid has 8 latitudes for 9 rows"):
        row_weights(9, grid=_grid(8, 16))
