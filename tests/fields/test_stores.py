"""Stores that cannot be made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vsr_cli.errors import InputError, MissingExtraError
from vsr_cli.fields import stores
from vsr_cli.fields.skeleton import Skeleton
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.specs import UpscaleSpec

xarray = pytest.importorskip("xarray")


def test_store_without_zarr_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"zarr is not installed; try: .*\[fields\]"):
        stores.open_store(
            tmp_path / "part.zarr", Skeleton(xarray.Dataset(), ()), [], tmp_path / "a.zarr"
        )
    assert [*tmp_path.iterdir()] == []


def test_grid_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    """The file states it, and holds nothing."""
    netcdf = pytest.importorskip("netCDF4")
    path = tmp_path / "a.nc"
    with netcdf.Dataset(path, "w") as file:
        for name, size in (("time", 2), ("y", 40_000), ("x", 30_000)):
            file.createDimension(name, size)
        file.createVariable("u", "f4", ("time", "y", "x"), chunksizes=(1, 100, 100), zlib=True)
    assert path.stat().st_size < 1_000_000
    spec = UpscaleSpec(model="bicubic")
    with pytest.raises(InputError, match=r"grid of 30000x40000, 1,200,000,000 cells"):
        upscale_fields(path, tmp_path / "b.nc", spec)


def test_finer_grid_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    values = xarray.DataArray(np.zeros((1, 1000, 1000), np.float32), dims=("time", "y", "x"))
    values.to_dataset(name="u").to_netcdf(tmp_path / "a.nc")
    spec = UpscaleSpec(model="bicubic", scale=12)
    with pytest.raises(ValueError, match=r"grid would be 12000x12000, 144,000,000 cells"):
        upscale_fields(tmp_path / "a.nc", tmp_path / "b.nc", spec)
    assert not (tmp_path / "b.nc").exists()
