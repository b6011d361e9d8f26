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

from vsr_cli.errors import InputError, OutputError
from vsr_cli.pipeline.fields.run import upscale_fields
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
    """Parts of cells lie right on the number that means "missing", in every row."""
    slope = 991 + 2 * np.arange(len(LON)) + np.zeros((STEPS, len(LAT), 1))
    missing = fill is not None or attributes.get("missing_value") == 1000
    if missing:
        slope[:, 4, 6] = attributes.get("missing_value", fill)
    if fill is None and not attributes:  # what the library takes for "never written" is -32767
        slope = -32768 + 4 * np.arange(len(LON)) + np.zeros((STEPS, len(LAT), 1))
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


def test_longitudes_that_jump_inside_a_row_go_around_the_globe(tmp_path: Path) -> None:
    jumping = (LON + 15 + 180) % 360 - 180
    for name, lon in (("jump", jumping), ("even", LON + 15)):
        source = tmp_path / f"{name}.nc"
        make(source, waves(lon=LON + 15).astype(np.float32), lon=tuple(lon)).close()
        report = upscale_fields(source, tmp_path / f"{name}_x2.nc", BICUBIC, TAS)
        assert report.boundary == "periodic"
    assert np.array_equal(read(tmp_path / "jump_x2.nc"), read(tmp_path / "even_x2.nc"))
    found, even = read(tmp_path / "jump_x2.nc", "lon"), read(tmp_path / "even_x2.nc", "lon")
    assert np.allclose((found - even) % 360 % 360, 0)
    assert found.min() >= -180
    assert found.max() < 180


def test_first_meridian_that_comes_twice_does_so_in_the_result(tmp_path: Path) -> None:
    """The result is that of a file without the last column, whose parts come again at the end."""
    closed = np.linspace(0, 360, 13)
    values = waves(lon=closed)
    values[:, 5:7, [0, 1, 12]] = np.nan
    fields = FieldSpec(variables=("tas",), conserve="mean", value_range=(200.0, 300.0))
    spec = UpscaleSpec(model="fsrcnn", domain="climate", device="cpu")
    make(tmp_path / "a.nc", values, lon=tuple(closed)).close()
    make(tmp_path / "b.nc", values[..., :-1], lon=tuple(LON)).close()
    reports = [
        upscale_fields(tmp_path / f"{name}.nc", tmp_path / f"{name}2.nc", spec, fields)
        for name in "ab"
    ]
    assert [report.boundary for report in reports] == ["periodic"] * 2
    twice, once = read(tmp_path / "a2.nc"), read(tmp_path / "b2.nc")
    assert np.allclose(twice[..., :-2], once, atol=1e-4, equal_nan=True)
    assert np.allclose(twice[..., -2:], once[..., :2], atol=1e-4, equal_nan=True)
    assert np.allclose(np.diff(read(tmp_path / "a2.nc", "lon")), 15)


def test_auxiliary_axes_are_coordinates_too(tmp_path: Path) -> None:
    """Latitudes lat(y) and longitudes lon(x) of dimensions that have no coordinate of their own."""
    plain, other = tmp_path / "plain.nc", tmp_path / "other.nc"
    make(plain, waves().astype(np.float32)).close()
    with xarray.open_dataset(plain, decode_times=False) as dataset:
        bare = dataset.rename_dims(lat="y", lon="x").reset_index(["lat", "lon"])
        bare.drop_vars(["lat_", "lon_"], errors="ignore").transpose("x", "y", "time").to_netcdf(
            other
        )
    for source in (plain, other):
        target = source.with_name(f"{source.stem}_x2.nc")
        fields = FieldSpec(variables=("tas",), conserve="mean")
        report = upscale_fields(source, target, BICUBIC, fields)
        assert report.boundary == "periodic"
        assert report.left_out == ()
    assert np.allclose(read(tmp_path / "other_x2.nc"), read(tmp_path / "plain_x2.nc"), atol=1e-4)
    with netCDF4.Dataset(tmp_path / "other_x2.nc") as file:
        assert file["lat"].dimensions == ("y",)
        assert np.allclose(file["lat"][:], np.arange(-86.25, 90, 7.5))
        assert np.allclose(file["lon"][:], np.arange(-7.5, 345, 15))


