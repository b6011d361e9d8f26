"""Coordinates of a finer grid: every cell in ``scale`` x ``scale`` equal parts.

The centre of a part lies at ``(k + 0.5) / scale - 0.5`` of the old index, between the old centres;
so Gaussian latitudes stay uneven, and a projection's axes stay in their unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Axis = NDArray[np.float64]

Pole = Literal["none", "between", "on"]
POLE = 90.0  # degrees north
TURN = 360.0  # degrees east
TOLERANCE = 1e-3  # of a step, by which rounded coordinates may differ


def is_cyclic(longitude: Axis) -> bool:
    """True if longitudes in degrees go around the globe: the first one follows on the last one."""
    if len(longitude) < 3:
        return False
    steps = np.diff(longitude)
    step = steps.mean()
    is_even = np.abs(steps - step).max() <= TOLERANCE * abs(step) + 1e-4
    return bool(is_even and abs(abs(step) * len(longitude) - TURN) < abs(step) / 2)


def poles(latitude: Axis) -> tuple[Pole, Pole]:
    """Where the pole lies before the first row and behind the last one, in degrees north."""
    return _pole(latitude[0], latitude[1]), _pole(latitude[-1], latitude[-2])


def _pole(last: float, before: float) -> Pole:
    step = abs(last - before)
    if abs(abs(last) - POLE) <= TOLERANCE * step:
        return "on"
    return "between" if abs(last) + step >= POLE and abs(last) > abs(before) else "none"


def refine_axis(values: Axis, scale: int, *, period: float | None = None) -> Axis:
    """Centres of the parts, (s*N,) of (N,) centres.

    Beyond the ends the axis goes on as it ended, or after a ``period`` as it began.

    Raises:
        ValueError: there are fewer than two centres.
    """
    if len(values) < 2:
        raise ValueError(f"an axis must have at least two coordinates, got {len(values)}")
    first, last = 2 * values[0] - values[1], 2 * values[-1] - values[-2]
    if period is not None:
        turn = np.copysign(period, values[-1] - values[0])
        first, last = values[-1] - turn, values[0] + turn
    extended = np.concatenate([[first], values, [last]])
    places = (np.arange(scale * len(values)) + 0.5) / scale + 0.5
    below = np.minimum(places.astype(int), len(values))
    share = places - below
    refined: Axis = extended[below] * (1 - share) + extended[below + 1] * share
    return refined


def refine_bounds(bounds: Axis, scale: int) -> Axis:
    """Edges of the parts, (s*N, 2) of the edges (N, 2) of cells."""
    steps = np.arange(scale + 1) / scale
    edges = bounds[:, :1] * (1 - steps) + bounds[:, 1:] * steps  # (N, s + 1)
    return np.stack([edges[:, :-1], edges[:, 1:]], -1).reshape(-1, 2)


def cell_edges(latitude: Axis) -> Axis:
    """Edges (N, 2) of cells in degrees north, in the middle between centres, to a pole at most."""
    middles = (latitude[:-1] + latitude[1:]) / 2
    first, last = 2 * latitude[0] - middles[0], 2 * latitude[-1] - middles[-1]
    edges = np.clip(np.concatenate([[first], middles, [last]]), -POLE, POLE)
    return np.stack([edges[:-1], edges[1:]], -1)


def refine_latitude(latitude: Axis, scale: int) -> Axis:
    """Centres of the parts of circles of latitude, none beyond a pole.

    Cells at a row that lies on the pole are half as high; their parts are as well.
    """
    refined = refine_axis(latitude, scale)
    inside = refine_bounds(cell_edges(latitude), scale).mean(-1)
    for side, pole in zip((slice(0, scale), slice(-scale, None)), poles(latitude), strict=True):
        if pole == "on":
            refined[side] = inside[side]
    return np.clip(refined, -POLE, POLE)


def row_areas(edges: Axis) -> Axis:
    """The share of the globe between edges (N, 2) of latitude, in degrees north."""
    sines = np.sin(np.radians(edges))
    areas: Axis = np.abs(sines[:, 1] - sines[:, 0]) / 2
    return areas


def refine_map(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], scale: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (s*H, s*W) of the parts of a curvilinear grid, (H, W) in degrees.

    They are interpolated as directions from the globe's centre, so neither the date line nor a pole
    matters.
    """
    north, east = np.radians(latitude), np.radians(longitude)
    vector = np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])
    for axis in (1, 2):
        moved = np.moveaxis(vector, axis, 0)
        flat = moved.reshape(len(moved), -1)
        columns = [refine_axis(column, scale) for column in flat.T]
        vector = np.moveaxis(
            np.stack(columns, 1).reshape(len(moved) * scale, *moved.shape[1:]), 0, axis
        )
    x, y, z = vector / np.linalg.norm(vector, axis=0)
    turned = np.degrees(np.arctan2(y, x))
    is_positive = np.nanmin(longitude) >= 0
    turned = np.where(is_positive & (turned < 0), turned + TURN, turned)
    return np.degrees(np.arcsin(np.clip(z, -1, 1))), turned
