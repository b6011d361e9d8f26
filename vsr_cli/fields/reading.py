"""Variables of NetCDF files, Zarr stores and NumPy archives as plain arrays of floats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsr_cli.fields.stream import open_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]


def read_fields(path: Path, variable: str | None = None) -> list[Values]:
    """Each series of one variable, (T, H, W); of other dimensions, such as levels, one for each.

    Without a ``variable`` the file must hold one alone that lies on a grid. Dimensions are found by
    their coordinates, else the last two are taken for the grid; without a time dimension T is 1.
    Missing values are NaN. The whole series is held; ``open_fields`` reads it step by step.

    Raises:
        InputError: the file cannot be read, or holds no such variable.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    with open_fields(path, () if variable is None else (variable,)) as streams:
        return [
            np.stack([frame[0].astype(np.float32) for frame in stream.frames()])
            for stream in streams
        ]
