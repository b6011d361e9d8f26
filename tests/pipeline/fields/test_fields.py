"""Fields from a file to a finer one, in physical units."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import InputError, OutputError
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.pipeline.fields.values import summarise
from vsr_cli.specs import FieldSpec, UpscaleSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
netCDF4 = pytest.importorskip("netCDF4", reason="needs the extra [fields]")  # noqa: N816
pytest.importorskip("zarr", reason="needs the extra [fields]")

BICUBIC = UpscaleSpec(model="bicubic", device="cpu")
CLIMATE = UpscaleSpec(model="2d3d", domain="climate", device="cpu")
LAT, LON = np.arange(-86.25, 90, 7.5), np.arange(0, 360, 7.5)
STEPS = 6


def smooth(time_: float, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """A temperature of waves that travel around the globe, in K."""
    north, east = np.radians(lat)[:, None], np.radians(lon)[None]
    waves = np.cos(north) ** 4 * np.sin(4 * east - 0.3 * time_)
    return np.asarray(273 + 30 * np.cos(2 * north) + 8 * waves)


def make(path: Path, **changes: Any) -> Path:
    """A file with a temperature, its coordinates and bounds, and what else such files hold."""
    values = np.stack([smooth(step, LAT, LON) for step in range(STEPS)])
    values = changes.get("values", values).astype(changes.get("dtype", np.float32))
    lat, lon = changes.get("lat", LAT), changes.get("lon", LON)
    edges = np.linspace(-90, 90, len(lat) + 1)
    edges = edges if lat[1] > lat[0] else edges[::-1]
    dims = changes.get("dims", ("time", "lat", "lon"))
    dataset = xarray.Dataset(
        {
            "tas": (dims, values, {"units": "K", "standard_name": "air_temperature"}),
            "lat_bnds": (("lat", "bnds"), np.stack([edges[:-1], edges[1:]], -1)),
            "height": ((), 2.0, {"units": "m"}),
            "other": (("lat", "lon"), np.zeros((len(lat), len(lon)), np.float32)),
        },
        coords={
            "time": ("time", np.arange(STEPS) * 6.0, {"units": "hours since 2001-01-01"}),
            "lat": ("lat", lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
        attrs={"title": "waves", "history": "made"},
    )
    dataset["time"].attrs["calendar"] = changes.get("calendar", "noleap")
    encoding = {"tas": changes.get("encoding", {}), "lat": {"_FillValue": None}}
    if path.suffix == ".zarr":
        dataset.to_zarr(path, zarr_format=changes.get("zarr_format", 3), consolidated=False)
    else:
        dataset.to_netcdf(path, encoding=encoding, unlimited_dims=["time"])
    return path


def read(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with xarray.open_dataset(path, decode_times=False, **_engine(path)) as dataset:
        return np.asarray(dataset["tas"].to_numpy().astype(np.float64))


def _engine(path: Path) -> dict[str, Any]:
    return {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_field_keeps_its_units_coordinates_and_all_around_it(tmp_path: Path, ending: str) -> None:
    source, target = make(tmp_path / "in.nc"), tmp_path / f"out.{ending}"
    report = upscale_fields(source, target, BICUBIC, FieldSpec(variables=("tas",)))
    with xarray.open_dataset(target, decode_times=False, **_engine(target)) as found:
        fine = np.stack([smooth(s, found["lat"].values, found["lon"].values) for s in range(STEPS)])
        error = found["tas"].to_numpy() - fine
        assert np.abs(error).max() < 0.5
        assert np.sqrt((error**2).mean()) < 0.1
        assert found["tas"].attrs["units"] == "K"
        assert found["tas"].attrs["standard_name"] == "air_temperature"
        assert found["tas"].dtype == np.float32
        assert found["time"].attrs == {"units": "hours since 2001-01-01", "calendar": "noleap"}
        assert np.array_equal(found["time"], np.arange(STEPS) * 6.0)
        assert np.allclose(found["lat"], np.arange(-88.125, 90, 3.75))
        assert np.allclose(found["lon"], np.arange(-1.875, 357, 3.75))
        assert np.allclose(found["lat_bnds"].values.mean(1), found["lat"])
        assert float(found["height"]) == 2
        assert found.attrs["title"] == "waves"
        first, second = found.attrs["history"].splitlines()
        assert first.endswith("upscale --model bicubic --scale 2 --variable tas --precision fp32")
        assert second == "made"
        assert "other" not in found
    assert report.left_out == ("other",)
    assert any("other" in warning for warning in report.warnings)
    assert report.boundary == "periodic"
    assert (report.frames, report.variables[0].units) == (STEPS, "K")


def test_file_is_read_by_the_netcdf_library_and_by_ncdump(tmp_path: Path) -> None:
    target = tmp_path / "out.nc"
    upscale_fields(make(tmp_path / "in.nc"), target, BICUBIC, FieldSpec(variables=("tas",)))
    with netCDF4.Dataset(target) as file:
        assert file["tas"].shape == (STEPS, 48, 96)
        assert file["tas"].chunking() == [1, 48, 96]
        assert file["tas"].filters()["zlib"]
        assert file.dimensions["time"].isunlimited()
    tool = shutil.which("ncdump")
    if tool is None:
        pytest.skip("ncdump is not here")
    text = subprocess.run([tool, "-h", target], capture_output=True, text=True, check=True).stdout
    assert "float tas(time, lat, lon) ;" in text
    assert "time = UNLIMITED ; // (6 currently)" in text


@pytest.mark.parametrize("shift", [1, 23])
def test_field_that_is_turned_gives_a_result_that_is_turned(tmp_path: Path, shift: int) -> None:
    """Also with gaps: nothing knows where the file's first meridian lies."""
    values = np.stack([smooth(step, LAT, LON) for step in range(STEPS)])
    values[:, 8:14, 5:14] = np.nan
    results = []
    for name, moved in (("a", 0), ("b", shift)):
        lon = np.roll(LON, moved)
        lon = np.where(lon > lon[-1], lon - 360, lon)
        source = make(tmp_path / f"{name}.nc", values=np.roll(values, moved, -1), lon=lon)
        target = tmp_path / f"{name}_x2.nc"
        upscale_fields(source, target, CLIMATE, FieldSpec(variables=("tas",)))
        results.append(read(target))
    turned = np.roll(results[0], 2 * shift, -1)
    assert np.array_equal(np.isnan(turned), np.isnan(results[1]))
    assert np.nanmax(np.abs(turned - results[1])) < 1e-3  # K, of 76 K


