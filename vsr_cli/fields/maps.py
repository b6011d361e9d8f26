"""Curvilinear grids: latitude and longitude of each cell, refined, and the areas of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vsr_cli.fields.refinement import TURN, refine_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Map = NDArray[np.float64]
    Corners = tuple[Map, Map]


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


def refine_corners(corners: Corners, centres: tuple[Map, Map], scale: int) -> Corners:
    """Corners (s*H, s*W, 4) of the parts of cells with corners (H, W, 4), in degrees.

    Sides are divided evenly, as directions from the globe's centre; the order of the corners stays
    the one they came in. Longitudes lie within half a turn of the ``centres`` (s*H, s*W).

    Raises:
        ValueError: the corners do not lie around their cells in one order.
    """
    vector = _directions(*corners)  # (3, H, W, 4)
    order = _around(vector)
    if sorted(order) != [0, 1, 2, 3]:
        raise ValueError("corners do not lie around their cells in one order")
    vector = vector[..., order]
    steps = np.arange(scale + 1) / scale
    down, along = steps[:, None], steps[None, :]
    weights = np.stack(
        [(1 - down) * (1 - along), (1 - down) * along, down * along, down * (1 - along)], -1
    )  # (s + 1, s + 1, 4)
    points = np.einsum("chwk,ijk->chwij", vector, weights)
    parts = np.stack(
        [points[..., :-1, :-1], points[..., :-1, 1:], points[..., 1:, 1:], points[..., 1:, :-1]], -1
    )  # (3, H, W, s, s, 4)
    height, width = vector.shape[1:3]
    parts = parts.transpose(0, 1, 3, 2, 4, 5).reshape(3, scale * height, scale * width, 4)
    x, y, z = parts / np.linalg.norm(parts, axis=0)
    north = np.degrees(np.arcsin(np.clip(z, -1, 1)))
    east = np.degrees(np.arctan2(y, x))
    east = east - TURN * np.round((east - centres[1][..., None]) / TURN)
    back = np.argsort(order)
    return north[..., back], east[..., back]


def _around(vector: Map) -> list[int]:
    """Which of the corners (3, H, W, 4) are away from the next row and column, then on along them.

    First the one away from both, then that towards the next column, towards both, towards the row.
    """
    centres = vector.mean(-1)
    right = centres[:, :-1, 1:] - centres[:, :-1, :-1]
    below = centres[:, 1:, :-1] - centres[:, :-1, :-1]
    relative = vector[:, :-1, :-1] - centres[:, :-1, :-1, None]
    across = np.nanmean((relative * right[..., None]).sum(0), axis=(0, 1))
    down = np.nanmean((relative * below[..., None]).sum(0), axis=(0, 1))
    wanted = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [int(np.argmax(a * np.sign(across) + d * np.sign(down))) for a, d in wanted]


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
