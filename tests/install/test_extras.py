"""Each extra alone, beside the core: it can be installed, and does the smallest of its jobs."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import xarray

from vsr_cli.fields import open_fields
from vsr_cli.media.codec_trial import moving_picture, write_clip

if TYPE_CHECKING:
    from tests.install.conftest import Environment

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.install, pytest.mark.soak]  # tens of seconds, and downloads, for each
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def _fields(here: Environment) -> None:
    steps, rows, columns = 6, 8, 12
    values = torch.rand(steps, rows, columns).numpy()
    axes = {"time": range(steps), "lat": range(rows), "lon": range(columns)}
    field = xarray.Dataset({"TS": (("time", "lat", "lon"), values)}, coords=axes)
    field.to_netcdf(here.work / "a.nc")
    here.run("vsr", "upscale", "a.nc", "b.nc", "--model", "bicubic", "--quiet")
    here.run("vsr", "upscale", "a.nc", "b.zarr", "--model", "bicubic", "--quiet")
    for name in ("b.nc", "b.zarr"):
        with open_fields(here.work / name) as opened:
            assert opened is not None


def _report(here: Environment) -> None:
    here.run("vsr", "eval", "in.mp4", "--model", "bicubic", "--report", "out", "--quiet")
    assert (here.work / "out" / "index.html").is_file()


def _onnx(here: Environment) -> None:
    here.run("vsr", "export", "fsrcnn", "f.onnx", "--scale", "2")
    assert (here.work / "f.onnx").stat().st_size > 40_000


def _cluster(here: Environment) -> None:
    (here.work / "clips").mkdir()
    shutil.copy(here.work / "in.mp4", here.work / "clips")
    here.run("vsr", "batch", "clips", "sr", "--model", "bicubic", "--workers", "1", "--quiet")
    assert (here.work / "sr" / "in.mp4").is_file()


SMALL = ("--size", "64x32", "--frames", "2", "--spinup-hours", "0")


def _simulate(here: Environment) -> None:
    here.run("vsr", "simulate", "shallow-water", "t.mkv", *SMALL, "--quiet")
    assert (here.work / "t.mkv").is_file()


def _tensorboard(here: Environment) -> None:
    options = ["--data", "in.mp4", "--steps", "1", "--patch", "16", "--tensorboard", "log"]
    here.run("vsr", "train", "fsrcnn", "f.safetensors", *options, "--quiet")
    assert [*(here.work / "log").rglob("events.out.*")]


OUTSIDE = ("--model", "spandrel", "--weights", "w.pth")


def _spandrel(here: Environment) -> None:
    torch.save({"no": torch.zeros(1)}, here.work / "w.pth")
    said = here.run("vsr", "upscale", "in.mp4", "o.mp4", *OUTSIDE, "--quiet", code=1)
    assert "not installed" not in said
    assert "spandrel" in said


JOBS: dict[str, Callable[[Environment], None]] = {
    "fields": _fields,
    "report": _report,
    "onnx": _onnx,
    "cluster": _cluster,
    "simulate": _simulate,
    "tensorboard": _tensorboard,
    "spandrel": _spandrel,
}


def test_every_extra_has_a_job() -> None:
    assert {*JOBS} == EXTRAS.keys() - {"dev"}


@pytest.mark.parametrize("extra", [*JOBS])
def test_extra_alone_does_its_job(
    extra: str, core: Environment, wheel: Path, tmp_path: Path
) -> None:
    here = type(core).make(tmp_path)
    # The core is seen, and stays as it is: torch takes longer to install than all extras.
    (here.packages / "core.pth").write_text(f"{core.packages}\n")
    here.install("--no-deps", "--force-reinstall", wheel)
    here.install(f"vsr-cli[{extra}] @ {wheel.as_uri()}")
    write_clip(here.work / "in.mp4", list(moving_picture(64, 48, 6)))
    JOBS[extra](here)
    program = "import sys, json; from vsr_cli.doctor.extras import find_extras; "
    program += "print(json.dumps({f.name: f.detail * (not f.is_ok) for f in find_extras()}))"
    found = json.loads(here.run("python", "-c", program))
    if "torchvision::nms" in found[f"[{extra}]"] and torch.version.cuda is None:
        said = here.run("vsr", "upscale", "in.mp4", "o.mp4", *OUTSIDE, "--quiet", code=1)
        assert said.startswith("Error: spandrel is broken: ")
        pytest.skip("this torch is for the CPU alone, and the index has torchvision with CUDA")
    assert found[f"[{extra}]"] == ""
