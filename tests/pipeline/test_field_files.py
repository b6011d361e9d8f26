"""Files of fields as they are in the world: what is around the fields comes through unharmed."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import OutputError
from vsr_cli.pipeline.fields import upscale_fields
from vsr_cli.specs import FieldSpec, UpscaleSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
netCDF4 = pytest.importorskip("netCDF4", reason="needs the extra [fields]")  # noqa: N816
zarr = pytest.importorskip("zarr", reason="needs the extra [fields]")

BICUBIC = UpscaleSpec(model="bicubic", device="cpu")
TAS = FieldSpec(variables=("tas",))
LAT, LON = np.arange(-82.5, 90, 15), np.arange(0, 360, 30.0)
STEPS = 3
RISE = 25.0  # K


def waves(lat: np.ndarray = LAT, lon: np.ndarray = LON) -> np.ndarray:  # type: ignore[type-arg]
    """A temperature in K, (T, H, W)."""
    north, east = np.radians(lat)[:, None], np.radians(lon)[None]
    steps = [np.cos(north) * (RISE + 5 * np.sin(2 * east + step)) for step in range(STEPS)]
    return 265 + np.stack(steps)


def make(
    path: Path,
    stored: np.ndarray,  # type: ignore[type-arg]
    attributes: Mapping[str, Any] | None = None,
    *,
    fill: Any = None,
    lon: Sequence[float] = tuple(LON),
    lat: Sequence[float] = tuple(LAT),
    has_time: bool = True,
) -> Any:
    """A NetCDF file with a field as it is stored; open, to be added to."""
    file = netCDF4.Dataset(path, "w")
    for name, length in (("time", None), ("lat", len(lat)), ("lon", len(lon))):
        file.createDimension(name, length)
    axes = [("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")]
    if has_time:
        axes.append(("time", np.arange(STEPS), "days since 2000-01-01"))
    for name, values, units in axes:
        axis = file.createVariable(name, "f8", (name,))
        axis.units = units
        axis[:] = values
    made = file.createVariable("tas", stored.dtype, ("time", "lat", "lon"), fill_value=fill)
    made.set_auto_maskandscale(False)
    made.setncatts({"units": "K", **(attributes or {})})
    made[:] = stored
    return file


def read(path: Path, name: str = "tas") -> np.ndarray:  # type: ignore[type-arg]
    engine = {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xarray.SerializationWarning)  # of two fill values
        warnings.simplefilter("ignore", FutureWarning)  # of coordinates in half precision
        with xarray.open_dataset(path, decode_times=False, **engine) as dataset:
            return np.asarray(dataset[name].to_numpy())


def dumped(path: Path) -> str:
    """The header as ncdump tells it, and as netCDF4 does where there is none."""
    tool = shutil.which("ncdump")
    if tool is None:
        with netCDF4.Dataset(path) as file:
            return str(file)
    done = subprocess.run([tool, "-h", path], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_ranges_in_attributes_hold_the_values(tmp_path: Path, ending: str) -> None:
    """Bicubic interpolation overshoots a step; readers mask what lies outside a valid range."""
    values = np.where(LON < 180, 270.0, 290.0) + np.zeros((STEPS, len(LAT), 1))
    values[:, 3, 4] = -999  # outside, and no fill value: missing
    ranges = {
        "valid_range": np.array([270, 290], np.float32),
        "actual_range": np.array([270, 290], np.float32),
    }
    make(tmp_path / "in.nc", values.astype(np.float32), ranges).close()
    target = tmp_path / f"out.{ending}"
    upscale_fields(tmp_path / "in.nc", target, BICUBIC, TAS)
    found = read(target)
    assert np.count_nonzero(np.isnan(found)) == 4 * STEPS
    low, high = float(np.nanmin(found)), float(np.nanmax(found))
    assert 260 < low < 270
    assert 290 < high < 300
    engine = {"engine": "zarr", "consolidated": False} if ending == "zarr" else {}
    with xarray.open_dataset(target, **engine) as dataset:
        stated = dataset["tas"].attrs
        assert np.allclose(stated["actual_range"], [low, high])
        assert stated["valid_range"][0] <= low
        assert stated["valid_range"][1] >= high
    if ending == "nc":
        with netCDF4.Dataset(target) as file:
            assert np.ma.count_masked(np.ma.masked_invalid(file["tas"][:])) == 4 * STEPS
        assert "tas:valid_range = " in dumped(target)


def test_valid_ranges_of_packed_fields_are_packed_numbers(tmp_path: Path) -> None:
    packing = {"scale_factor": 0.01, "add_offset": 280.0}
    stored = np.where(LON < 180, -1000, 1000) + np.zeros((STEPS, len(LAT), 1))
    stored[:, 5, 2] = -20000
    stated = {**packing, "valid_min": np.int16(-1000), "valid_max": np.int16(1000)}
    make(tmp_path / "in.nc", stored.astype(np.int16), stated).close()
    upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, TAS)
    found = read(tmp_path / "out.nc")
    assert np.count_nonzero(np.isnan(found)) == 4 * STEPS
    assert np.nanmin(found) < 269.9
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["tas"].valid_min.dtype == np.int16
        assert np.isclose(file["tas"].valid_min * 0.01 + 280, np.nanmin(found))
        assert np.ma.count_masked(file["tas"][:]) == 4 * STEPS


@pytest.mark.parametrize(
    ("fill", "attributes"),
    [
        (1000, {}),
        (None, {"missing_value": np.int16(1000)}),
        (-32768, {"missing_value": np.int16(1000)}),
        (None, {"missing_value": np.float32(1e20)}),
        (None, {}),
    ],
)
def test_no_value_becomes_a_fill_value(
    tmp_path: Path, fill: int | None, attributes: dict[str, Any]
) -> None:
    """The slope passes by the number that means "missing" in every row."""
    slope = np.linspace(-2001.0, 2003.0, len(LON)) + np.zeros((STEPS, len(LAT), 1))
    missing = fill is not None or attributes.get("missing_value") == 1000
    if missing:
        slope[:, 4, 6] = attributes.get("missing_value", fill)
    if fill is None and not attributes:
        slope -= 31766  # to the number that the library takes for "never written"
    stated = {"scale_factor": 0.25, **attributes}
    make(tmp_path / "in.nc", slope.astype(np.int16), stated, fill=fill).close()
    fields = FieldSpec(variables=("tas",), boundary="replicate")
    report = upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, fields)
    expected = 4 * STEPS if missing else 0
    assert np.count_nonzero(np.isnan(read(tmp_path / "out.nc"))) == expected
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert np.ma.count_masked(file["tas"][:]) == expected
    assert report.variables[0].clipped == 0 or fill is None


def test_text_and_types_of_a_file_s_own_are_copied(tmp_path: Path) -> None:
    file = make(tmp_path / "in.nc", waves().astype(np.float32))
    for name, length in (("station", 2), ("letters", 8)):
        file.createDimension(name, length)
    names = file.createVariable("names", "S1", ("station", "letters"))
    names[:] = netCDF4.stringtochar(np.array(["abc", "defgh"], "S8"))
    file.createVariable("crs", "S1", ()).grid_mapping_name = "latitude_longitude"
    words = file.createVariable("words", str, ("station",))
    words[0], words[1] = "hello", "wörld"
    ragged = file.createVariable("ragged", file.createVLType("i4", "list"), ("station",))
    ragged[0], ragged[1] = np.arange(3, dtype="i4"), np.arange(2, dtype="i4")
    pair = np.dtype([("a", "f4"), ("b", "i4")])
    both = file.createVariable("both", file.createCompoundType(pair, "pair"), ("station",))
    both[:] = np.array([(1.5, 2), (3.5, 4)], pair)
    sky = file.createVariable(
        "sky", file.createEnumType("u1", "cover", {"clear": 0, "cloud": 1}), ("station",)
    )
    sky[:] = np.array([1, 0], np.uint8)
    file.close()
    report = upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, TAS)
    assert report.left_out == ()
    with netCDF4.Dataset(tmp_path / "out.nc") as found:
        assert found["names"].dimensions == ("station", "letters")
        found["names"].set_auto_chartostring(False)
        assert found["names"][:].tobytes() == b"abc\0\0\0\0\0defgh\0\0\0"
        assert found["crs"].dimensions == ()
        assert found["crs"].grid_mapping_name == "latitude_longitude"
        assert found["words"][:].tolist() == ["hello", "wörld"]
        assert [row.tolist() for row in found["ragged"][:]] == [[0, 1, 2], [0, 1]]
        assert found["both"][:].tolist() == [(1.5, 2), (3.5, 4)]
        assert found["sky"].datatype.enum_dict == {"clear": 0, "cloud": 1}
        assert found["sky"][:].tolist() == [1, 0]
    assert "string1" not in dumped(tmp_path / "out.nc")
    report = upscale_fields(tmp_path / "in.nc", tmp_path / "out.zarr", BICUBIC, TAS)
    assert sorted(report.left_out) == ["both", "ragged", "sky"]
    assert any("both" in warning for warning in report.warnings)
    assert read(tmp_path / "out.zarr", "names").tolist() == ["abc", "defgh"]
    assert read(tmp_path / "out.zarr", "words").tolist() == ["hello", "wörld"]


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_half_precision_is_written_in_single(tmp_path: Path, ending: str) -> None:
    group = zarr.create_group(tmp_path / "in.zarr")
    axes = {"time": (np.arange(STEPS), "days since 2000-1-1"), "lat": (LAT, "degrees_north")}
    axes["lon"] = LON, "degrees_east"
    arrays = {name: ((name,), values, units) for name, (values, units) in axes.items()}
    for name, (dims, values, units) in {**arrays, "tas": ((*axes,), waves(), "K")}.items():
        group.create_array(
            name,
            data=values.astype(np.float16),
            attributes={"units": units},
            dimension_names=dims,
        )
    target = tmp_path / f"out.{ending}"
    report = upscale_fields(tmp_path / "in.zarr", target, BICUBIC, TAS)
    assert any("float16" in warning for warning in report.warnings)
    assert read(target).dtype == np.float32
    assert np.abs(read(target) - waves(read(target, "lat"), read(target, "lon"))).max() < 2
    assert np.allclose(read(target, "lat"), np.arange(-86.25, 90, 7.5))
    assert read(target, "time").tolist() == [0, 1, 2]


def test_time_without_a_coordinate_stays_unlimited(tmp_path: Path) -> None:
    make(tmp_path / "in.nc", waves().astype(np.float32), has_time=False).close()
    upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, TAS)
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file.dimensions["time"].isunlimited()
        assert file["tas"].shape == (STEPS, 24, 24)
    assert "time = UNLIMITED" in dumped(tmp_path / "out.nc")


def test_messages_name_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "in.nc", waves().astype(np.float32)).close()
    target = tmp_path / "out.nc"

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for owner, name in ((xarray.Dataset, "to_netcdf"), (netCDF4.Dataset, "createVariable")):
        with monkeypatch.context() as context:
            context.setattr(owner, name, refuse)
            with pytest.raises(OutputError, match="No space left") as failed:
                upscale_fields(tmp_path / "in.nc", target, BICUBIC, TAS)
        assert str(failed.value).startswith(f"cannot write {target}: ")
        assert ".part" not in str(failed.value)
        assert [path.name for path in tmp_path.iterdir()] == ["in.nc"]
