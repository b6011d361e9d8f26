"""Fields on a finer grid: a file like the source, written step by step.

What does not lie on the grid is copied as it is stored; coordinates of the grid are refined;
variables on it that are not upscaled are left out, and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vsr_cli import __version__
from vsr_cli.errors import OutputError
from vsr_cli.fields.dataset import FieldDims, is_coordinate
from vsr_cli.fields.raw import coordinate_values, unpacked_attributes
from vsr_cli.fields.refinement import (
    TURN,
    is_cyclic,
    refine_axis,
    refine_bounds,
    refine_latitude,
    refine_map,
)
from vsr_cli.specs import MAX_PIXELS

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    Values = NDArray[Any]

MAP_KINDS: tuple[Literal["latitude", "longitude"], ...] = ("latitude", "longitude")


@dataclass(slots=True)
class Skeleton:
    """The output but for its fields.

    Attributes:
        dataset: what is copied or refined, as it is stored.
        left_out: variables on the grid that are not upscaled.
    """

    dataset: xarray.Dataset
    left_out: list[str] = field(default_factory=list)


def make_skeleton(
    raw: xarray.Dataset, names: Sequence[str], dims: FieldDims, scale: int, *, history: str
) -> Skeleton:
    """Copy and refine what surrounds the fields.

    Args:
        raw: the source as it is stored: nothing is unpacked, no time is decoded.
        names: of the variables that are upscaled.
        dims: of these.
        scale: of both sides of the grid.
        history: what is done, for the attribute of that name.

    Raises:
        OutputError: a coordinate cannot be refined.
        ValueError: the grid would have more cells than a picture may have pixels.
    """
    import xarray

    _check_size(scale * raw.sizes[dims.y], scale * raw.sizes[dims.x])
    grid = {dims.y, dims.x}
    kept: dict[str, xarray.Variable] = {}
    left_out = []
    maps = _refined_maps(raw, dims, scale)
    for key, variable in raw.variables.items():
        name = str(key)
        if name in names:
            continue
        on_grid = grid & {str(dim) for dim in variable.dims}
        if not on_grid:
            kept[name] = variable
        elif (refined := _refined(raw, name, dims, scale, maps)) is not None:
            kept[name] = refined
        else:
            left_out.append(name)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = f"{now} vsr {__version__}: {history}"
    before = raw.attrs.get("history")
    attributes = {**raw.attrs, "history": f"{line}\n{before}" if before else line}
    attributes.setdefault("Conventions", "CF-1.11")
    coords = {name: kept.pop(name) for name in list(kept) if name in raw.coords}
    dataset = xarray.Dataset(kept, coords=coords, attrs=attributes)
    dataset.encoding["unlimited_dims"] = raw.encoding.get("unlimited_dims", set())
    return Skeleton(dataset, left_out)


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"the grid would be {width}x{height}, {width * height:,} cells, of at most "
            f"{MAX_PIXELS:,}; try a smaller scale, or cut the field into parts"
        )


def _refined(
    raw: xarray.Dataset, name: str, dims: FieldDims, scale: int, maps: Mapping[str, Values]
) -> xarray.Variable | None:
    """A coordinate of the grid, its bounds, or a map of coordinates, refined; None: another."""
    import xarray

    variable = raw.variables[name]
    own = [str(dim) for dim in variable.dims]
    if name in maps:
        is_plain = variable.dtype.kind == "f" and "scale_factor" not in variable.attrs
        values = maps[name].astype(variable.dtype if is_plain else np.float64)
        return xarray.Variable(variable.dims, values, unpacked_attributes(variable.attrs))
    if variable.dtype.kind not in "fiu":
        return None
    if own == [name]:
        values = _refined_axis(raw, name, scale)
    elif name == _bounds_name(raw, own[0]) and variable.ndim == 2 and variable.shape[1] == 2:
        values = refine_bounds(coordinate_values(raw, name), scale)
    else:
        return None
    is_plain = variable.dtype.kind == "f" and "scale_factor" not in variable.attrs
    dtype = variable.dtype if is_plain else np.dtype(np.float64)
    return xarray.Variable(variable.dims, values.astype(dtype), unpacked_attributes(variable.attrs))


def _refined_axis(raw: xarray.Dataset, dim: str, scale: int) -> NDArray[np.float64]:
    values = coordinate_values(raw, dim)
    if np.isnan(values).any():
        raise OutputError(f"the coordinate {dim} has missing values and cannot be refined")
    try:
        if is_coordinate(raw, dim, "latitude"):
            return refine_latitude(values, scale)
        is_round = is_coordinate(raw, dim, "longitude") and is_cyclic(values)
        return refine_axis(values, scale, period=TURN if is_round else None)
    except ValueError as error:
        raise OutputError(f"the coordinate {dim} cannot be refined: {error}") from error


def _bounds_name(raw: xarray.Dataset, dim: str) -> str | None:
    if dim not in raw.variables:
        return None
    name = raw.variables[dim].attrs.get("bounds")
    return None if name is None else str(name)


def _refined_maps(raw: xarray.Dataset, dims: FieldDims, scale: int) -> dict[str, Values]:
    """Latitudes and longitudes of a curvilinear grid, by the names of their variables."""
    found: dict[str, str] = {}
    for key, variable in raw.variables.items():
        if {str(dim) for dim in variable.dims} != {dims.y, dims.x}:
            continue
        for kind in MAP_KINDS:
            if is_coordinate(raw, str(key), kind):
                found[kind] = str(key)
    if len(found) < len(MAP_KINDS):
        return {}
    order = dims.y, dims.x
    maps = []
    for kind in MAP_KINDS:
        values = coordinate_values(raw, found[kind])
        maps.append(values if raw[found[kind]].dims == order else values.T)
    finer = refine_map(maps[0], maps[1], scale)
    refined: dict[str, Values] = dict(zip(MAP_KINDS, finer, strict=True))
    return {
        name: refined[kind] if raw[name].dims == order else refined[kind].T
        for kind, name in found.items()
    }