def test_rows_from_north_to_south_stay_so(tmp_path: Path) -> None:
    values = np.stack([smooth(step, LAT, LON) for step in range(STEPS)])
    upscale_fields(
        make(tmp_path / "a.nc"), tmp_path / "a2.nc", BICUBIC, FieldSpec(variables=("tas",))
    )
    flipped = make(tmp_path / "b.nc", values=values[:, ::-1], lat=LAT[::-1])
    upscale_fields(flipped, tmp_path / "b2.nc", BICUBIC, FieldSpec(variables=("tas",)))
    assert np.allclose(read(tmp_path / "a2.nc"), read(tmp_path / "b2.nc")[:, ::-1], atol=1e-4)
    with xarray.open_dataset(tmp_path / "b2.nc") as found:
        assert (np.diff(found["lat"]) < 0).all()


def test_gaps_neither_spread_nor_vanish(tmp_path: Path) -> None:
    values = np.stack([smooth(step, LAT, LON) for step in range(STEPS)])
    land = np.zeros(values.shape, bool)
    land[:, 8:14, 40:] = land[:, 20, :9] = True
    land[3] = True
    gappy = np.where(land, np.nan, values)
    fill = {"_FillValue": np.float32(1e20)}
    source = make(tmp_path / "in.nc", values=gappy, encoding=fill)
    fields = FieldSpec(variables=("tas",), value_range=(220.0, 320.0))
    upscale_fields(source, tmp_path / "out.nc", CLIMATE, fields)
    found = read(tmp_path / "out.nc")
    assert np.array_equal(np.isnan(found), land.repeat(2, 1).repeat(2, 2))
    upscale_fields(make(tmp_path / "whole.nc"), tmp_path / "w.nc", CLIMATE, fields)
    whole = read(tmp_path / "w.nc")
    assert np.nanmax(np.abs(found - whole)) < 6  # beside the coast, of 76 K
    # No network sees as far as the gaps, not even over a pole.
    inland = np.abs(found - whole)[:, 10:28, 48]
    assert inland[0].max() < 1e-3  # its window lies before the empty step
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["tas"]._FillValue == np.float32(1e20)
        assert np.ma.count_masked(file["tas"][3]) == 48 * 96


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_of_cells_are_kept_by_area(tmp_path: Path, dtype: type) -> None:
    draw = np.random.default_rng(3)
    values = 273 + draw.normal(0, 20, (STEPS, len(LAT), len(LON)))
    values[:, 4, 7] = np.nan
    source = make(tmp_path / "in.nc", values=values, dtype=dtype)
    fields = FieldSpec(variables=("tas",), conserve="mean")
    report = upscale_fields(source, tmp_path / "out.nc", CLIMATE, fields)
    fine = read(tmp_path / "out.nc").reshape(STEPS, len(LAT), 2, len(LON), 2)
    edges = np.radians(np.linspace(-90, 90, 2 * len(LAT) + 1))
    areas = np.diff(np.sin(edges)).reshape(1, len(LAT), 2, 1, 1)
    means = (fine * areas).sum((2, 4)) / (areas.sum(2) * 2)[..., 0]
    error = np.nanmax(np.abs(means - read(source)))
    assert error < 1e-6 * np.nanstd(values)
    assert report.variables[0].mean_error is not None
    assert report.variables[0].mean_error == pytest.approx(error, abs=1e-9)


