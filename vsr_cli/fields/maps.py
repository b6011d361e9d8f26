"""Curvilinear grids: latitude and longitude of each cell, refined, and the areas of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vsr_cli.fields.refinement import TURN, refine_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Map = NDArray[np.float64]


def refine_map(latitude: Map, longitude: Map, scale: int) -> tuple[Map, Map]:
    """Coordinates (s*H, s*W) of the parts of a curvilinear grid, (H, W) in degrees.

    They are interpolated as directions from the globe's centre, so neither the date line nor a pole
    matters.
    """
    vector = _directions(latitude, longitude)
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


def map_areas(latitude: Map, longitude: Map, scale: int) -> Map:
    """Areas (s*H, s*W) of the parts of a curvilinear grid, (H, W) in degrees, in steradians.

    Corners lie in the middle between centres. All 1 in a cell where a corner is not known.

    References:
        Van Oosterom, Strackee, "The Solid Angle of a Plane Triangle", IEEE Transactions on
        Biomedical Engineering 30 (1983), doi:10.1109/TBME.1983.325207.
    """
    corners = _directions(latitude, longitude)
    for axis in (1, 2):
        corners = _edges(corners, scale, axis)
    with np.errstate(invalid="ignore"):
        corners = corners / np.linalg.norm(corners, axis=0)
        a, b = corners[:, :-1, :-1], corners[:, :-1, 1:]
        c, d = corners[:, 1:, 1:], corners[:, 1:, :-1]
        areas: Map = _triangle(a, b, c) + _triangle(a, c, d)
    height, width = latitude.shape
    blocks = areas.reshape(height, scale, width, scale)
    known = (np.isfinite(blocks) & (blocks > 0)).all(axis=(1, 3), keepdims=True)
    return np.where(known, blocks, 1.0).reshape(areas.shape)


def _directions(latitude: Map, longitude: Map) -> Map:
    """Directions from the globe's centre, (3, H, W)."""
    north, east = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def _edges(centres: Map, scale: int, axis: int) -> Map:
    """The edges of the parts, s*N + 1 along an axis of N centres; the ends go on as they ended."""
    moved = np.moveaxis(centres, axis, 0)
    if len(moved) < 2:
        raise ValueError(f"a grid must have at least two rows and columns, got {len(moved)}")
    ends = 2 * moved[:1] - moved[1:2], 2 * moved[-1:] - moved[-2:-1]
    extended = np.concatenate([ends[0], moved, ends[1]])
    places = np.arange(scale * len(moved) + 1) / scale + 0.5
    below = np.minimum(places.astype(int), len(moved))
    share = (places - below).reshape(-1, *[1] * (moved.ndim - 1))
    return np.moveaxis(extended[below] * (1 - share) + extended[below + 1] * share, 0, axis)


def _triangle(a: Map, b: Map, c: Map) -> Map:
    """The area of a triangle of directions (3, ...) on the unit sphere."""
    volume = np.abs((a * np.cross(b, c, axis=0)).sum(0))
    return np.asarray(
        2 * np.arctan2(volume, 1 + (a * b).sum(0) + (b * c).sum(0) + (c * a).sum(0)), np.float64
    )
