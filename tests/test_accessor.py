"""``.vsr.upscale`` of xarray gives what ``vsr upscale`` writes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import InputError
from vsr_cli.pipeline.fields.blocks import measure_array
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.pipeline.fields.values import summarise
from vsr_cli.specs import FieldSpec, UpscaleSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")
dask = pytest.importorskip("dask", reason="needs the extra [cluster]")
pytest.importorskip("vsr_cli.accessor")

LAT, LON = np.arange(-82.5, 90, 15.0), np.arange(0, 360, 15.0)
STEPS = 7
ROUNDING = 2e-4  # K; of values near 300 in float32, through networks
LON_ALIKE = np.arange(-3.75, 356, 7.5)


def make(*, shape: tuple[int, ...] = (), names: tuple[str, ...] = ("tas",)) -> Any:
    """A dataset of travelling waves in K with a gap, and what lies around them."""
    outer = ("member", "lev")[: len(shape)]
    draw = np.random.default_rng(3)
    north, east = np.radians(LAT)[:, None], np.radians(LON)[None]
    waves = [
        np.cos(2 * north) * 30 + 8 * np.cos(north) ** 4 * np.sin(4 * east - 0.3 * step)
        for step in range(STEPS)
    ]
    values = 273 + np.stack(waves) + draw.normal(0, 0.5, (*shape, STEPS, len(LAT), len(LON)))
    values[..., 3:6, 8:14] = np.nan
    attrs = {"units": "K", "standard_name": "air_temperature"}
    return xarray.Dataset(
        {
            **{
                name: ((*outer, "time", "lat", "lon"), (values + k).astype(np.float32), attrs)
                for k, name in enumerate(names)
            },
            "height": ((), 2.0, {"units": "m"}),
        },
        coords={
            "time": xarray.date_range("2001-02-26", periods=STEPS, freq="6h", use_cftime=False),
            "lat": ("lat", LAT, {"units": "degrees_north"}),
            "lon": ("lon", LON, {"units": "degrees_east"}),
        },
        attrs={"title": "waves"},
    )


def by_command(dataset: Any, folder: Path, spec: UpscaleSpec, fields: FieldSpec) -> Any:
    """What the command writes of a dataset."""
    dataset.to_netcdf(folder / "in.nc")
    upscale_fields(folder / "in.nc", folder / "out.nc", spec, fields)
    with xarray.open_dataset(folder / "out.nc") as found:
        return found.load()


@pytest.fixture(scope="module", params=["2d3d-fast", pytest.param("2d3d", marks=pytest.mark.slow)])
def commanded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model's name, and what the command writes by it."""
    spec = UpscaleSpec(model=request.param, domain="climate", device="cpu")
    fields = FieldSpec(variables=("tas",))
    folder = tmp_path_factory.mktemp("commanded")
    return request.param, by_command(make(), folder, spec, fields)["tas"]


@pytest.mark.parametrize("chunks", [None, (STEPS,), (1, 2, 1, 3), (3, 3, 1)])
def test_array_has_the_numbers_of_the_command(
    commanded: Any, chunks: tuple[int, ...] | None
) -> None:
    (model, expected), dataset = commanded, make()
    array = dataset["tas"] if chunks is None else dataset["tas"].chunk(time=chunks, lon=7)
    found = array.vsr.upscale(scale=2, model=model, domain="climate", device="cpu")
    if chunks is None:
        assert isinstance(found.data, np.ndarray)
    else:
        assert found.chunks == (chunks, (24,), (48,))
    assert found.dtype == expected.dtype
    assert found.dims == expected.dims
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found.to_numpy() - expected.to_numpy())) < ROUNDING
    for name in ("time", "lat", "lon"):
        assert np.array_equal(found[name], expected[name])
        assert found[name].attrs == expected[name].attrs
    assert np.allclose(found["lon"], LON_ALIKE)
    assert found.attrs["units"] == "K"
    assert found.attrs["vsr_value_range"] == pytest.approx(expected.attrs["vsr_value_range"])
    assert found.name == "tas"


