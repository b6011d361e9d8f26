"""The coordinates of a grid as variables of the finer one: axes, edges of cells, maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import OutputError
from vsr_cli.fields.dims import FieldDims, axis_of, bounds_owners, is_coordinate, map_pairs
from vsr_cli.fields.maps import refine_corners, refine_map
from vsr_cli.fields.raw import coordinate_values, unpacked, unpacked_attributes
from vsr_cli.fields.refinement import (
    refine_axis,
    refine_bounds,
    refine_latitude,
    refine_longitude,
    refine_longitude_bounds,
)

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def finer_coordinates(
    raw: xarray.Dataset, dims: FieldDims, scale: int
) -> dict[str, xarray.Variable]:
    """All that states where the cells of a grid lie, by the names of the variables.

    These are the coordinates of both dimensions, latitudes and longitudes along one of them, the
    edges of all these, and latitudes and longitudes of every cell. Numbers are not packed.

    Raises:
        OutputError: a coordinate cannot be refined.
    """
    found: dict[str, Values] = {}
    for dim in (dims.y, dims.x):
        names = {dim, axis_of(raw, dim, "latitude"), axis_of(raw, dim, "longitude")}
        for name in sorted(name for name in names if name is not None):
            if name in raw.variables and raw.variables[name].dtype.kind in "fiu":
                found[name] = _axis(raw, name, scale)
    for edges, owner in bounds_owners(raw).items():
        if owner in found and edges in raw.variables and raw.variables[edges].shape[1:] == (2,):
            found[edges] = _bounds(raw, edges, owner, found[owner], scale)
    for pair in map_pairs(raw, dims):
        found.update(zip(pair, _maps(raw, pair, dims, scale), strict=True))
        found.update(_corners(raw, pair, dims, (found[pair[0]], found[pair[1]]), scale))
    return {name: _variable(raw.variables[name], values) for name, values in found.items()}


def _variable(source: xarray.Variable, values: Values) -> xarray.Variable:
    """Refined values in the type that they had, where that is fine enough."""
    import xarray

    is_plain = source.dtype.kind == "f" and "scale_factor" not in source.attrs
    is_fine = is_plain and source.dtype.itemsize >= np.dtype(np.float32).itemsize
    dtype: np.dtype[Any] = source.dtype if is_fine else np.dtype(np.float64)
    return xarray.Variable(source.dims, values.astype(dtype), unpacked_attributes(source.attrs))


def _axis(raw: xarray.Dataset, name: str, scale: int) -> Values:
    values = coordinate_values(raw, name)
    if not np.isfinite(values).all():
        raise OutputError(f"the coordinate {name} has missing values and cannot be refined")
    try:
        if is_coordinate(raw, name, "latitude"):
            return refine_latitude(values, scale)
        if is_coordinate(raw, name, "longitude"):
            return refine_longitude(values, scale)
        return refine_axis(values, scale)
    except ValueError as error:
        raise OutputError(f"the coordinate {name} cannot be refined: {error}") from error


def _bounds(raw: xarray.Dataset, name: str, owner: str, centres: Values, scale: int) -> Values:
    """Edges of the parts; those of longitudes lie around their centres."""
    edges = coordinate_values(raw, name)
    if is_coordinate(raw, owner, "longitude"):
        return refine_longitude_bounds(edges, centres, scale)
    return refine_bounds(edges, scale)


def _maps(
    raw: xarray.Dataset, names: tuple[str, str], dims: FieldDims, scale: int
) -> tuple[Values, Values]:
    """Latitudes and longitudes of every part, in the order of the variables' dimensions.

    A grid that does not move is refined once, however many steps it is stated for.
    """
    own = raw.variables[names[0]].dims
    order = [*(str(dim) for dim in own if dim == dims.time), dims.y, dims.x]
    parts = [unpacked(raw.variables[name].transpose(*order)) for name in names]
    steps = [part.reshape(-1, *part.shape[-2:]) for part in parts]
    finer: list[tuple[Values, Values]] = []
    for number, step in enumerate(zip(*steps, strict=True)):
        is_still = number > 0 and all(
            np.array_equal(now, whole[number - 1], equal_nan=True)
            for now, whole in zip(step, steps, strict=True)
        )
        finer.append(finer[-1] if is_still else _refined(step, names, scale))
    is_moving = any(step is not finer[0] for step in finer)
    results = []
    for kind in (0, 1):
        first = finer[0][kind]
        whole = np.stack([step[kind] for step in finer]) if is_moving else first[None]
        shape = (*parts[0].shape[:-2], *first.shape)
        full = np.broadcast_to(whole, (len(finer), *first.shape)).reshape(shape)
        results.append(np.transpose(full, [order.index(str(dim)) for dim in own]))
    return results[0], results[1]


def _corners(
    raw: xarray.Dataset,
    names: tuple[str, str],
    dims: FieldDims,
    centres: tuple[Values, Values],
    scale: int,
) -> dict[str, Values]:
    """The four corners of every part, by the names of their variables; none where it has none."""
    edges = [str(raw.variables[name].attrs.get("bounds")) for name in names]
    if any(name not in raw.variables for name in edges):
        return {}
    corners = [raw.variables[name] for name in edges]
    if any(each.dims[:2] != (dims.y, dims.x) or each.shape[2:] != (4,) for each in corners):
        return {}
    if raw.variables[names[0]].dims != (dims.y, dims.x):
        return {}
    try:
        finer = refine_corners((unpacked(corners[0]), unpacked(corners[1])), centres, scale)
    except ValueError:  # of another order in each cell: they are left out, and named
        return {}
    return dict(zip(edges, finer, strict=True))


def _refined(step: tuple[Values, ...], names: tuple[str, str], scale: int) -> tuple[Values, Values]:
    try:
        return refine_map(step[0], step[1], scale)
    except ValueError as error:
        raise OutputError(f"{names[0]} and {names[1]} cannot be refined: {error}") from error