def _curvilinear(path: Path, *, moves: bool = False) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A file as WRF writes it: coordinates of every cell at every step, no CF attribute."""
    rows, columns = np.arange(20.0), np.arange(24.0)
    latitude = 40 + 1.5 * rows[:, None] + 0.2 * columns
    longitude = 170 + 1.5 * columns - 0.3 * rows[:, None]  # over the date line
    longitude = (longitude + 180) % 360 - 180
    file = netCDF4.Dataset(path, "w")
    sizes = {"Time": None, "south_north": 20, "west_east": 24, "west_east_stag": 25}
    for name, length in sizes.items():
        file.createDimension(name, length)
    dims = ("Time", "south_north", "west_east")
    for name, values, units in (
        ("XLAT", latitude, "degree_north"),
        ("XLONG", longitude, "degree_east"),
        ("T2", 280 - latitude / 2, "K"),
    ):
        made = file.createVariable(name, "f4", dims)
        made.units = units
        made[:] = np.stack([values + (0.1 * step if moves else 0) for step in range(STEPS)])
    file.createVariable("XLAT_U", "f4", (*dims[:2], "west_east_stag")).units = "degree_north"
    file.close()
    return latitude, longitude


@pytest.mark.parametrize("moves", [False, True])
def test_coordinates_of_every_cell_and_step_are_refined(tmp_path: Path, moves: bool) -> None:
    latitude, _ = _curvilinear(tmp_path / "wrf.nc", moves=moves)
    report = upscale_fields(tmp_path / "wrf.nc", tmp_path / "out.nc", BICUBIC)  # no --variable
    assert report.left_out == ("XLAT_U",)
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["XLAT"].dimensions == ("Time", "south_north", "west_east")
        assert file["XLAT"].shape == (STEPS, 40, 48)
        assert file.dimensions["Time"].isunlimited()
        north, east = np.asarray(file["XLAT"][:]), np.asarray(file["XLONG"][:])
        field = np.asarray(file["T2"][:])
    blocks = north.reshape(STEPS, 20, 2, 24, 2).mean((2, 4))
    rise = 0.1 * np.arange(STEPS)[:, None, None] if moves else 0
    assert np.abs(blocks - latitude - rise).max() < 0.02
    jumps = np.abs(np.diff(east, axis=-1)) > 180
    assert (jumps.sum(-1) == 1).all()
    assert np.abs(field - (280 - north / 2) - rise / 2 - rise).max() < 0.5


def test_means_on_a_curvilinear_grid_are_by_the_areas_of_its_cells(tmp_path: Path) -> None:
    """Meridians that come together: the parts nearer to the pole are smaller."""
    rows, columns = np.linspace(60, 84, 13), np.linspace(0, 44, 12)
    north, east = np.meshgrid(rows, columns, indexing="ij")
    values = 250 + 10 * np.sin(np.radians(8 * north)) + np.zeros((STEPS, 1, 1))
    dataset = xarray.Dataset(
        {"tas": (("time", "j", "i"), values, {"units": "K", "coordinates": "lat lon"})}
    )
    dataset["lat"] = ("j", "i"), north, {"units": "degrees_north"}
    dataset["lon"] = ("j", "i"), east, {"units": "degrees_east"}
    dataset.to_netcdf(tmp_path / "in.nc")
    fields = FieldSpec(variables=("tas",), conserve="mean")
    report = upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC, fields)
    assert not report.warnings
    fine = read(tmp_path / "out.nc").reshape(STEPS, 13, 2, 12, 2)
    edges = np.radians(np.linspace(59, 85, 27))  # of the parts, by the formula of the sphere
    areas = np.diff(np.sin(edges)).reshape(13, 2, 1, 1)
    means = (fine * areas).sum((2, 4)) / (2 * areas.sum((1, 2, 3)))[:, None]
    plain = fine.mean((2, 4))
    assert np.abs(means - values).max() < 2e-3
    assert np.abs(plain - values).max() > 2e-2
    bare = dataset.drop_vars(["lat", "lon"])
    del bare["tas"].attrs["coordinates"]
    bare.to_netcdf(tmp_path / "bare.nc")
    report = upscale_fields(tmp_path / "bare.nc", tmp_path / "b.nc", BICUBIC, fields)
    assert any("count alike" in warning for warning in report.warnings)


def test_no_attribute_names_what_is_not_there(tmp_path: Path) -> None:
    stated = {
        "coordinates": "height area",
        "cell_measures": "area: area volume: volcello",
        "ancillary_variables": "quality flag",
        "grid_mapping": "crs",
        "comment": "area",
    }
    file = make(tmp_path / "in.nc", waves().astype(np.float32), stated)
    grid = ("lat", "lon")
    for name, dims in (("area", grid), ("quality", grid), ("flag", ()), ("height", ())):
        file.createVariable(name, "f4", dims)[...] = 1.0
    file.createVariable("crs", "S1", ()).grid_mapping_name = "latitude_longitude"
    file.createDimension("vertices", 4)
    file.createVariable("corners", "f4", ("lat", "vertices"))[:] = 0.0
    file["lat"].bounds = "corners"
    file.external_variables = "volcello basin"
    file.close()
    for ending in ("nc", "zarr"):
        target = tmp_path / f"out.{ending}"
        report = upscale_fields(tmp_path / "in.nc", target, BICUBIC, TAS)
        assert sorted(report.left_out) == ["area", "corners", "quality"]
        engine = {"engine": "zarr", "consolidated": False} if ending == "zarr" else {}
        with xarray.open_dataset(target, decode_cf=False, **engine) as found:
            assert found["tas"].attrs["coordinates"] == "height"
            assert found["tas"].attrs["ancillary_variables"] == "flag"
            assert found["tas"].attrs["grid_mapping"] == "crs"
            assert found["tas"].attrs["comment"] == "area"
            assert "cell_measures" not in found["tas"].attrs
            assert "bounds" not in found["lat"].attrs
            assert found.attrs["external_variables"] == "basin"


def test_edges_of_cells_are_no_choice_and_refined(tmp_path: Path) -> None:
    file = make(tmp_path / "in.nc", waves().astype(np.float32))
    file.createDimension("vertices", 4)
    shifts = {"latitude": (-7.5, -7.5, 7.5, 7.5), "longitude": (-15, 15, 15, -15)}
    for kind, dim in (("latitude", "lat"), ("longitude", "lon")):
        made = file.createVariable(kind, "f8", ("lat", "lon"))
        made.setncatts({"units": file[dim].units, "bounds": f"vertices_{kind}"})
        centres = np.meshgrid(LAT, LON, indexing="ij")[kind == "longitude"]
        made[:] = centres
        made = file.createVariable(f"vertices_{kind}", "f8", ("lat", "lon", "vertices"))
        made[:] = centres[..., None] + np.array(shifts[kind])
    file.close()
    report = upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", BICUBIC)
    assert report.variables[0].name == "tas"
    assert report.left_out == ()
    with netCDF4.Dataset(tmp_path / "out.nc") as found:
        assert found["latitude"].bounds == "vertices_latitude"
        assert found["vertices_latitude"].shape == (24, 24, 4)
        middles = np.asarray(found["vertices_latitude"][:]).mean(-1)
        assert (
            np.abs(middles - np.asarray(found["latitude"][:]))[2:-2].max() < 2
        )  # sides are great circles
    wrong = FieldSpec(variables=("vertices_latitude",))
    with pytest.raises(InputError, match="no variable 'vertices_latitude' on a grid: there are t"):
        upscale_fields(tmp_path / "in.nc", tmp_path / "out2.nc", BICUBIC, wrong)


def test_groups_are_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "in.nc"
    dataset = xarray.Dataset({"tas": (("y", "x"), np.zeros((6, 7), np.float32))})
    dataset.to_netcdf(path, group="model")
    for fields in (FieldSpec(), FieldSpec(variables=("model/tas",))):
        with pytest.raises(InputError, match=r"groups \(model\) are not read.*group='model'"):
            upscale_fields(path, tmp_path / "out.nc", BICUBIC, fields)
    make(tmp_path / "both.nc", waves().astype(np.float32)).close()
    dataset.to_netcdf(tmp_path / "both.nc", mode="a", group="model")
    report = upscale_fields(tmp_path / "both.nc", tmp_path / "out.nc", BICUBIC, TAS)
    assert "groups are not copied: model" in report.warnings
