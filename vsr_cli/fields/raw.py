"""A file of fields as it is stored: nothing is unpacked, no time is decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.fields.dataset import opened
from vsr_cli.fields.packing import FILL_NAMES

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

PACKING = {"scale_factor": 1.0, "add_offset": 0.0}
OF_STORAGE = {*PACKING, *FILL_NAMES, "_Unsigned", "valid_range", "valid_min", "valid_max"} | {
    "actual_range"
}


@contextmanager
def open_raw(path: Path) -> Iterator[xarray.Dataset]:
    """Open a NetCDF file or a Zarr store; values are read when they are asked for.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    with opened(path, is_raw=True) as dataset:
        yield dataset


def coordinate_values(raw: xarray.Dataset, name: str) -> NDArray[np.float64]:
    """A coordinate in its unit: unpacked, NaN where it is missing."""
    return unpacked(raw.variables[name])


def unpacked(variable: xarray.Variable) -> NDArray[np.float64]:
    """The values of a coordinate as it is stored, NaN where they are missing."""
    stored, attributes = variable.to_numpy(), variable.attrs
    fills = [attributes[key] for key in FILL_NAMES if key in attributes]
    missing = np.isin(stored, [np.ravel(fill)[0] for fill in fills])
    unsigned = attributes.get("_Unsigned") == "true" and stored.dtype.kind == "i"
    values = stored.view(f"u{stored.dtype.itemsize}") if unsigned else stored
    scale, offset = (float(np.ravel(attributes.get(k, d))[0]) for k, d in PACKING.items())
    plain: NDArray[np.float64] = values.astype(np.float64) * scale + offset
    return np.where(missing, np.nan, plain)


def unpacked_attributes(attributes: Mapping[Any, Any]) -> dict[Any, Any]:
    """Those of a coordinate that is written as plain values."""
    return {key: value for key, value in attributes.items() if key not in OF_STORAGE}
