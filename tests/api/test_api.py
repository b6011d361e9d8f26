"""The public API: its names, its examples, and that its numbers are those of the command line."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

import vsr_cli
from vsr_cli.api import calls, evaluate, load_model, model, upscale
from vsr_cli.api.model import exact
from vsr_cli.cli import main
from vsr_cli.frames import Frame
from vsr_cli.imaging.resample import resize
from vsr_cli.media.codec_trial import moving_picture, write_clip
from vsr_cli.specs import EncodingSpec, EvaluateSpec, FieldSpec, UpscaleSpec

Clip = Callable[..., Path]


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which in.mp4 lies: 64x48, six frames, lossless."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", list(moving_picture(64, 48, 6)), "ffv1")
    return tmp_path


def _decoded(path: Path) -> NDArray[np.uint8]:
    """The luma of a file by PyAV alone, (T, H, W)."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames)


@pytest.mark.parametrize("name", vsr_cli.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(vsr_cli, name) is not None
    assert name in dir(vsr_cli)
    assert inspect.getdoc(getattr(vsr_cli, name))


def test_names_are_stable() -> None:
    """Who removes one of these breaks scripts."""
    assert {
        *("upscale", "load_model", "evaluate", "open_reader", "open_writer", "shown_rgb"),
        *("upscale_video", "evaluate_clips", "resume_video", "compare_videos"),
        *("upscale_on_devices", "keep_freed_memory"),
        *("UpscaleSpec", "EncodingSpec", "DecodingSpec", "EvaluateSpec", "FieldSpec"),
        *("Frame", "ClipInfo", "UpscalingModel", "VsrError", "__version__"),
    } == {*vsr_cli.__all__}


EXAMPLES = [
    test
    for module in (calls, model)
    for test in doctest.DocTestFinder().find(module, extraglobs={"vsr_cli": vsr_cli})
    if test.examples
]


def test_the_examples_are_found() -> None:
    names = {test.name.rpartition(".")[2] for test in EXAMPLES}
    assert names == {"upscale", "evaluate", "load_model", "upscale_frames", "upscale_array"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name.rpartition(".")[2])
@pytest.mark.usefixtures("in_folder")
def test_example_runs(example: doctest.DocTest) -> None:
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert said == []


@pytest.mark.parametrize("call", [upscale, load_model, evaluate])
def test_defaults_are_those_of_the_settings(call: Callable[..., object]) -> None:
    defaults = {field.name: field.default for field in fields(EvaluateSpec)}
    if call is not evaluate:
        defaults = {field.name: field.default for field in fields(UpscaleSpec)}
    parameters = inspect.signature(call).parameters
    shared = {name for name in parameters if name in defaults}
    assert len(shared) >= 8
    for name in shared - {"degradation"}:  # a text here, a DegradationSpec there
        assert parameters[name].default == defaults[name], name


def test_upscale_writes_what_the_command_writes(in_folder: Path) -> None:
    lossless = EncodingSpec(codec="ffv1")
    report = upscale("in.mp4", "api.mkv", model="2d3d", scale=2, encoding=lossless)
    assert report.model == "fsrcnn+srnet3d"
    command = ["upscale", "in.mp4", "cli.mkv", "--model", "2d3d", "--codec", "ffv1"]
    assert CliRunner().invoke(main, command).exit_code == 0
    api, cli = _decoded(in_folder / "api.mkv"), _decoded(in_folder / "cli.mkv")
    assert api.shape == (6, 96, 128)
    assert np.array_equal(api, cli)


def test_loop_of_ones_own_writes_what_upscale_writes(in_folder: Path) -> None:
    upscale("in.mp4", "one.mkv", model="2d3d", encoding=EncodingSpec(codec="ffv1"))
    networks = load_model("2d3d")
    assert networks.reach == 2
    with vsr_cli.open_reader("in.mp4") as clip:
        info = networks.output_info(clip.info)
        with vsr_cli.open_writer("two.mkv", info, EncodingSpec(codec="ffv1")) as writer:
            for frame in networks.upscale_frames(clip, clip.info):
                writer.write(frame)
    assert np.array_equal(_decoded(in_folder / "one.mkv"), _decoded(in_folder / "two.mkv"))


def test_model_can_be_used_again_and_again(in_folder: Path) -> None:
    clip = _decoded(in_folder / "in.mp4")
    networks = load_model("2d3d-fast")
    first, second = networks.upscale_array(clip), networks.upscale_array(clip)
    assert np.array_equal(first, second)
    assert np.array_equal(first, load_model("2d3d-fast").upscale_array(clip))


def test_array_gives_the_luma_of_the_file(in_folder: Path) -> None:
    upscale("in.mp4", "sr.mkv", model="2d3d-fast", encoding=EncodingSpec(codec="ffv1"))
    planes = [frame.planes[0].numpy() for frame in _read(in_folder / "in.mp4")]
    result = load_model("2d3d-fast").upscale_array(np.stack(planes))
    written = [frame.planes[0].numpy() for frame in _read(in_folder / "sr.mkv")]
    assert np.array_equal(result, np.stack(written))


def _read(path: Path) -> list[Frame]:
    with vsr_cli.open_reader(path) as reader:
        return list(reader)


def test_floats_and_codes_agree_to_rounding() -> None:
    codes = np.random.default_rng(1).integers(0, 256, (3, 20, 24), dtype=np.uint8)
    networks = load_model("fsrcnn", precision="fp32")
    floats = networks.upscale_array(codes / 255)
    assert floats.dtype == np.float32
    assert floats.min() >= 0
    assert floats.max() <= 1
    assert np.array_equal(np.round(floats * 255), networks.upscale_array(codes))
    deep = networks.upscale_array(codes.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 65535 - floats).max() <= 0.51 / 65535


def test_colours_keep_their_order() -> None:
    """Each channel by itself is what the whole gives, by a second way through the kernel."""
    picture = np.random.default_rng(2).random((1, 17, 23, 3))
    result = load_model("bicubic", scale=3).upscale_array(picture)
    assert result.shape == (1, 51, 69, 3)
    for channel in range(3):
        plane = torch.from_numpy(picture[0, ..., channel])[None, None]
        expected = resize(plane, height=51, width=69).clamp(0, 1)[0, 0].numpy()
        assert np.abs(result[0, ..., channel] - expected).max() < 1e-5


def test_windows_end_at_a_cut() -> None:
    """Frames on one side of a cut do not depend on the other side."""
    rng = np.random.default_rng(3)
    first, second, third = (rng.integers(0, 256, (2, 16, 24), dtype=np.uint8) for _ in range(3))
    first[:], second[:], third[:] = first[0], second[0], third[0]
    networks = load_model("2d3d")
    one = networks.upscale_array(np.concatenate([first, second]))
    other = networks.upscale_array(np.concatenate([first, third]))
    assert np.array_equal(one[:2], other[:2])
    uncut = load_model("2d3d", scene_threshold=0).upscale_array(np.concatenate([first, second]))
    assert not np.array_equal(one[1], uncut[1])


def test_scale_between_two_whole_numbers() -> None:
    assert (exact(1.1), exact(2.0), exact(Fraction(3, 2))) == (Fraction(11, 10), 2, Fraction(3, 2))
    networks = load_model("fsrcnn", scale=1.5)
    assert networks.scale == 2
    assert networks.upscale_array(np.zeros((1, 20, 30), np.uint8)).shape == (1, 30, 45)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (np.zeros((4, 5)), "one picture is clip"),
        (np.zeros((0, 4, 5)), "with something in it"),
        (np.zeros((1, 4, 5, 4)), "got (1, 4, 5, 4)"),
        (np.zeros((1, 4, 5), np.int32), "got int32"),
        (np.full((1, 4, 5), 280.0), "got 280 to 280"),
        (np.full((1, 4, 5), np.nan), "lie in [0, 1]"),
    ],
)
def test_array_that_is_no_clip_is_refused(clip: NDArray[np.float64], words: str) -> None:
    with pytest.raises(ValueError, match="clip") as caught:
        load_model("bicubic").upscale_array(clip)
    assert words in str(caught.value)