def test_packed_field_stays_packed(tmp_path: Path) -> None:
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.0, "_FillValue": -32768}
    source = make(tmp_path / "in.nc", encoding=packing)
    report = upscale_fields(source, tmp_path / "out.nc", BICUBIC, FieldSpec(variables=("tas",)))
    with xarray.open_dataset(tmp_path / "out.nc", mask_and_scale=False) as found:
        assert found["tas"].dtype == np.int16
        assert found["tas"].attrs["scale_factor"] == 0.01
    plain = make(tmp_path / "plain.nc", values=read(source))
    upscale_fields(plain, tmp_path / "p.nc", BICUBIC, FieldSpec(variables=("tas",)))
    assert np.abs(read(tmp_path / "out.nc") - read(tmp_path / "p.nc")).max() < 0.006
    assert report.variables[0].clipped == 0


def test_range_is_that_of_quantiles_and_takes_no_more_memory_for_more_steps() -> None:
    def steps(count: int) -> Iterator[np.ndarray]:  # type: ignore[type-arg]
        draw = np.random.default_rng(5)
        for number in range(count):
            step = draw.normal(10, 2, (40, 60))
            step[0, 0] = 1e6 if number == 3 else 10
            yield step

    tracemalloc.start()
    sizes = []
    for count in (400, 4000):
        tracemalloc.reset_peak()
        found = summarise(steps(count))
        sizes.append(tracemalloc.get_traced_memory()[1])
        low, high = found.value_range
        reach = 1.2 * 2 * 3.0902  # the quantile of a normal distribution, and a tenth of both
        assert np.allclose([low, high], [10 - reach, 10 + reach], atol=0.2)
    tracemalloc.stop()
    assert sizes[1] < 1.5 * sizes[0]
    assert summarise(iter([np.full((4, 4), np.nan)])).value_range == (0, 1)
    assert summarise(iter([np.full((4, 4), 7.0)])).value_range == (6.5, 7.5)


