"""Scores of fields in their own unit: by hand with NumPy, with gaps, on the sphere, as flows."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli.errors import InputError
from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame, to_json
from vsr_cli.pipeline.evaluate.run import compare_models, evaluate_clips
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.specs import EvaluateSpec, FieldSpec, MetricName, UpscaleSpec, parse_degradation

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")

PIXELWISE: tuple[MetricName, ...] = ("rmse", "mae", "bias", "mse", "maximum", "psnr")
SINGLE = 1e-6  # networks compute in float32, of which a value has 24 bits: 6e-8 of the range
EXACT = 1e-10
HEIGHT, WIDTH, STEPS = 24, 36, 4
LAT = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(HEIGHT)[0]))  # south to north


def _kelvin(seed: int = 0) -> NDArray[np.float32]:
    """A temperature, (T, H, W)."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    steps = [280 + 20 * np.sin(x / 5 + n) * np.cos(y / 4) for n in range(STEPS)]
    return (np.stack(steps) + draw.standard_normal((STEPS, HEIGHT, WIDTH))).astype(np.float32)


def _save(path: Path, **variables: NDArray[Any]) -> Path:
    units = {"t": "K", "u": "m s-1", "v": "m s-1"}
    dims = ("time", "lev", "lat", "lon")
    dataset = xarray.Dataset(
        {
            name: ((dims[0], *dims[-values.ndim + 1 :]), values, {"units": units[name]})
            for name, values in variables.items()
        },
        coords={
            "time": ("time", np.arange(len(next(iter(variables.values())))), {"axis": "T"}),
            "lat": ("lat", LAT, {"units": "degrees_north"}),
            "lon": ("lon", np.arange(WIDTH) * 10.0, {"units": "degrees_east"}),
        },
    )
    dataset.to_netcdf(path)
    return path


def _spec(**changes: Any) -> EvaluateSpec:
    settings: dict[str, Any] = {"model": "nearest", "device": "cpu", "metrics": PIXELWISE}
    settings["degradation"] = parse_degradation("area")
    return EvaluateSpec(**(settings | changes))


