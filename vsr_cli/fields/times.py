"""The times of a field as words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.fields.dataset import choose, open_dataset
from vsr_cli.fields.dims import find_dims

if TYPE_CHECKING:
    import xarray

MIDNIGHT = " 00:00"


def time_labels(path: Path, variables: Sequence[str] = ()) -> tuple[str, ...] | None:
    """The time of each step in the file's calendar, "2001-02-26 06:00"; None where none is stated.

    Hours are left out where all are midnight. Times that are no dates stay numbers, with their
    unit.

    Raises:
        InputError: the file cannot be read, or holds no such variable.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    if path.suffix.lower() == ".npz":
        return None
    with open_dataset(path) as dataset:
        dims = find_dims(dataset, choose(dataset, variables, path)[0])
        if dims.time is None or dims.time not in dataset.variables:
            return None
        return _words(dataset[[dims.time]], dims.time)


def _words(dataset: xarray.Dataset, name: str) -> tuple[str, ...]:
    import xarray

    units = str(dataset[name].attrs.get("units", ""))
    try:
        times = xarray.decode_cf(dataset)[name].to_numpy()
    except (ValueError, OverflowError):  # a unit that is none, or "months since"
        times = dataset[name].to_numpy()
    if times.dtype.kind in "mM":
        words = [text.replace("T", " ") for text in np.datetime_as_string(times, unit="m")]
    elif times.dtype.kind == "O":
        words = [_moment(time) for time in times]
    else:
        return tuple(f"{value:g} {units}".strip() for value in times)
    if all(word.endswith(MIDNIGHT) for word in words):
        words = [word.removesuffix(MIDNIGHT) for word in words]
    return tuple(words)


def _moment(time: Any) -> str:
    """A moment of a calendar that NumPy does not have."""
    return f"{time.year:04d}-{time.month:02d}-{time.day:02d} {time.hour:02d}:{time.minute:02d}"
