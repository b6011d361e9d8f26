"""Metadata and coordinates that damage made nonsense of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from vsr_cli.errors import InputError
from vsr_cli.fields.dataset import open_dataset
from vsr_cli.fields.refinement import repeated_columns


def test_unknown_key_in_a_zarr_array_is_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    run = xr.Dataset({"T": (("time", "lat", "lon"), np.zeros((2, 4, 8), np.float32))})
    run.to_zarr(path, consolidated=False, zarr_format=3)
    metadata = path / "T" / "zarr.json"
    text = metadata.read_text(encoding="utf-8")
    assert "chunk_shape" in text
    metadata.write_text(text.replace("chunk_shape", "chunk_sha`e"), encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as a field"), open_dataset(path):
        pass


def test_longitudes_that_all_but_stand_still_go_around_nothing() -> None:
    """A step of 1e-310 degrees, as a damaged file has, would make infinitely many columns."""
    assert repeated_columns(np.array([0.0, 1e-310, 2e-310, 3e-310])) is None
    assert repeated_columns(np.zeros(4)) is None