@pytest.mark.usefixtures("in_folder")
def test_frame_of_another_clip_is_refused() -> None:
    networks, frames = load_model("bicubic"), _read(Path("in.mp4"))
    with vsr_cli.open_reader("in.mp4") as clip:
        other = networks.output_info(clip.info)
    with pytest.raises(ValueError, match="planes must be"):
        list(networks.upscale_frames(frames, other))


@pytest.mark.usefixtures("in_folder")
def test_settings_for_the_other_kind_of_file_are_refused() -> None:
    with pytest.raises(ValueError, match="fields is not for it"):
        upscale("in.mp4", "o.mkv", fields=FieldSpec())
    with pytest.raises(ValueError, match="encoding is not for it"):
        upscale("in.nc", "o.nc", encoding=EncodingSpec())
    with pytest.raises(ValueError, match="width and height"):
        vsr_cli.UpscalingModel(UpscaleSpec(width=100))
    with pytest.raises(ValueError, match="chroma must be"):
        load_model("bicubic", chroma="blue")
    with pytest.raises(TypeError, match="modle"):
        upscale("in.mp4", "o.mkv", modle="bicubic")  # type: ignore[call-arg]


def test_fields_are_upscaled_too(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    values = np.random.default_rng(4).random((6, 10, 12)).cumsum(axis=0)
    coords = {"time": np.arange(6.0), "lat": np.linspace(-45, 45, 10), "lon": np.arange(12) * 30.0}
    data = xarray.DataArray(values, coords, ("time", "lat", "lon"), name="TS")
    data.to_dataset().to_netcdf(tmp_path / "a.nc")
    report = upscale(tmp_path / "a.nc", tmp_path / "b.nc", model="bicubic", scale=2)
    assert report.frames == 6
    with xarray.open_dataset(tmp_path / "b.nc") as finer:
        assert finer["TS"].shape == (6, 20, 24)


@pytest.mark.usefixtures("in_folder")
def test_evaluation_is_that_of_the_command() -> None:
    scores = evaluate(["in.mp4"], model="bicubic", degradation="area", metrics=["psnr", "mae"])
    assert scores.protocol["degradation_chain"].startswith("area")
    with pytest.raises(ValueError, match="against"):
        evaluate("in.mp4")
    upscale("in.mp4", "same.mkv", model="bicubic", scale=1, encoding=EncodingSpec(codec="ffv1"))
    assert evaluate("in.mp4", against="same.mkv").mean.mse == 0


def test_every_place_holds_the_name() -> None:
    for name, place in vsr_cli._PLACES.items():
        assert getattr(import_module(place), name) is getattr(vsr_cli, name)
