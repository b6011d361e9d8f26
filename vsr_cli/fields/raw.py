"""A file of fields as it is stored: nothing is unpacked, no time is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsr_cli.errors import MissingExtraError
from vsr_cli.fields.dataset import unreadable

if TYPE_CHECKING:
    import xarray


@contextmanager
def open_raw(path: Path) -> Iterator[xarray.Dataset]:
    """Open a NetCDF file or a Zarr store; values are read when they are asked for.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("xarray", "fields") from error
    is_zarr = path.suffix.lower() == ".zarr"
    store: dict[str, Any] = {"engine": "zarr", "consolidated": False} if is_zarr else {}
    try:
        dataset = xarray.open_dataset(path, decode_cf=False, cache=False, **store)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise unreadable(path, error) from error
    with dataset:
        yield dataset
