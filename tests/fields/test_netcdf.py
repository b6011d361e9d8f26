"""NetCDF files: what CF asks for, as ncdump and xarray see it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import MissingExtraError
from vsr_cli.fields import FieldSeries, write_field_series

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")


def _series(**changes: Any) -> FieldSeries:
    values = np.random.default_rng(0).standard_normal((3, 4, 8)).astype(np.float32)
    settings = {
        "name": "vorticity",
        "values": values,
        "time_min": np.array([0.0, 30.0, 60.0]),
        "latitude": np.array([60.0, 20.0, -20.0, -60.0]),
        "longitude": np.arange(8) * 45.0,
        "units": "s-1",
        "long_name": "relative vorticity",
        "standard_name": "atmosphere_upward_relative_vorticity",
        "attributes": {"title": "A test"},
    }
    return FieldSeries(**(settings | changes))


def test_xarray_reads_back_what_was_written(tmp_path: Path) -> None:
    series = _series()
    write_field_series(tmp_path / "a.nc", series, history="a test")
    with xarray.open_dataset(tmp_path / "a.nc") as dataset:
        variable = dataset["vorticity"].load()
        assert variable.dims == ("time", "lat", "lon")
        assert variable.dtype == np.float32
        assert np.array_equal(variable.values, series.values)
        assert variable.encoding["zlib"]
        assert np.array_equal(dataset["lat"], series.latitude)
        assert np.array_equal(dataset["lon"], series.longitude)
        assert np.array_equal(np.diff(dataset["time"]), [np.timedelta64(30, "m")] * 2)


def test_ncdump_shows_the_cf_attributes(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    ncdump = require_tool("ncdump")
    write_field_series(tmp_path / "a.nc", _series(), history="a test")
    done = subprocess.run(
        [ncdump, "-h", "-s", tmp_path / "a.nc"], capture_output=True, text=True, check=True
    )
    for line in (
        "float vorticity(time, lat, lon)",
        'vorticity:standard_name = "atmosphere_upward_relative_vorticity"',
        'vorticity:units = "s-1"',
        "vorticity:_DeflateLevel = 4",
        'time:units = "minutes since 2000-01-01',
        'time:calendar = "standard"',
        'lat:units = "degrees_north"',
        'lat:axis = "Y"',
        'lon:standard_name = "longitude"',
        ':Conventions = "CF-1.11"',
        ':title = "A test"',
        ': a test"',
        ':_Format = "netCDF-4"',
    ):
        assert line in done.stdout
    assert "_FillValue" not in done.stdout


def test_field_without_a_standard_name_has_none(tmp_path: Path) -> None:
    write_field_series(tmp_path / "a.nc", _series(standard_name=None), history="a test")
    with xarray.open_dataset(tmp_path / "a.nc") as dataset:
        assert "standard_name" not in dataset["vorticity"].attrs
        assert dataset["vorticity"].attrs["long_name"] == "relative vorticity"


def test_axes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"longitude \(3, 4, 7\), got \(3, 4, 8\)"):
        _series(longitude=np.arange(7) * 45.0)


@pytest.mark.parametrize("package", ["xarray", "netCDF4"])
def test_missing_package_names_the_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'{package} .*pip install "vsr-cli\[fields\]"'):
        write_field_series(tmp_path / "a.nc", _series(), history="a test")
