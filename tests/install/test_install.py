"""The wheel and the sdist, installed where nothing else is; .ci/run runs this once."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli import __version__
from vsr_cli.media.codec_trial import moving_picture, write_clip
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec

if TYPE_CHECKING:
    from tests.install.conftest import Environment

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.install
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _luma(path: Path) -> NDArray[np.uint8]:
    """(T, H, W), by PyAV alone."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="gray") for f in container.decode(video=0)])


def _names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[\w-]+", line) for line in requirements)
    return {match[0].lower() for match in found if match}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    write_clip(path, list(moving_picture(64, 48, 6)))
    return path


def _do_main_job(environment: Environment, clip: Path, tmp_path: Path) -> None:
    """Upscale a clip with the released weights, to the frames that this tree gives."""
    target = tmp_path / "installed.mkv"
    said = environment.run("vsr", "upscale", clip, target, "--codec", "ffv1", "--json", "--quiet")
    assert json.loads(said)["model"] == "fsrcnn+srnet3d"
    upscale_video(clip, tmp_path / "tree.mkv", encoding=EncodingSpec(codec="ffv1"))
    luma = _luma(target)
    assert luma.shape == (6, 96, 128)
    assert np.array_equal(luma, _luma(tmp_path / "tree.mkv"))
    assert environment.run("vsr", "--version") == f"vsr, version {__version__}\n"
    place = environment.run("python", "-c", "import vsr_cli; print(vsr_cli.__file__)")
    assert Path(place.strip()).is_relative_to(environment.packages)


def test_wheel_does_the_main_job(core: Environment, clip: Path, tmp_path: Path) -> None:
    _do_main_job(core, clip, tmp_path)


def test_core_pulls_no_extra(core: Environment) -> None:
    listed = core.pip("list", "--format", "freeze")
    there = _names(listed.splitlines())
    extras = PROJECT["optional-dependencies"]
    optional = set().union(*(_names(lines) for lines in extras.values())) - {"vsr-cli"}
    assert {"torch", "av", "numpy", "vsr-cli"} <= there
    assert not there & optional
    assert "No broken requirements" in core.pip("check")


def test_missing_extra_is_one_line_with_its_name(core: Environment) -> None:
    (core.work / "a.nc").touch()
    said = core.run("vsr", "upscale", "a.nc", "b.nc", code=1)
    assert said == 'Error: xarray is not installed; try: pip install "vsr-cli[fields]"\n'


def test_doctor_finds_all_but_the_extras(core: Environment) -> None:
    document = json.loads(core.run("vsr", "doctor", "--json"))
    assert document["can_upscale"]
    released = {f["name"]: f["ok"] for f in document["findings"] if f["area"] == "weights"}
    files = (ROOT / "weights").glob("*.safetensors")
    assert released == dict.fromkeys((path.name for path in files), True)
    extras = {f["name"]: f["ok"] for f in document["findings"] if f["area"] == "extra"}
    names = {f"[{name}]" for name in PROJECT["optional-dependencies"]} - {"[dev]"}
    assert extras == dict.fromkeys(names, False)


def test_sdist_gives_the_same_package(
    core: Environment, sdist: Path, clip: Path, tmp_path: Path
) -> None:
    def files() -> dict[str, bytes]:
        package = core.packages / "vsr_cli"
        paths = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {path.relative_to(package).as_posix(): path.read_bytes() for path in paths}

    from_wheel = files()
    assert {"_weights/manifest.toml", "report/page.css", "py.typed"} <= from_wheel.keys()
    core.pip("uninstall", "--yes", "vsr-cli")
    shutil.rmtree(core.packages / "vsr_cli", ignore_errors=True)
    core.install("--no-deps", sdist)
    assert files() == from_wheel
    _do_main_job(core, clip, tmp_path)
