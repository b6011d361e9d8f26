"""Variables of NetCDF files, Zarr stores and NumPy archives as plain arrays of floats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

FIELD_SUFFIXES = (".nc", ".nc4", ".zarr", ".npz")
ARCHIVE_NAME = "frames"  # of the values in an archive of ``vsr simulate``
TIME_NAMES = ("time", "t", "valid_time")
GRID = 2  # dimensions of a grid, and columns of the bounds that are none


def read_fields(path: Path, variable: str | None = None) -> list[Values]:
    """Each series of one variable, (T, H, W); of other dimensions, such as levels, one for each.

    Without a ``variable`` the file must hold one alone that lies on a grid. The last two dimensions
    are taken for the grid; without a time dimension T is 1. Missing values are NaN.

    Raises:
        InputError: the file cannot be read, or holds no such variable.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    if path.suffix.lower() == ".npz":
        return [_read_archive(path, variable)]
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("xarray", "fields") from error
    # A store's members are listed as they lie there: consolidated metadata may be missing, or old.
    store: dict[str, Any] = (
        {"engine": "zarr", "consolidated": False} if path.suffix.lower() == ".zarr" else {}
    )
    try:
        with xarray.open_dataset(path, decode_times=False, **store) as dataset:
            array = _choose(dataset, variable, path)
            time = next((str(dim) for dim in array.dims if _is_time(dataset, dim)), None)
            values = array.load()
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read as a field: {reason}") from error
    if time is None or time in values.dims[-2:]:
        values, time = values.expand_dims("time"), "time"
    values = values.transpose(..., time, *values.dims[-2:])
    stacked = values.to_numpy().astype(np.float32)
    return list(stacked.reshape(-1, *stacked.shape[-3:]))


def _choose(dataset: xarray.Dataset, variable: str | None, path: Path) -> xarray.DataArray:
    grids = [
        str(name)
        for name, array in dataset.data_vars.items()
        if array.ndim >= GRID and array.dtype.kind in "fiu" and min(array.shape[-2:]) > GRID
    ]
    if variable is None and len(grids) == 1:
        return dataset[grids[0]]
    if not grids:
        raise InputError(f"{path} holds no variable on a grid")
    known = ", ".join(grids)
    if variable is None:
        raise InputError(f"{path} holds several variables: choose one with --variable: {known}")
    if variable not in grids:
        raise InputError(f"{path} has no variable {variable!r} on a grid: there are {known}")
    return dataset[variable]


def _is_time(dataset: xarray.Dataset, dim: Any) -> bool:
    if str(dim).lower() in TIME_NAMES:
        return True
    attributes = dataset[dim].attrs if dim in dataset.variables else {}
    return (
        attributes.get("axis") == "T"
        or attributes.get("standard_name") == "time"
        or " since " in str(attributes.get("units", ""))
    )


def _read_archive(path: Path, variable: str | None) -> Values:
    name = variable or ARCHIVE_NAME
    try:
        with np.load(path) as archive:
            if name not in archive:
                known = ", ".join(archive.files)
                raise InputError(f"{path} has no array {name!r}: there are {known}")
            values = archive[name]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a NumPy archive: {error}") from error
    if values.ndim not in (2, 3) or values.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} must be numbers of (T, H, W), got {values.shape}")
    frames: Values = values.astype(np.float32).reshape(-1, *values.shape[-2:])
    return frames
