"""Coordinates of a finer grid: every cell in ``scale`` x ``scale`` equal parts.

The centre of a part lies at ``(k + 0.5) / scale - 0.5`` of the old index, between the old centres;
so Gaussian latitudes stay uneven, and a projection's axes stay in their unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vsr_cli.imaging.globe import Pole

    Axis = NDArray[np.float64]

POLE = 90.0  # degrees north
TURN = 360.0  # degrees east
NEAR = 0.8  # of a step, at which a pole lies beyond the last row at most
TOLERANCE = 1e-3  # of a step, by which rounded coordinates may differ


def unroll(longitude: Axis | None) -> Axis | None:
    """Longitudes in degrees that go on where they jumped by a turn: 179, 181 for 179, -179."""
    if longitude is None or not np.isfinite(longitude).all():
        return longitude
    unrolled: Axis = np.unwrap(longitude, period=TURN)
    return longitude if np.allclose(unrolled, longitude) else unrolled


def repeated_columns(longitude: Axis) -> int | None:
    """Columns at the end that are the first ones again, a turn later: 1 of 0, 30, ..., 330, 360.

    0 where the first column follows on the last one, None where longitudes in degrees do not go
    around the globe.
    """
    if len(longitude) < 3 or not np.isfinite(longitude).all():
        return None
    steps = np.diff(np.unwrap(longitude, period=TURN))
    step = steps.mean()
    if abs(step) * len(longitude) < TURN / 2:
        return None
    if np.abs(steps - step).max() > TOLERANCE * abs(step) + 1e-4:
        return None
    excess = len(longitude) - TURN / abs(step)
    if abs(excess) < 0.5:
        return 0
    number = round(excess)
    is_whole = abs(excess - number) <= len(longitude) * TOLERANCE
    return number if is_whole and 0 < number <= len(longitude) // 2 else None


def poles(latitude: Axis) -> tuple[Pole, Pole]:
    """Where the pole lies before the first row and behind the last one, in degrees north.

    A pole is between rows if it lies up to 0.8 steps beyond the last one: half a step on regular
    grids, 0.77 on Gaussian ones. A whole step away a row is missing, and nothing is known of it.
    """
    return _pole(latitude[0], latitude[1]), _pole(latitude[-1], latitude[-2])


def _pole(last: float, before: float) -> Pole:
    step = abs(last - before)
    if abs(abs(last) - POLE) <= TOLERANCE * step:
        return "on"
    is_near = abs(last) + NEAR * step >= POLE
    return "between" if is_near and abs(last) > abs(before) else "none"


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


def refine_longitude(longitude: Axis, scale: int) -> Axis:
    """Centres of the parts of meridians; longitudes that jump by a turn do so as they did."""
    unrolled: Axis = np.unwrap(longitude, period=TURN)
    is_round = repeated_columns(longitude) == 0
    fine = refine_axis(unrolled, scale, period=TURN if is_round else None)
    if np.allclose(unrolled, longitude):
        return fine
    lowest = -TURN / 2 if longitude.min() < 0 else 0.0
    return np.asarray((fine - lowest) % TURN + lowest, np.float64)


def refine_longitude_bounds(bounds: Axis, centres: Axis, scale: int) -> Axis:
    """Edges of the parts (s*N, 2) of the edges (N, 2) of cells, around their centres (s*N,)."""
    fine = refine_bounds(np.unwrap(bounds, period=TURN, axis=1), scale)
    turns = np.round((centres - fine.mean(1)) / TURN)
    return np.asarray(fine + turns[:, None] * TURN, np.float64)


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
