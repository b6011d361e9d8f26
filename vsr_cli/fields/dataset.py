"""One file of fields: opened, its variables chosen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsr_cli.errors import InputError, MissingExtraError
from vsr_cli.fields.dims import GRID, MAP_KINDS, bounds_owners, find_dims, is_coordinate
from vsr_cli.specs import MAX_PIXELS, Address, is_zarr

if TYPE_CHECKING:
    import xarray
# What the libraries raise where a file's own words about itself are wrong.
DAMAGED = (
    *(OSError, ValueError, RuntimeError, LookupError),
    *(TypeError, AttributeError, ArithmeticError, MemoryError),
)


@contextmanager
def open_dataset(path: Path) -> Iterator[xarray.Dataset]:
    """Open a NetCDF file or a Zarr store; values are read when they are asked for.

    Packed values are unpacked, missing ones NaN; times stay numbers.

    Raises:
        InputError: the file cannot be read, now or while it is open.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    with opened(path, is_raw=False) as dataset:
        yield dataset


@contextmanager
def opened(path: Path, *, is_raw: bool) -> Iterator[xarray.Dataset]:
    """As ``open_dataset``; ``is_raw``: nothing is unpacked, and missing values are numbers."""
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("xarray", "fields") from error
    # A store's members are listed as they lie there: consolidated metadata may be missing, or old.
    store: dict[str, Any] = {"engine": "zarr", "consolidated": False} if is_zarr(path) else {}
    decoding: dict[str, Any] = {"decode_cf": False} if is_raw else {"decode_times": False}
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    try:
        with warnings.catch_warnings():  # two fill values, half precision: both are taken care of
            warnings.simplefilter("ignore", xarray.SerializationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            name = str(path) if isinstance(path, Address) else path
            dataset = xarray.open_dataset(name, cache=False, **decoding, **store)
    except DAMAGED as error:
        raise unreadable(path, error) from error
    with dataset:
        yield dataset


def unreadable(path: Path, error: Exception) -> InputError:
    """The error line of a file that a library cannot read."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if "installed IO backends" in reason:  # what xarray says of any other file
        reason = "it is neither a NetCDF file nor a Zarr store"
    return InputError(f"{path} cannot be read as a field: {reason}")


def groups_of(path: Path) -> tuple[str, ...]:
    """The names of the groups in a file or store, none where it cannot tell.

    Raises:
        MissingExtraError: the library that knows is not installed.
    """
    try:
        if is_zarr(path):
            import zarr

            return tuple(sorted(zarr.open_group(str(path), mode="r").group_keys()))
        import netCDF4

        with netCDF4.Dataset(str(path)) as file:
            return tuple(map(str, file.groups))
    except ImportError as error:
        raise MissingExtraError("netCDF4", "fields") from error
    except DAMAGED:
        return ()


def choose(dataset: xarray.Dataset, names: Sequence[str], path: Path) -> list[xarray.DataArray]:
    """The variables of these names; without a name the one that lies on a grid.

    Raises:
        InputError: there are several to choose from, or one is not there.
    """
    bounds = bounds_owners(dataset)
    grids = [
        str(name)
        for name, array in dataset.data_vars.items()
        if array.ndim >= GRID and array.dtype.kind in "fiu" and _is_grid(dataset, array)
        if name not in bounds and not any(is_coordinate(dataset, str(name), k) for k in MAP_KINDS)
    ]
    inside = [name for name in names if "/" in name]
    if (inside or not grids) and (groups := groups_of(path)):
        where = inside[0].strip("/").rpartition("/")[0] if inside else groups[0]
        raise InputError(
            f"{path}: variables in groups ({', '.join(groups)}) are not read; take one group out "
            f"first: xarray.open_dataset(..., group={where!r}).to_netcdf(...)"
        )
    if not grids:
        shapes = [f"{name} ({_shape(array)})" for name, array in dataset.data_vars.items()]
        raise InputError(
            f"{path} holds no variable of numbers on a grid of 3x3 or more: "
            f"there are {', '.join(shapes) or 'none'}"
        )
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


def _shape(array: xarray.DataArray) -> str:
    sizes = ", ".join(f"{dim} {length}" for dim, length in array.sizes.items())
    return f"{sizes or 'one value'}; {array.dtype}"


def _is_grid(dataset: xarray.Dataset, array: xarray.DataArray) -> bool:
    try:
        dims = find_dims(dataset, array)
    except ValueError:
        return False
    return min(array.sizes[dims.y], array.sizes[dims.x]) > GRID