def _by_hand(values: NDArray[Any]) -> NDArray[np.float64]:
    """Area means, then each for its four pixels."""
    whole = values.astype(np.float64)
    blocks = whole.reshape(len(values), HEIGHT // 2, 2, WIDTH // 2, 2)
    means = np.nanmean(blocks, (2, 4))
    return means.repeat(2, 1).repeat(2, 2)


def _inside(values: NDArray[Any]) -> NDArray[np.float64]:
    return values[:, 2:-2, 2:-2].astype(np.float64)


def test_scores_are_those_by_hand_in_kelvin(tmp_path: Path) -> None:
    hr = _kelvin()
    result = evaluate_clips([_save(tmp_path / "a.nc", t=hr)], _spec())
    error = _inside(_by_hand(hr)) - _inside(hr)
    expected = {
        "rmse": np.sqrt((error**2).mean((1, 2))),
        "mae": np.abs(error).mean((1, 2)),
        "mse": (error**2).mean((1, 2)),
        "maximum": _inside(_by_hand(hr)).max((1, 2)) - _inside(hr).max((1, 2)),
        "bias": error.mean((1, 2)),
    }
    expected["psnr"] = 20 * np.log10(np.ptp(hr.astype(float)) / expected["rmse"])
    frames = result.clips[0].per_frame
    for name, values in expected.items():
        found = [frame.value(name) for frame in frames]
        assert found == pytest.approx(list(values), rel=SINGLE, abs=SINGLE * 40)
        assert result.mean.value(name) == pytest.approx(values.mean(), rel=SINGLE, abs=4e-5)
    assert result.units is not None
    assert result.units.value == "K"
    assert result.clips[0].value_range == (float(hr.min()), float(hr.max()))


def test_document_says_how_values_were_mapped_and_shrunk(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin())
    document = json.loads(json.dumps(evaluate_clips([path], _spec()).to_json(), allow_nan=False))
    protocol = document["protocol"]
    assert protocol["units"] == "K"
    assert protocol["metrics"]["rmse"] == "RMSE K"
    assert protocol["metrics"]["mse"] == "MSE (K)²"
    assert protocol["metrics"]["psnr"] == "PSNR dB"
    assert protocol["rounding"] == "none"
    assert protocol["mapping"].startswith("(value - low) / (high - low)")
    assert protocol["value_range"] is None
    assert protocol["value_range_source"] == "smallest and largest value of each truth"
    assert protocol["degradation"].startswith("area of the values, not rounded")
    assert protocol["degradation_chain"] == "area"
    low, high = document["clips"][0]["value_range"]
    assert (low, high) == (float(_kelvin().min()), float(_kelvin().max()))
    given = evaluate_clips([path], _spec(value_range=(200.0, 350.0)))
    assert given.protocol["value_range"] == [200.0, 350.0]
    assert given.protocol["value_range_source"] == "given"
    assert given.mean.value("rmse") == pytest.approx(document["mean"]["rmse"], rel=1e-5)
    gain = 20 * math.log10(150 / (high - low))
    assert given.mean.psnr == pytest.approx(document["mean"]["psnr"] + gain, abs=1e-4)


@pytest.mark.parametrize("model", ["bicubic", "fsrcnn"])
def test_nothing_is_cut_to_the_range_that_networks_know(tmp_path: Path, model: str) -> None:
    """Bicubic overshoots, and more so where the range is a part of the values."""
    path = _save(tmp_path / "a.nc", t=_kelvin())
    seen: list[ScoredFrame] = []
    specs = [_spec(model=model, degradation=parse_degradation("bicubic"), value_range=(275, 285))]
    compare_models([path], specs, watch=seen.append)
    assert seen[0].results[0].min() < -0.5
    assert seen[0].results[0].max() > 1.5
    if model == "bicubic":  # which is linear
        wide = _spec(model=model, degradation=specs[0].degradation, value_range=(0, 1000))
        scores = [evaluate_clips([path], one).mean.value("rmse") for one in (*specs, wide)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_pixels_count_by_the_area_of_the_files_rows(tmp_path: Path) -> None:
    hr = _kelvin()
    result = evaluate_clips([_save(tmp_path / "a.nc", t=hr)], _spec(grid="sphere"))
    edges = np.array([-90, *((LAT[1:] + LAT[:-1]) / 2), 90])
    weights = np.diff(np.sin(np.deg2rad(edges)))[2:-2]
    error = _inside(_by_hand(hr)) - _inside(hr)
    mse = np.average((error**2).mean(2), axis=1, weights=weights)
    assert result.mean.value("rmse") == pytest.approx(np.sqrt(mse).mean(), rel=SINGLE)
    bias = np.average(error.mean(2), axis=1, weights=weights).mean()
    assert result.mean.value("bias") == pytest.approx(bias, abs=4e-5)
    assert result.protocol["grid"] == "sphere, cells of the file's coordinates"


def test_land_counts_nowhere_and_does_not_spread(tmp_path: Path) -> None:
    hr = _kelvin()
    hr[:, 6:17, 9:20] = np.nan  # odd sides: some blocks are partly land
    hr[:, 16, 8] = hr[:, 17, 9] = np.nan  # and one for the most part
    hr[2] = np.nan
    path = _save(tmp_path / "a.nc", t=hr)
    metrics: tuple[MetricName, ...] = ("rmse", "ssim", "lsd", "flicker", "acc")
    result = evaluate_clips([path], _spec(metrics=metrics, border=0))
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="empty slice"):
        sr = _by_hand(hr)
    # Blocks of which less than half is there are filled from squares; they have one sea pixel.
    sea = ~np.isnan(hr)
    blocks = sea.reshape(STEPS, HEIGHT // 2, 2, WIDTH // 2, 2).sum((2, 4))
    sure = sea & (blocks >= 2).repeat(2, 1).repeat(2, 2)
    assert (sea[0] & ~sure[0]).sum() == 1
    for number in (0, 1, 3):
        square = (sr[number] - hr[number].astype(float)) ** 2
        found = result.clips[0].per_frame[number].value("rmse") ** 2 * sea[number].sum()
        rest = found - square[sure[number]].sum()
        assert 0 <= rest < 60.0**2  # the error of that one pixel
    assert result.clips[0].per_frame[2].values["rmse"] is None
    assert all(result.mean.values[name] is not None for name in metrics)
    assert result.clips[0].empty_frames == 1
    assert result.warnings == (
        "a.nc: 1 of 4 steps hold no value and count in no mean",
        f"a.nc: {np.isnan(hr).mean():.1%} of the values are missing, filled with the mean for lsd",
    )


def test_files_are_compared_as_values(tmp_path: Path) -> None:
    hr = _kelvin()
    hr[:, 3, 4] = np.nan
    sr = hr + np.float32(0.5)
    sr[:, 3, 4] = 7.0
    spec = EvaluateSpec(against=_save(tmp_path / "b.nc", t=sr), metrics=PIXELWISE)
    result = evaluate_clips([_save(tmp_path / "a.nc", t=hr)], spec)
    # Values near 280 have steps of 3e-5 in float32.
    assert result.mean.value("rmse") == pytest.approx(0.5, abs=4e-5)
    assert result.mean.value("bias") == pytest.approx(0.5, abs=4e-5)
    assert result.mean.value("maximum") == pytest.approx(0.5, abs=4e-5)
    span = float(np.nanmax(hr)) - float(np.nanmin(hr))
    assert result.mean.psnr == pytest.approx(20 * math.log10(span / 0.5), abs=1e-3)
    assert result.protocol["border"] == 0
    same = evaluate_clips([tmp_path / "a.nc"], EvaluateSpec(against=tmp_path / "a.nc"))
    assert same.mean.psnr == math.inf
    assert same.mean.ssim == pytest.approx(1)


def test_given_low_resolution_takes_the_place_of_degrading(tmp_path: Path) -> None:
    hr = _kelvin()
    path = _save(tmp_path / "a.nc", t=hr)
    dataset = xarray.open_dataset(path, decode_times=False)
    low = dataset.coarsen(lat=2, lon=2).mean(keep_attrs=True)
    low["t"].attrs["units"] = "K"
    low.to_netcdf(tmp_path / "low.nc")
    given = evaluate_clips(
        [path], EvaluateSpec(model="nearest", lr=tmp_path / "low.nc", metrics=("rmse",))
    )
    made = evaluate_clips([path], _spec(metrics=("rmse",)))
    assert given.mean.value("rmse") == pytest.approx(made.mean.value("rmse"), rel=1e-5)


@pytest.mark.parametrize("model", ["bicubic", "2d3d-fast"])
def test_scores_are_those_of_the_file_that_vsr_upscale_writes(tmp_path: Path, model: str) -> None:
    """Around the globe, over its poles and beside land: the whole of it, to its edges."""
    hr = _kelvin()
    hr[:, 8:14, 10:20] = np.nan
    path, low = _save(tmp_path / "a.nc", t=hr), tmp_path / "low.nc"
    with xarray.open_dataset(path, decode_times=False) as dataset:
        dataset.coarsen(lat=2, lon=2).mean(keep_attrs=True).to_netcdf(low)
    spec = _spec(model=model, domain=None, border=0, grid="sphere")
    upscale = UpscaleSpec(model=model, device="cpu")
    upscale_fields(low, tmp_path / "sr.nc", upscale, FieldSpec(variables=("t",)))
    written = EvaluateSpec(against=tmp_path / "sr.nc", metrics=PIXELWISE, border=0, grid="sphere")
    expected = evaluate_clips([path], written)
    for found in (
        evaluate_clips([path], spec),
        evaluate_clips(
            [path], replace(spec, lr=low, degradation=EvaluateSpec(model=model).degradation)
        ),
    ):
        for name in PIXELWISE:
            assert found.mean.value(name) == pytest.approx(
                expected.mean.value(name), rel=1e-4, abs=1e-4
            )


def test_levels_are_clips_and_sides_may_be_odd(tmp_path: Path) -> None:
    values = np.stack([_kelvin(0), _kelvin(1) * 2], 1)[..., :-1]
    dataset = xarray.Dataset({"t": (("time", "lev", "lat", "lon"), values, {"units": "K"})})
    dataset.to_netcdf(tmp_path / "a.nc")
    result = evaluate_clips([tmp_path / "a.nc"], _spec())
    assert [clip.name for clip in result.clips] == ["a.nc[lev=0]", "a.nc[lev=1]"]
    assert result.clips[1].value("rmse") > 1.5 * result.clips[0].value("rmse")
    assert result.mean.clips == 2
    assert result.mean.frames == 2 * STEPS


def test_flow_has_scores_of_each_component_and_a_vorticity(tmp_path: Path) -> None:
    u, v = _kelvin(0) - 280, _kelvin(1) - 280
    path = _save(tmp_path / "a.nc", u=u, v=v)
    spec = _spec(metrics=("rmse", "vorticity", "psnr"), variables=("u", "v"), border=0)
    result = evaluate_clips([path], spec)
    assert list(result.mean.values) == ["rmse_u", "rmse_v", "psnr_u", "psnr_v", "vorticity"]
    alone = evaluate_clips([path], _spec(metrics=("rmse",), variables=("v",), border=0))
    assert result.mean.value("rmse_v") == pytest.approx(alone.mean.value("rmse"), rel=1e-5)
    errors = []
    for number in range(STEPS):
        turns = [
            np.gradient(flow[1][number].astype(float), axis=1)
            - np.gradient(flow[0][number].astype(float), axis=0)  # rows go north
            for flow in ((u, v), (_by_hand(u), _by_hand(v)))
        ]
        errors.append(np.sqrt(((turns[1] - turns[0])[1:-1, 1:-1] ** 2).mean()))
    assert result.mean.value("vorticity") == pytest.approx(np.mean(errors), rel=1e-5)
    both = (min(float(u.min()), float(v.min())), max(float(u.max()), float(v.max())))
    assert result.clips[0].value_range == both
    assert result.protocol["metrics"]["vorticity"] == "vorticity RMSE m s-1/px"


def test_models_run_side_by_side_and_one_step_is_enough(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin()[:1])
    specs = [_spec(model=name) for name in ("nearest", "bicubic", "2d3d-fast")]
    results = compare_models([path], specs)
    alone = [evaluate_clips([path], spec) for spec in specs]
    assert [one.mean.values for one in results] == [one.mean.values for one in alone]
    assert len(to_json(results)["models"]) == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"t": _kelvin()[:3]}, "has 4 steps, but .*b.nc has 3"),
        ({"t": _kelvin()[..., :-2]}, "b.nc is 34x24, but .*a.nc is 36x24"),
        (
            {"t": np.where(np.arange(WIDTH) == 5, np.nan, _kelvin())},
            "24 places of step 0",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, NDArray[Any]], complaint: str
) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin())
    dims = ("time", "lat", "lon")
    (values,) = change.values()
    xarray.Dataset({"t": (dims, values, {"units": "K"})}, coords={"lat": LAT}).to_netcdf(
        tmp_path / "b.nc"
    )
    with pytest.raises(InputError, match=complaint):
        evaluate_clips([path], EvaluateSpec(against=tmp_path / "b.nc"))


