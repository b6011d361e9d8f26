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
        dataset = xarray.open_dataset(path, decode_times=False, cache=False, **store)
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
    return [dataset[name] for name in names or grids]


def find_dims(dataset: xarray.Dataset, array: xarray.DataArray) -> FieldDims:
    """Which dimension is which: by CF's attributes, by name, else the last two are the grid."""
    dims = [str(dim) for dim in array.dims]
    time = next((dim for dim in dims if is_coordinate(dataset, dim, "time")), None)
    y = next((dim for dim in dims if is_coordinate(dataset, dim, "latitude")), None)
    x = next((dim for dim in dims if is_coordinate(dataset, dim, "longitude")), None)
    if y is None or x is None:
        y, x = dims[-2:]
    time = None if time in (y, x) else time
    return FieldDims(time, y, x, tuple(dim for dim in dims if dim not in (time, y, x)))


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
    dims = find_dims(dataset, array)
    return min(array.sizes[dims.y], array.sizes[dims.x]) > GRID
