"""Which dimension of a field is which, and where its coordinates are.

References:
    Eaton et al., "NetCDF Climate and Forecast (CF) Metadata Conventions", version 1.11,
    https://cfconventions.org: sections 4.1, 4.2 and 4.4 for what tells a coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import xarray

Kind = Literal["latitude", "longitude"]

GRID = 2  # dimensions of a grid, and columns of the bounds that are none
NAMES = {
    "time": ("time", "t", "valid_time"),
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "longitude"),
}
UNITS = {
    "latitude": {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"},
    "longitude": {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"},
}

MAP_KINDS: tuple[Kind, ...] = ("latitude", "longitude")
BOUNDS_NAMES = ("bounds", "climatology")


@dataclass(frozen=True, slots=True)
class FieldDims:
    """The names of a variable's dimensions."""

    time: str | None
    y: str
    x: str
    others: tuple[str, ...]  # levels, members of an ensemble, in their order


def find_dims(dataset: xarray.Dataset, array: xarray.DataArray) -> FieldDims:
    """Which dimension is which: by CF's attributes, by name, else the grid is what comes last.

    Neither time nor a level is ever taken for a side of the grid.

    Raises:
        ValueError: fewer than two dimensions are left for the grid.
    """
    dims = [str(dim) for dim in array.dims]
    times = [dim for dim in dims if is_coordinate(dataset, dim, "time")]
    time = next((dim for dim in times if _says(dataset, dim, "standard_name", "time")), None)
    time = time or next(iter(times), None)
    y = _side(dataset, dims, "latitude", "Y", ("projection_y_coordinate", "grid_latitude"))
    x = _side(dataset, dims, "longitude", "X", ("projection_x_coordinate", "grid_longitude"))
    free = [d for d in dims if d not in (*times, y, x) and not _is_level(dataset, d)]
    if x is None and free:
        x = free.pop()
    if y is None and free:
        y = free.pop()
    if y is None or x is None:
        raise ValueError(f"{array.name} has no two dimensions of a grid: {', '.join(dims)}")
    return FieldDims(time, y, x, tuple(dim for dim in dims if dim not in (time, y, x)))


def _side(
    dataset: xarray.Dataset,
    dims: Sequence[str],
    kind: Kind,
    axis: str,
    names: Sequence[str],
) -> str | None:
    """The dimension of one side of the grid, if something says so."""
    other: Kind = "longitude" if kind == "latitude" else "latitude"
    for dim in dims:
        if is_coordinate(dataset, dim, kind) or _says(dataset, dim, "axis", axis):
            return dim
        if axis_of(dataset, dim, kind) and not axis_of(dataset, dim, other):  # else a trajectory
            return dim
        if any(_says(dataset, dim, "standard_name", name) for name in names):
            return dim
    return None


def _is_level(dataset: xarray.Dataset, dim: str) -> bool:
    """True if a dimension goes up or down."""
    attributes = dataset[dim].attrs if dim in dataset.variables else {}
    return attributes.get("axis") == "Z" or attributes.get("positive") in ("up", "down")


def _says(dataset: xarray.Dataset, dim: str, attribute: str, value: str) -> bool:
    return dim in dataset.variables and dataset[dim].attrs.get(attribute) == value


def is_coordinate(
    dataset: xarray.Dataset, dim: str, kind: Literal["time", "latitude", "longitude"]
) -> bool:
    """True if the coordinate of a dimension is of that kind."""
    attributes = dataset[dim].attrs if dim in dataset.variables else {}
    if dim.lower() in NAMES[kind] or attributes.get("standard_name") == kind:
        return True
    units = str(attributes.get("units", ""))
    if kind == "time":
        return attributes.get("axis") == "T" or " since " in units
    return units.lower() in UNITS[kind]


def axis_of(dataset: xarray.Dataset, dim: str, kind: Kind) -> str | None:
    """The variable that states latitudes or longitudes along a dimension, also an auxiliary one."""
    names = [dim, *(str(name) for name in dataset.variables if name != dim)]
    for name in names:
        if name not in dataset.variables or dataset.variables[name].dims != (dim,):
            continue
        if dataset.variables[name].dtype.kind in "fiu" and is_coordinate(dataset, name, kind):
            return name
    return None


def bounds_owners(dataset: xarray.Dataset) -> dict[str, str]:
    """The names of variables that hold edges of cells, and of the coordinates that these are of."""
    return {
        str(variable.attrs[key]): str(name)
        for name, variable in dataset.variables.items()
        for key in BOUNDS_NAMES
        if key in variable.attrs
    }


def map_pairs(dataset: xarray.Dataset, dims: FieldDims) -> list[tuple[str, str]]:
    """The names of latitudes and longitudes of every cell of a grid, which time may move."""
    found: dict[Kind, list[str]] = {"latitude": [], "longitude": []}
    edges = bounds_owners(dataset)
    for key, variable in dataset.variables.items():
        name, own = str(key), {str(dim) for dim in variable.dims}
        if not {dims.y, dims.x} <= own <= {dims.time, dims.y, dims.x}:
            continue
        if name in edges or variable.dtype.kind not in "fiu":
            continue
        for kind in MAP_KINDS:
            if is_coordinate(dataset, name, kind):
                found[kind].append(name)
    meridians = {_without_kind(name): name for name in found["longitude"]}
    pairs = []
    for number, name in enumerate(found["latitude"]):
        partner = meridians.get(_without_kind(name))
        if partner is None and len(found["longitude"]) == len(found["latitude"]):
            partner = found["longitude"][number]
        if partner is not None and dataset[partner].dims == dataset[name].dims:
            pairs.append((name, partner))
    return pairs


def _without_kind(name: str) -> str:
    """What is left of "TLAT" and "TLONG" alike."""
    for word in ("latitude", "longitude", "long", "lat", "lon"):
        if word in name.lower():
            return name.lower().replace(word, "*")
    return name.lower()