def test_values_beyond_the_range_are_not_cut(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    narrow = FieldSpec(variables=("tas",), value_range=(260.0, 290.0))
    report = upscale_fields(source, tmp_path / "narrow.nc", BICUBIC, narrow)
    upscale_fields(source, tmp_path / "wide.nc", BICUBIC, FieldSpec(variables=("tas",)))
    assert np.allclose(read(tmp_path / "narrow.nc"), read(tmp_path / "wide.nc"), atol=1e-3)
    assert report.variables[0].value_range == (260.0, 290.0)
    with xarray.open_dataset(tmp_path / "narrow.nc") as found:
        assert found["tas"].attrs["vsr_value_range"].tolist() == [260, 290]


def test_levels_and_members_are_each_a_series(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(0, 1, (2, STEPS, 3, 24, 48)).astype(np.float32)
    dims = ("member", "time", "lev", "lat", "lon")
    source = make(tmp_path / "in.nc", values=values, dims=dims)
    report = upscale_fields(source, tmp_path / "out.nc", BICUBIC, FieldSpec(variables=("tas",)))
    assert (report.frames, report.variables[0].series) == (2 * 3 * STEPS, 6)
    single = make(tmp_path / "one.nc", values=values[1, :, 2])
    upscale_fields(single, tmp_path / "o.nc", BICUBIC, FieldSpec(variables=("tas",)))
    with xarray.open_dataset(tmp_path / "out.nc", decode_times=False) as found:
        assert found["tas"].dims == dims
        assert np.allclose(found["tas"][1, :, 2], read(tmp_path / "o.nc"), atol=1e-5)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_comes_and_goes(tmp_path: Path, zarr_format: int) -> None:
    source = make(tmp_path / "in.zarr", zarr_format=zarr_format)
    upscale_fields(source, tmp_path / "out.zarr", BICUBIC, FieldSpec(variables=("tas",)))
    upscale_fields(
        make(tmp_path / "in.nc"), tmp_path / "o.nc", BICUBIC, FieldSpec(variables=("tas",))
    )
    assert np.allclose(read(tmp_path / "out.zarr"), read(tmp_path / "o.nc"))
    with pytest.raises(OutputError, match="exists"):
        upscale_fields(source, tmp_path / "out.zarr", BICUBIC, FieldSpec(variables=("tas",)))
    again = FieldSpec(variables=("tas",))
    upscale_fields(source, tmp_path / "out.zarr", BICUBIC, again, overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


def test_uneven_steps_are_told_and_single_ones_need_no_neighbours(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    with netCDF4.Dataset(source, "a") as file:
        file["time"][3:] = np.array([19.0, 24, 30])
    report = upscale_fields(source, tmp_path / "a.nc", CLIMATE, FieldSpec(variables=("tas",)))
    assert any("uneven" in warning for warning in report.warnings)
    alone = FieldSpec(variables=("tas",), window="none")
    report = upscale_fields(source, tmp_path / "b.nc", CLIMATE, alone)
    assert report.model == "fsrcnn"
    assert not any("uneven" in warning for warning in report.warnings)
    fast = UpscaleSpec(model="2d3d-fast", domain="climate")
    with pytest.raises(ValueError, match="does not enlarge"):
        upscale_fields(source, tmp_path / "c.nc", fast, alone)


def test_mistakes_are_named(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    with pytest.raises(InputError, match="holds several variables"):
        upscale_fields(source, tmp_path / "out.nc", BICUBIC)
    with pytest.raises(ValueError, match="are written as"):
        upscale_fields(source, tmp_path / "out.mp4", BICUBIC, FieldSpec(variables=("tas",)))
    with pytest.raises(ValueError, match="is the input"):
        upscale_fields(source, source, BICUBIC, FieldSpec(variables=("tas",)), overwrite=True)
    half = UpscaleSpec(model="bicubic", height=99)
    with pytest.raises(ValueError, match="whole numbers"):
        upscale_fields(source, tmp_path / "out.nc", half, FieldSpec(variables=("tas",)))
    (tmp_path / "bad.nc").write_text("no file of fields")
    with pytest.raises(InputError, match="cannot be read"):
        upscale_fields(tmp_path / "bad.nc", tmp_path / "out.nc", BICUBIC)
    assert not (tmp_path / "out.nc").exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_killed_run_leaves_no_output_and_the_next_one_clears_up(
    tmp_path: Path, ending: str
) -> None:
    values = np.random.default_rng(0).normal(0, 1, (STEPS, 3, 20, 48, 96))
    dims = ("time", "lev", "member", "lat", "lon")
    grid = {"lat": np.arange(-88.125, 90, 3.75), "lon": np.arange(0, 360, 3.75)}
    source = make(tmp_path / "in.nc", values=values, dims=dims, **grid)
    target = tmp_path / f"out.{ending}"
    command = [sys.executable, "-m", "vsr_cli", "upscale", source, target, "--variable", "tas"]
    process = subprocess.Popen(
        [*map(str, command), "--model", "bicubic", "--quiet"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while not [*tmp_path.glob(".out*")]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    assert [*tmp_path.glob(".out*")]
    done = subprocess.run([*map(str, command), "--model", "bicubic", "--json"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == STEPS * 60
    assert not [*tmp_path.glob(".out*")]


def test_packed_coordinates_are_taken_in_their_unit(tmp_path: Path) -> None:
    plain = make(tmp_path / "plain.nc")
    packed = tmp_path / "packed.nc"
    with xarray.open_dataset(plain, decode_times=False) as dataset:
        packing = {"dtype": "i2", "scale_factor": 0.25, "add_offset": 0.0, "_FillValue": -32768}
        dataset.to_netcdf(packed, encoding={"lat": packing, "lon": packing})
    fields = FieldSpec(variables=("tas",), conserve="mean")
    for source, target in ((plain, "a.nc"), (packed, "b.nc")):
        upscale_fields(source, tmp_path / target, BICUBIC, fields)
    assert np.allclose(read(tmp_path / "a.nc"), read(tmp_path / "b.nc"), atol=1e-4)
    with xarray.open_dataset(tmp_path / "b.nc") as found:
        assert np.allclose(found["lat"], np.arange(-88.125, 90, 3.75))
        assert np.allclose(found["lon"], np.arange(-1.875, 357, 3.75))


def test_unsigned_numbers_stay_what_they_mean(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    with netCDF4.Dataset(source, "a") as file:
        values = np.clip(np.round((file["tas"][:] - 223) * 2.5), 0, 250).astype(np.uint8)
        made = file.createVariable("byte", "i1", ("time", "lat", "lon"), fill_value=-1)
        made.set_auto_maskandscale(False)
        made.setncatts({"_Unsigned": "true", "scale_factor": 0.4, "add_offset": 223.0})
        values[2, 3, 4] = 255
        made[:] = values.view(np.int8)
    report = upscale_fields(source, tmp_path / "out.nc", BICUBIC, FieldSpec(variables=("byte",)))
    assert report.variables[0].clipped == 0
    with xarray.open_dataset(tmp_path / "out.nc", decode_times=False) as found:
        fine = np.stack([smooth(s, found["lat"].values, found["lon"].values) for s in range(STEPS)])
        error = found["byte"].to_numpy() - fine
        assert np.count_nonzero(np.isnan(error)) == 4
        assert np.nanmax(np.abs(error)) < 1


@pytest.mark.parametrize("dims", [("rlat", "rlon", "time"), ("time", "rlat", "rlon", "lev")])
def test_neither_time_nor_a_level_is_enlarged(tmp_path: Path, dims: tuple[str, ...]) -> None:
    sizes = {"time": 4, "rlat": 12, "rlon": 14, "lev": 5}
    coords = {
        "time": ("time", np.arange(4.0), {"units": "days since 2000-01-01"}),
        "rlat": ("rlat", np.arange(12.0), {"axis": "Y", "units": "degrees"}),
        "rlon": ("rlon", np.arange(14.0), {"axis": "X", "units": "degrees"}),
        "lev": ("lev", np.arange(5.0), {"positive": "down"}),
    }
    values = np.random.default_rng(1).normal(size=[sizes[dim] for dim in dims])
    used = {name: coords[name] for name in dims}
    xarray.Dataset({"tas": (dims, values)}, coords=used).to_netcdf(tmp_path / "in.nc")
    upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, FieldSpec())
    with xarray.open_dataset(tmp_path / "out.nc", decode_times=False) as found:
        expected = {**{dim: sizes[dim] for dim in dims}, "rlat": 24, "rlon": 28}
        assert dict(found["tas"].sizes) == expected


def test_variable_without_a_grid_is_none(tmp_path: Path) -> None:
    dims = ("time", "lat")
    time_axis = ("time", np.arange(4.0), {"units": "days since 2000-01-01"})
    dataset = xarray.Dataset({"v": (dims, np.zeros((4, 9)))}, coords={"time": time_axis})
    dataset.to_netcdf(tmp_path / "in.nc")
    with pytest.raises(InputError, match="no variable of numbers on a grid"):
        upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, FieldSpec())


def test_store_that_cannot_take_its_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make(tmp_path / "in.nc"), tmp_path / "out.zarr"
    upscale_fields(source, target, BICUBIC, FieldSpec(variables=("tas",)))
    before, replace = read(target), os.replace

    def refuse(path: Any, place: Any) -> None:
        if Path(place) == target and ".before" not in str(path):
            raise OSError(28, "No space left on device")
        replace(path, place)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="No space"):
        upscale_fields(source, target, CLIMATE, FieldSpec(variables=("tas",)), overwrite=True)
    assert np.array_equal(read(target), before)
    monkeypatch.undo()
    assert not [*tmp_path.glob(".out*")]
