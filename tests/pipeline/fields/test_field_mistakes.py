"""What goes wrong with files of fields, and what a user should know: one clear line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from vsr_cli.cli import main

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
netCDF4 = pytest.importorskip("netCDF4", reason="needs the extra [fields]")  # noqa: N816

LAT, LON = np.arange(-82.5, 90, 15), np.arange(0, 360, 30.0)
NETWORKS = ("--model", "2d3d", "--domain", "climate")
VALUES = np.random.default_rng(0).normal(280, 5, (4, 12, 12)).astype(np.float32)


def make(path: Path, values: Any = VALUES, **changes: Any) -> Path:
    """A file with the variable T, (time, lat, lon)."""
    coords = {
        "time": ("time", np.arange(len(values)) * 6.0, {"units": "hours since 2001-01-01"}),
        "lat": ("lat", LAT, {"units": "degrees_north"}),
        "lon": ("lon", LON, {"units": "degrees_east"}),
    }
    coords.update(changes.get("coords", {}))
    attributes = {"units": "K", **changes.get("attributes", {})}
    dataset = xarray.Dataset({"T": (("time", "lat", "lon"), values, attributes)}, coords=coords)
    dataset.to_netcdf(path)
    return path


def upscale(source: Path, target: Path, args: Sequence[str] = ("--model", "bicubic")) -> Any:
    return CliRunner().invoke(main, ["upscale", str(source), str(target), *args, "--quiet"])


@pytest.mark.parametrize(
    ("args", "code", "complaint"),
    [
        (("--variable", "temperature"), 1, "has no variable 'temperature' on a grid: there are T"),
        (("--variable", "lat"), 1, "has no variable 'lat' on a grid: there are T"),
        (("--value-range", "300,200"), 2, "LOW,HIGH with LOW below HIGH"),
        (("--scale", "1.5"), 2, "enlarged by whole numbers"),
        (("--start", "2"), 2, "--start is for videos"),
    ],
)
def test_wrong_arguments(tmp_path: Path, args: tuple[str, ...], code: int, complaint: str) -> None:
    done = upscale(make(tmp_path / "in.nc"), tmp_path / "out.nc", ("--model", "bicubic", *args))
    assert (done.exit_code, len(done.stderr.splitlines())) == (code, 1)
    assert complaint in done.stderr
    assert not (tmp_path / "out.nc").exists()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (VALUES[:0], "in.nc: T is empty (time 0, lat 12, lon 12)"),
        (VALUES > 280, "grid of 3x3 or more: there are T (time 4, lat 12, lon 12; bool)"),
    ],
)
def test_file_without_a_field(tmp_path: Path, values: Any, complaint: str) -> None:
    done = upscale(make(tmp_path / "in.nc", values), tmp_path / "out.nc")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert complaint in done.stderr


def test_file_whose_end_is_missing(tmp_path: Path) -> None:
    data = make(tmp_path / "in.nc").read_bytes()
    (tmp_path / "in.nc").write_bytes(data[:-3000])
    done = upscale(tmp_path / "in.nc", tmp_path / "out.nc")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "in.nc cannot be read as a field" in done.stderr


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    (tmp_path / "there.nc").write_bytes(b"mine")
    for target, code, complaint in (
        (tmp_path / "there.nc", 1, "exists; give --overwrite or another name"),
        (Path("/proc/out.nc"), 1, "folder /proc is not writable"),
        (tmp_path / "no" / "out.nc", 1, "does not exist; create it first"),
        (source, 2, "is the input"),
    ):
        done = upscale(source, target)
        assert (done.exit_code, len(done.stderr.splitlines())) == (code, 1)
        assert complaint in done.stderr
    assert (tmp_path / "there.nc").read_bytes() == b"mine"
    done = upscale(tmp_path, tmp_path / "out.nc")
    assert done.exit_code == 2
    assert "out.nc is for fields, but" in done.stderr


@pytest.mark.parametrize(
    ("values", "attributes", "args", "word"),
    [
        (VALUES[:1], {}, NETWORKS, "one step of time alone"),
        (np.full_like(VALUES, np.nan), {}, (), "T holds no value"),
        (np.where(LON == 90, np.inf, VALUES), {}, (), "48 infinite values of T count as missing"),
        (VALUES, {"flag_meanings": "a b"}, (), "T holds categories"),
    ],
)
def test_what_a_user_should_know_is_told(
    tmp_path: Path, values: Any, attributes: Any, args: tuple[str, ...], word: str
) -> None:
    source = make(tmp_path / "in.nc", values, attributes=attributes)
    done = upscale(source, tmp_path / "out.nc", args or ("--model", "bicubic"))
    assert done.exit_code == 0, done.stderr
    assert word in done.stderr
    with xarray.open_dataset(tmp_path / "out.nc") as found:
        expected = int(np.isfinite(values).sum()) * 4
        assert int(np.isfinite(found["T"]).sum()) == expected


@pytest.mark.parametrize(
    "time",
    [
        ("time", np.arange(4.0), {"units": "days since 2001-02-28", "calendar": "noleap"}),
        ("time", np.arange(4.0), {"units": "days since 2001-02-29", "calendar": "360_day"}),
        ("time", np.arange(4.0), {"units": "months since 2001-01-01"}),
        ("time", np.array(["a", "b", "c", "d"])),
    ],
)
def test_times_stay_whatever_they_are(tmp_path: Path, time: Any) -> None:
    source = make(tmp_path / "in.nc", coords={"time": time})
    for ending in ("nc", "zarr"):
        target = tmp_path / f"out.{ending}"
        done = upscale(source, target, NETWORKS)
        assert done.exit_code == 0, done.stderr
        engine = {"engine": "zarr", "consolidated": False} if ending == "zarr" else {}
        with xarray.open_dataset(target, decode_times=False, **engine) as found:
            assert found["time"].to_numpy().tolist() == list(time[1])
            assert {**found["time"].attrs} == (time[2] if len(time) > 2 else {})
