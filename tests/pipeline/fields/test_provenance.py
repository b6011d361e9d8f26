"""The line of a result's history: with its options the same command gives the same values."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vsr_cli.models.weights import file_sha256, weights_folder
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.specs import FieldSpec, UpscaleSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")


def _make(path: Path) -> Path:
    values = np.random.default_rng(5).normal(size=(2, 16, 24)).astype(np.float32)
    lat, lon = np.linspace(60, 30, 16), np.linspace(0, 46, 24)
    coords = {"time": [0, 1], "lat": ("lat", lat, {"units": "degrees_north"})}
    coords["lon"] = ("lon", lon, {"units": "degrees_east"})
    dims = ("time", "lat", "lon")
    dataset = xarray.Dataset({"u": (dims, values), "v": (dims, 2 * values)}, coords=coords)
    dataset.to_netcdf(path)
    return path


def _options(path: Path) -> str:
    with xarray.open_dataset(path) as found:
        return str(found.attrs["history"]).splitlines()[0].partition(": upscale ")[2]


def test_history_names_what_changes_values(tmp_path: Path) -> None:
    spec = UpscaleSpec(model="2d3d", device="cpu", precision="bf16", consistency=2)
    fields = FieldSpec(
        variables=("u", "v"),
        value_range=(-8, 8.5),
        boundary="replicate",
        conserve="mean",
        window="none",
    )
    upscale_fields(_make(tmp_path / "in.nc"), tmp_path / "out.nc", spec, fields)
    assert _options(tmp_path / "out.nc") == (
        "--model fsrcnn --scale 2 --variable u --variable v --domain climate --precision bf16 "
        "--consistency 2 --value-range -8,8.5 --boundary replicate --conserve mean --window none"
    )


def test_history_names_the_only_variable_and_own_weights(tmp_path: Path) -> None:
    own = tmp_path / "my own.safetensors"
    shutil.copy(weights_folder() / "fsrcnn_x2_natural.safetensors", own)
    with xarray.open_dataset(_make(tmp_path / "in.nc")) as both:
        both[["u"]].to_netcdf(tmp_path / "one.nc")
    spec = UpscaleSpec(model="fsrcnn", weights=(own,), device="cpu")
    upscale_fields(tmp_path / "one.nc", tmp_path / "out.nc", spec)
    assert _options(tmp_path / "out.nc") == (
        f"--model fsrcnn --scale 2 --variable u --weights '{own}' --precision fp32 "
        f"(SHA-256: fsrcnn {file_sha256(own)})"
    )


def test_options_of_the_history_give_the_same_values(tmp_path: Path) -> None:
    first, again = tmp_path / "first.nc", tmp_path / "again.nc"
    fields = FieldSpec(variables=("v",), value_range=(-0.1, 1 / 3), conserve="mean")
    source = _make(tmp_path / "in.nc")
    upscale_fields(source, first, UpscaleSpec(model="2d3d-fast", device="cpu"), fields)
    options = shlex.split(_options(first))
    command = [sys.executable, "-m", "vsr_cli", "upscale", str(source), str(again), "--quiet"]
    subprocess.run([*command, "--device", "cpu", *options], check=True)
    with xarray.open_dataset(first) as one, xarray.open_dataset(again) as two:
        assert np.array_equal(one["v"], two["v"])
        assert one["v"].attrs["vsr_value_range"].tolist() == [-0.1, 1 / 3]
