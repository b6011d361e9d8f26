"""One file of fields: opened, its variables chosen, its dimensions found.

References:
    Eaton et al., "NetCDF Climate and Forecast (CF) Metadata Conventions", version 1.11,
    https://cfconventions.org: sections 4.1, 4.2 and 4.4 for what tells a coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsr_cli.errors import InputError, MissingExtraError
from vsr_cli.specs import MAX_PIXELS

if TYPE_CHECKING:
    import xarray

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


@dataclass(frozen=True, slots=True)
class FieldDims:
    """The names of a variable's dimensions."""

    time: str | None
    y: str
    x: str
    others: tuple[str, ...]  # levels, members of an ensemble, in their order


@contextmanager
def open_dataset(path: Path) -> Iterator[xarray.Dataset]:
    """Open a NetCDF file or a Zarr store; values are read when they are asked for.

    Packed values are unpacked, missing ones NaN; times stay numbers.

    Raises:
        InputError: the file cannot be read, now or while it is open.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    with opened(path, decode_times=False) as dataset:
        yield dataset


@contextmanager
def opened(path: Path, **decoding: Any) -> Iterator[xarray.Dataset]:
    """As ``open_dataset``, decoded as xarray's options say."""
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("xarray", "fields") from error
    # A store's members are listed as they lie there: consolidated metadata may be missing, or old.
    is_zarr = path.suffix.lower() == ".zarr"
    store: dict[str, Any] = {"engine": "zarr", "consolidated": False} if is_zarr else {}
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    try:
        dataset = xarray.open_dataset(path, cache=False, **decoding, **store)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise unreadable(path, error) from error
    with dataset:
        yield dataset


def unreadable(path: Path, error: Exception) -> InputError:
    """The error line of a file that a library cannot read."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"{path} cannot be read as a field: {reason}")


def choose(dataset: xarray.Dataset, names: Sequence[str], path: Path) -> list[xarray.DataArray]:
    """The variables of these names; without a name the one that lies on a grid.

    Raises:
        InputError: there are several to choose from, or one is not there.
    """
    grids = [
        str(name)
        for name, array in dataset.data_vars.items()
        if array.ndim >= GRID and array.dtype.kind in "fiu" and _is_grid(dataset, array)
    ]
    if not grids:
        raise InputError(f"{path} holds no variable on a grid")
    if not names and len(grids) > 1:
        known = ", ".join(grids)
        raise InputError(f"{path} holds several variables: choose one with --variable: {known}")
    for name in names:
        if name not in grids:
            known = ", ".join(grids)
            raise InputError(f"{path} has no variable {name!r} on a grid: there are {known}")
    arrays = [dataset[name] for name in names or grids]
    for array in arrays:
        dims = find_dims(dataset, array)
        height, width = array.sizes[dims.y], array.sizes[dims.x]
        if height * width > MAX_PIXELS:
            what = f"{array.name} has a grid of {width}x{height}, {width * height:,} cells"
            raise InputError(f"{path}: {what}, of at most {MAX_PIXELS:,}; cut it into parts")
    return arrays


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
    kind: Literal["latitude", "longitude"],
    axis: str,
    names: Sequence[str],
) -> str | None:
    """The dimension of one side of the grid, if something says so."""
    for dim in dims:
        if is_coordinate(dataset, dim, kind) or _says(dataset, dim, "axis", axis):
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


def _is_grid(dataset: xarray.Dataset, array: xarray.DataArray) -> bool:
    try:
        dims = find_dims(dataset, array)
    except ValueError:
        return False
    return min(array.sizes[dims.y], array.sizes[dims.x]) > GRID