def test_result_is_saved_and_read_again(tmp_path: Path) -> None:
    dataset = make()
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.0, "_FillValue": -32768}
    dataset["tas"].encoding = packing
    dataset.to_netcdf(tmp_path / "in.nc")
    with xarray.open_dataset(tmp_path / "in.nc", chunks={"time": 2}) as opened:
        finer = opened.vsr.upscale("tas", model="bicubic")
        finer.to_netcdf(tmp_path / "own.nc")
    fields = FieldSpec(variables=("tas",))
    upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", UpscaleSpec(model="bicubic"), fields)
    raw = {"mask_and_scale": False, "decode_times": False}
    with (
        xarray.open_dataset(tmp_path / "own.nc", **raw) as own,
        xarray.open_dataset(tmp_path / "out.nc", **raw) as expected,
    ):
        assert own["tas"].dtype == np.int16
        assert np.abs(own["tas"].astype(int) - expected["tas"].astype(int)).max() <= 1
        assert np.array_equal(own["time"], expected["time"])
        assert own.attrs["title"] == "waves"
        told = "upscale --model bicubic --scale 2 --variable tas --precision fp32"
        assert own.attrs["history"].endswith(told)
        assert expected.attrs["history"].endswith(told)


def test_members_levels_and_several_variables_with_their_means_kept(tmp_path: Path) -> None:
    dataset = make(shape=(2, 2), names=("a", "b")).transpose("time", "lat", "lev", "lon", "member")
    spec = UpscaleSpec(model="bicubic", scale=3)
    fields = FieldSpec(variables=("a", "b"), conserve="mean", value_range=(230.0, 320.0))
    expected = by_command(dataset, tmp_path, spec, fields)
    options: dict[str, Any] = {"model": "bicubic", "scale": 3, "value_range": (230.0, 320.0)}
    lazy = dataset.chunk(time=4, member=1)
    with pytest.warns(UserWarning, match="float64"):
        found = lazy.vsr.upscale(["a", "b"], conserve="mean", **options)
    assert found["a"].chunks == ((4, 3), (2,), (1, 1), (36,), (72,))
    for name in ("a", "b"):
        assert found[name].dims == expected[name].dims
        assert found[name].dtype == np.float64
        assert np.allclose(found[name], expected[name], atol=1e-6, equal_nan=True)
    assert float(found["height"]) == 2
    assert found.attrs["title"] == "waves"


def test_lazy_array_is_read_once_for_its_range_and_computed_where_it_is_looked_at() -> None:
    read: list[int] = []
    tas = make()["tas"].chunk(time=1)

    def note(block: Any) -> Any:
        read.append(1)
        return block

    watched = tas.copy(data=tas.data.map_blocks(note, dtype=np.float32, meta=tas.data[:0, :0, :0]))
    options = {"model": "2d3d-fast", "domain": "climate"}
    watched.vsr.upscale(**options, value_range=(240, 310))
    assert read == []
    finer = watched.vsr.upscale(**options)
    assert len(read) == STEPS
    finer.isel(time=0).compute()
    assert len(read) == STEPS + 3  # the step itself and two neighbours
    finer.isel(time=3).compute()
    assert len(read) == STEPS + 3 + 5