def test_rows_and_units_that_differ_are_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin())
    with xarray.open_dataset(path, decode_times=False) as dataset:
        dataset.isel(lat=slice(None, None, -1)).to_netcdf(tmp_path / "turned.nc")
        dataset["t"].attrs["units"] = "degC"
        dataset.to_netcdf(tmp_path / "celsius.nc")
    for name, complaint in (
        ("turned.nc", "go opposite ways: turn one"),
        ("celsius.nc", "is in K, but .*celsius.nc is in degC"),
    ):
        with pytest.raises(InputError, match=complaint):
            evaluate_clips([path], EvaluateSpec(against=tmp_path / name))
    with pytest.raises(InputError, match="is in degC, the fields before it are in K"):
        evaluate_clips([path, tmp_path / "celsius.nc"], _spec())


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.full((2, HEIGHT, WIDTH), 3.0), "holds no value but 3: name a range"),
        (np.full((2, HEIGHT, WIDTH), np.nan), "holds no value: name a range"),
        (np.where(np.arange(WIDTH) == 5, np.inf, _kelvin()), "infinite values in step 0"),
    ],
)
def test_field_without_a_range_is_refused(
    tmp_path: Path, values: NDArray[Any], complaint: str
) -> None:
    path = _save(tmp_path / "a.nc", t=values)
    with pytest.raises(InputError, match=complaint):
        evaluate_clips([path], _spec())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"degradation": parse_degradation("blur:sigma=2")}, "made smaller and nothing else"),
        ({"channel": "rgb"}, "a field has no colour: leave --channel rgb out"),
        ({"variables": ("t", "t")}, "--variable is NAME, or U,V"),
        ({"value_range": (1.0, 1.0)}, "LOW below HIGH, got 1.0,1.0"),
        ({"metrics": ("vorticity",)}, "vorticity is that of a flow"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, settings: dict[str, Any], complaint: str
) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin())
    with pytest.raises(ValueError, match=complaint):
        evaluate_clips([path], _spec(**settings))


