"""Fields as streams: dimensions, places, units, and how much is read at once."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import InputError
from vsr_cli.fields import open_fields, read_fields
from vsr_cli.fields import stream as stream_module

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")

LAT, LON = np.linspace(60, -60, 13), np.arange(0, 360, 20.0)


def _dataset(**units: str) -> Any:
    """A flow and a temperature with a gap, (time, lat, lon) float32."""
    draw = np.random.default_rng(0)
    shape = (5, len(LAT), len(LON))
    values = {name: draw.standard_normal(shape).astype(np.float32) for name in ("u", "v", "t")}
    values["t"][2, 3:5, 4] = np.nan
    dataset = xarray.Dataset(
        {name: (("time", "lat", "lon"), array) for name, array in values.items()},
        coords={
            "time": ("time", np.arange(5.0), {"units": "days since 2000-01-01"}),
            "lat": ("lat", LAT, {"units": "degrees_north"}),
            "lon": ("lon", LON, {"units": "degrees_east"}),
        },
    )
    for name in ("u", "v"):
        dataset[name].attrs["units"] = units.get(name, "m s-1")
    dataset["t"].attrs["units"] = "K"
    return dataset


def _save(dataset: Any, path: Path) -> Path:
    dataset.to_zarr(path, consolidated=False) if path.suffix == ".zarr" else dataset.to_netcdf(path)
    return path


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_frames_are_the_values_of_the_file(tmp_path: Path, suffix: str) -> None:
    dataset = _dataset()
    path = _save(dataset, tmp_path / f"a{suffix}")
    with open_fields(path, ["t"]) as (one,):
        frames = np.stack(list(one.frames()))
        again = np.stack(list(one.frames()))
    assert frames.dtype == np.float32
    assert np.array_equal(frames[:, 0], dataset["t"].to_numpy(), equal_nan=True)
    assert np.array_equal(frames, again, equal_nan=True)
    assert (one.num_frames, one.height, one.width) == (5, 13, 18)
    assert (one.units, one.variables, one.name) == ("K", ("t",), f"a{suffix}")
    assert one.latitude is not None
    assert one.longitude is not None
    assert (one.latitude == LAT).all()
    assert (one.longitude == LON).all()
    assert not one.rows_ascend


def test_two_variables_come_together(tmp_path: Path) -> None:
    dataset = _dataset()
    with open_fields(_save(dataset, tmp_path / "a.nc"), ["u", "v"]) as (flow,):
        frames = np.stack(list(flow.frames()))
    expected = np.stack([dataset["u"], dataset["v"]], 1)
    assert np.array_equal(frames, expected)


def test_dimensions_are_found_in_any_order_and_by_any_name(tmp_path: Path) -> None:
    renamed = _dataset()[["t"]].rename(lat="row", lon="col", time="step")
    path = _save(renamed.transpose("col", "step", "row"), tmp_path / "a.nc")
    with open_fields(path) as (one,):
        frames = np.stack(list(one.frames()))
    assert one.latitude is not None
    assert np.array_equal(frames[:, 0], _dataset()["t"].to_numpy(), equal_nan=True)


def test_grid_without_coordinates_is_the_last_two_dimensions(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((3, 7, 9))
    path = _save(xarray.Dataset({"a": (("k", "j", "i"), values)}), tmp_path / "a.nc")
    with open_fields(path) as streams:
        frames = [next(one.frames())[0] for one in streams]
        assert [one.name for one in streams] == ["a.nc[k=0]", "a.nc[k=1]", "a.nc[k=2]"]
    assert streams[0].latitude is streams[0].longitude is None
    assert streams[0].rows_ascend
    assert np.array_equal(np.stack(frames), values)
    assert frames[0].dtype == np.float64


def test_levels_are_series_named_by_their_coordinate(tmp_path: Path) -> None:
    levels = xarray.concat([_dataset()["t"], _dataset()["t"] + 5], xarray.Variable("lev", [500, 8]))
    path = _save(levels.to_dataset(name="t"), tmp_path / "a.nc")
    with open_fields(path) as streams:
        assert [one.place for one in streams] == ["[lev=500]", "[lev=8]"]
        frames = [np.stack(list(one.frames()))[:, 0] for one in streams]
    assert np.array_equal(frames[1], levels[1].to_numpy(), equal_nan=True)
    assert np.array_equal(read_fields(path)[0], frames[0], equal_nan=True)


def test_packed_values_are_unpacked_and_fill_values_are_missing(tmp_path: Path) -> None:
    dataset = _dataset()[["t"]]
    packing = {"dtype": "int16", "scale_factor": 0.001, "add_offset": 1.0, "_FillValue": -32768}
    dataset.to_netcdf(tmp_path / "a.nc", encoding={"t": packing})
    with open_fields(tmp_path / "a.nc") as (one,):
        frames = np.stack(list(one.frames()))[:, 0]
    expected = dataset["t"].to_numpy()
    assert (np.isnan(frames) == np.isnan(expected)).all()
    assert np.nanmax(np.abs(frames - expected)) < 0.00051


@pytest.mark.parametrize("chunk", [1, 10, 16])
def test_no_more_than_a_block_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """640 steps of 32 KiB in float64: 20 MiB, of which a block is a fortieth."""
    values = np.random.default_rng(0).random((640, 64, 64))
    array = xarray.Dataset({"a": (("time", "y", "x"), values)})
    path = tmp_path / "a.zarr"
    array.to_zarr(path, consolidated=False, encoding={"a": {"chunks": (chunk, 64, 64)}})
    del array
    monkeypatch.setattr(stream_module, "BLOCK_BYTES", 1 << 19)
    with open_fields(path) as (one,):
        assert one.block == 16 // chunk * chunk
        sums = np.zeros(())
        tracemalloc.start()
        for number, frame in enumerate(one.frames()):
            sums = sums + frame.sum()
            assert np.array_equal(frame[0], values[number])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sums == pytest.approx(values.sum())
    # A block, what the store decodes it from, the block before that is still in use, and what
    # the store's threads have not let go of yet: 2.5 to 10 were seen; not half of 40.
    assert peak < 20 * (1 << 19)


@pytest.mark.parametrize(("chunk", "block"), [(8, 8), (30, 4), (60, 8), (120, 15), (600, 16)])
def test_large_chunks_are_unpacked_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, block: int
) -> None:
    """Blocks hold two steps here; files that are stored for series of time have long chunks."""
    values = np.zeros((600, 8, 8), np.float64)
    dataset = xarray.Dataset({"a": (("time", "y", "x"), values)})
    dataset.to_netcdf(tmp_path / "a.nc", encoding={"a": {"chunksizes": (chunk, 8, 8)}})
    monkeypatch.setattr(stream_module, "BLOCK_BYTES", 2 * 8 * 8 * 8)
    with open_fields(tmp_path / "a.nc") as (one,):
        assert one.block == block
        assert sum(1 for _ in one.frames()) == 600


@pytest.mark.parametrize(
    ("variables", "units", "complaint"),
    [
        ((), {}, "several variables: choose one with --variable: u, v, t"),
        (("w",), {}, "no variable 'w' on a grid: there are u, v, t"),
        (("u", "v"), {"v": "knots"}, "u, v differ in their units"),
    ],
)
def test_variables_that_cannot_be_are_refused(
    tmp_path: Path, variables: tuple[str, ...], units: dict[str, str], complaint: str
) -> None:
    path = _save(_dataset(**units), tmp_path / "a.nc")
    with pytest.raises(InputError, match=complaint), open_fields(path, variables):
        pass


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"nothing")
    (tmp_path / "b.zarr").mkdir()
    for name, complaint in (
        ("a.nc", "a.nc cannot be read as a field"),
        ("b.zarr", "b.zarr cannot be read as a field"),
        ("c.nc", "c.nc does not exist"),
    ):
        with pytest.raises(InputError, match=complaint), open_fields(tmp_path / name):
            pass


def test_archive_of_a_simulation_has_its_coordinates(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((4, 13, 18)).astype(np.float32)
    np.savez(tmp_path / "a.npz", frames=frames, lat=LAT, lon=LON, units=np.array("s-1"))
    with open_fields(tmp_path / "a.npz") as (one,):
        assert np.array_equal(np.stack(list(one.frames()))[:, 0], frames)
    assert one.units == "s-1"
    assert one.latitude is not None
    assert (one.latitude == LAT).all()