def test_range_does_not_depend_on_how_an_array_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where only some of the values are kept for the quantiles."""
    monkeypatch.setattr("vsr_cli.pipeline.fields.values.SAMPLED", 64)
    monkeypatch.setattr("vsr_cli.pipeline.fields.values.MOST_SAMPLED", 100)
    values = np.random.default_rng(2).normal(0, 1, (20, 16, 32)).cumsum(0)
    whole = summarise(values)
    for chunks in ((20, 16, 32), (1, 16, 32), (7, 5, 9)):
        lazy = (
            xarray.DataArray(values)
            .chunk(dict(zip(("dim_0", "dim_1", "dim_2"), chunks, strict=True)))
            .data
        )
        found = measure_array(lazy)
        assert found.value_range == whole.value_range
        assert found.deviation == pytest.approx(whole.deviation)
    low, high = np.quantile(values, [1e-3, 1 - 1e-3])
    assert whole.value_range == pytest.approx((low, high), abs=4)


def test_single_steps_and_calendars_of_models() -> None:
    dataset = make()
    still = dataset["tas"].isel(time=0, drop=True)
    assert np.allclose(
        still.vsr.upscale(model="bicubic", value_range=(230, 320)),
        dataset["tas"].vsr.upscale(model="bicubic", value_range=(230, 320)).isel(time=0),
        equal_nan=True,
    )
    lazy = still.chunk(lat=4).vsr.upscale(model="bicubic")
    assert lazy.chunks == ((24,), (48,))
    assert np.allclose(lazy, still.vsr.upscale(model="bicubic"), equal_nan=True)
    times = xarray.date_range("2000-02-28", periods=STEPS, calendar="noleap", use_cftime=True)
    noleap = dataset["tas"].assign_coords(time=times)
    assert (
        noleap.vsr.upscale(model="2d3d-fast", domain="climate")["time"] == times
    ).all()  # even steps: no warning


def test_what_a_user_should_know_is_a_warning() -> None:
    dataset = make(names=("a", "b"))
    with pytest.warns(UserWarning, match="not in the result: b"):
        dataset.vsr.upscale("a", model="bicubic")
    uneven = dataset["a"].isel(time=[0, 1, 2, 4, 6])
    with pytest.warns(UserWarning, match="uneven"):
        uneven.vsr.upscale(model="2d3d-fast", domain="climate")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = uneven.vsr.upscale(model="fsrcnn", domain="climate")
    assert alone.sizes["time"] == 5


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="an array is one variable; leave tas out"):
        make()["tas"].vsr.upscale("tas")
    dataset = make(names=("a", "b"))
    with pytest.raises(InputError, match="no variable 'c' on a grid: there are a, b"):
        dataset.vsr.upscale(["c"])
    with pytest.raises(ValueError, match="window must be"):
        dataset["a"].vsr.upscale(window="all")
    with pytest.raises(TypeError, match="modell"):
        dataset["a"].vsr.upscale(modell="2d3d")
    with pytest.raises(ValueError, match="whole numbers"):
        dataset["a"].vsr.upscale(scale=1.5)
    packed = dataset["a"].fillna(0).astype(np.int16)
    packed.attrs["scale_factor"] = 0.1
    with pytest.raises(ValueError, match="mask_and_scale"):
        packed.vsr.upscale()


def test_ranges_and_names_in_attributes_are_true(tmp_path: Path) -> None:
    """What lies outside the valid range is missing, and what is not known yet is not stated."""
    values = np.where(np.arange(12) < 6, 270.0, 290.0) + np.zeros((3, 10, 1))
    values[:, 4, 7] = -999
    stated = {"valid_min": 200.0, "actual_range": [270.0, 290.0], "cell_measures": "area: area"}
    dataset = xarray.Dataset(
        {
            "tas": (("time", "lat", "lon"), values, {"units": "K", **stated}),
            "area": (("lat", "lon"), np.ones((10, 12))),
        },
        coords={
            "lat": ("lat", np.arange(-81.0, 90, 18), {"units": "degrees_north"}),
            "lon": ("lon", (np.arange(15.0, 375, 30) + 180) % 360 - 180, {"units": "degrees_east"}),
        },
    )
    with pytest.warns(UserWarning, match="not in the result: area"):
        found = dataset.vsr.upscale("tas", model="bicubic")
    assert found["tas"].attrs.keys() == {"units", "vsr_value_range"}
    assert int(found["tas"].isnull().sum()) == 3 * 4
    dataset.to_netcdf(tmp_path / "in.nc")
    spec, fields = UpscaleSpec(model="bicubic"), FieldSpec(variables=("tas",))
    upscale_fields(tmp_path / "in.nc", tmp_path / "out.nc", spec, fields)
    with xarray.open_dataset(tmp_path / "out.nc", decode_times=False) as file:
        assert np.allclose(found["tas"], file["tas"], equal_nan=True)
        assert np.allclose(found["lon"], file["lon"])
        assert file["tas"].attrs["actual_range"][0] < 270