def test_grid_without_coordinates_is_no_sphere(tmp_path: Path) -> None:
    xarray.Dataset({"t": (("a", "b"), _kelvin()[0])}).to_netcdf(tmp_path / "a.nc")
    assert evaluate_clips([tmp_path / "a.nc"], _spec()).mean.frames == 1
    with pytest.raises(InputError, match="--grid sphere needs them"):
        evaluate_clips([tmp_path / "a.nc"], _spec(grid="sphere"))


def test_videos_and_fields_are_scored_apart(tmp_path: Path, make_clip: Any) -> None:
    path = _save(tmp_path / "a.nc", t=_kelvin())
    clip = make_clip(tmp_path / "a.mkv")
    with pytest.raises(ValueError, match="scored apart"):
        evaluate_clips([path, clip], _spec())
    with pytest.raises(ValueError, match="scored apart"):
        evaluate_clips([path], EvaluateSpec(against=clip))
    for words in ({"variables": ("t",)}, {"value_range": (0.0, 1.0)}):
        with pytest.raises(ValueError, match=r"belongs to fields \(.nc, .zarr\)"):
            evaluate_clips([clip], EvaluateSpec(model="bicubic", **words))


def test_real_temperature_scores_by_hand(shared_data: Path) -> None:
    path = shared_data / "climate" / "t_in_Celsius_1.nc"
    result = evaluate_clips([path], _spec(grid="sphere", border=0, metrics=("rmse",)))
    with xarray.open_dataset(path, decode_times=False) as dataset:
        hr, lat = dataset["tC"].to_numpy().astype(float), dataset["lat"].to_numpy()
    means = hr.reshape(40, 48, 2, 96, 2).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    edges = np.array([90, *((lat[1:] + lat[:-1]) / 2), -90])
    weights = -np.diff(np.sin(np.deg2rad(edges)))
    square = np.average(((means - hr) ** 2).mean(2), axis=1, weights=weights)
    assert result.mean.value("rmse") == pytest.approx(np.sqrt(square).mean(), rel=1e-5)
    assert result.units is not None
    assert result.units.value == "degC"


def test_real_currents_have_land(shared_data: Path) -> None:
    paths = sorted((shared_data / "climate" / "globcurrent").glob("*.nc"))[:2]
    names = ("eastward_eulerian_current_velocity", "northward_eulerian_current_velocity")
    metrics: tuple[MetricName, ...] = ("rmse", "vorticity", "ssim")
    spec = EvaluateSpec(model="bicubic", variables=names, metrics=metrics, grid="sphere")
    result = evaluate_clips(paths, spec)
    assert result.clips[0].missing == pytest.approx(0.22, abs=0.02)
    for value in result.mean.values.values():
        assert value is not None
        assert math.isfinite(value)
    assert result.mean.value("vorticity") < 1e-5  # of eddies of some 1e-5 s-1
