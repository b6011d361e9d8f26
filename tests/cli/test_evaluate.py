"""vsr eval: words to a spec, scores to stdout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.cli.evaluate import evaluate
from vsr_cli.cli.upscale import upscale
from vsr_cli.media import write_png

MODEL = ("--model", "bicubic", "--device", "cpu")


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, args)])


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """A folder with two pictures of gray noise."""
    folder = tmp_path / "stills"
    folder.mkdir()
    noise = np.random.default_rng(1)
    for name in ("a.png", "b.png"):
        write_png(folder / name, noise.integers(0, 256, (32, 36), np.uint8))
    return folder


def test_table_has_a_row_for_each_clip_and_the_mean(stills: Path) -> None:
    result = _run(stills, *MODEL)
    assert result.exit_code == 0, result.output
    for text in ("PSNR dB", "SSIM", "MSE", "a.png", "b.png", "mean of 2"):
        assert text in result.stdout
    assert "2/2" in result.stderr
    assert "bicubic x2 on cpu, fp32" in result.stderr


CHAIN = "fsrcnn+refine3d"  # whose second network has weights of simulations alone


def test_each_of_several_models_is_named_with_its_domain(stills: Path) -> None:
    models = [word for name in (CHAIN, "fsrcnn", "bicubic") for word in ("--model", name)]
    result = _run(stills / "a.png", *models, "--device", "cpu", "--precision", "fp32", "--json")
    assert result.exit_code == 0, result.output
    told = f"{CHAIN} (climate), fsrcnn (natural), bicubic x2 on cpu, fp32"
    assert told in result.stderr.splitlines()
    models_told = json.loads(result.stdout)["models"]
    assert [one["protocol"]["domain"] for one in models_told] == ["climate", "natural", None]


def test_one_model_is_named_with_its_domain(stills: Path) -> None:
    result = _run(stills / "a.png", "--model", "fsrcnn", "--device", "cpu", "--precision", "fp32")
    assert "fsrcnn x2 (natural weights) on cpu, fp32" in result.stderr.splitlines()


def test_table_of_one_clip_has_no_mean(stills: Path) -> None:
    assert "mean" not in _run(stills / "a.png", *MODEL).stdout


def test_identical_files_show_inf(stills: Path) -> None:
    result = _run(stills, "--against", stills)
    assert result.exit_code == 0, result.output
    assert result.stdout.count(" inf ") == 3
    assert "1.00000" in result.stdout


def test_json_is_one_document_on_stdout(stills: Path) -> None:
    result = _run(stills, *MODEL, "--json")
    document = json.loads(result.stdout)
    assert document.keys() == {"clips", "mean", "protocol", "warnings"}
    assert document["clips"][0].keys() == {"name", "frames", "psnr", "ssim", "mse", "per_frame"}
    assert document["mean"].keys() >= {"psnr", "ssim", "mse"}
    expected = "model scale domain degradation border color bits rounding device precision version"
    assert document["protocol"].keys() >= {*expected.split(), "weights"}
    assert document["protocol"]["model"] == "bicubic"
    assert document["protocol"]["border"] == document["protocol"]["scale"] == 2
    assert document["protocol"]["weights"] == []


def test_degradation_stands_below_the_table_and_in_the_document(stills: Path) -> None:
    chain = ("--degradation", "blur:sigma=1.20+jpeg:quality=50")
    plain, shown = _run(stills, *MODEL), _run(stills, *MODEL, *chain)
    assert plain.stdout.splitlines()[-1] == "degradation: bicubic"
    assert shown.stdout.splitlines()[-1] == "degradation: blur:sigma=1.2+bicubic+jpeg:quality=50"
    document = json.loads(_run(stills, *MODEL, *chain, "--json").stdout)
    name = document["protocol"]["degradation_chain"]
    assert f"degradation: {name}" == shown.stdout.splitlines()[-1]
    assert "degradation" not in _run(stills, "--against", stills).stdout


def test_json_has_null_for_an_infinite_psnr(stills: Path) -> None:
    result = _run(stills / "a.png", "--against", stills / "a.png", "--json")
    document = json.loads(result.stdout)
    assert document["mean"]["psnr"] is None
    assert document["mean"]["mse"] == 0
    assert document["protocol"]["model"] is None
    assert document["protocol"]["border"] == 0


def test_quiet_leaves_stderr_empty(stills: Path) -> None:
    assert _run(stills, *MODEL, "--quiet").stderr == ""


def test_quiet_hides_no_warning(stills: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("x.png", "y.png"):
        (other / name).write_bytes((stills / "a.png").read_bytes())
    result = _run(stills, "--against", other, "--quiet")
    assert result.exit_code == 0, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "matched in order of names" in line


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("", 2, "give either --model NAME or --against FILE, got neither"),
        ("--model bicubic --against a.png", 2, "got both"),
        ("--against a.png --domain climate", 2, "--domain belongs to --model"),
        ("--model bicubic --degradation tea", 2, "has no step 'tea': known are bicubic, area"),
        (
            "--model bicubic --degradation h264",
            2,
            "degradation h264 needs a value: h264:crf=NUMBER;",
        ),
        ("--against a.png --degradation area", 2, "--degradation belongs to --model"),
        ("--model tea", 2, "unknown model 'tea'"),
        ("--model bicubic --scale 17", 2, "bicubic has no scale 17"),
        ("--model bicubic --border 16", 2, "border must be in 0..15"),
        ("--model bicubic --metric lpips", 2, "download.pytorch.org/models/alexnet-owt-7be5be79"),
        ("--model bicubic --lpips-weights a.pth", 2, "belongs to --metric lpips"),
        ("--model bicubic --metric lpips --lpips-weights a.pth", 1, "a.pth does not exist"),
        ("--model bicubic --value-range 5", 2, "it is LOW,HIGH (-40,40), got '5'"),
        ("--model bicubic --value-range 5,1", 2, "LOW below HIGH, got 5.0,1.0"),
        ("--model bicubic --variable T", 2, "--variable belongs to fields (.nc, .zarr)"),
        ("--model bicubic --variable u,,v", 2, "names with commas between them, got 'u,,v'"),
        ("--model bicubic --metric vorticity", 2, "give a field and --variable U,V"),
        ("--model bicubic --lr missing", 1, "missing does not exist"),
        ("--model fsrcnn --weights missing.safetensors", 1, "does not exist"),
        ("--against missing.mkv", 1, "missing.mkv does not exist"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    stills: Path, words: str, code: int, complaint: str
) -> None:
    result = _run(stills / "a.png", "--quiet", *words.split())
    assert result.exit_code == code
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_model_options_are_those_of_upscale() -> None:
    """The same words for the same thing; --model is repeatable here, --scale has a default."""
    scored, upscaled = ({option.name: option for option in c.params} for c in (evaluate, upscale))
    shared = scored.keys() & upscaled.keys() - {"as_json", "quiet", "overwrite"}
    shared -= {"variables", "value_range"}  # of fields; here U,V are the components of one flow
    assert len(shared) == 10
    for name in shared:
        found, expected = (options[name].to_info_dict() for options in (scored, upscaled))
        if name == "device":  # of which only a clip to be written may have several
            assert "cuda:0,cuda:1" in expected["help"]
            assert found["help"] == "auto, cpu, cuda or cuda:N."
            found["help"] = expected["help"]
        if name == "scale":  # which a size may choose, and which may be 1.5
            found["help"], found["type"] = expected["help"], expected["type"]
        default = {"scale": None}.get(name, found["default"])
        assert expected == {**found, "default": default}


def test_missing_truth_is_exit_code_1(tmp_path: Path) -> None:
    result = _run(tmp_path / "no.mkv", *MODEL)
    assert result.exit_code == 1
    assert "no.mkv does not exist" in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_truth_is_a_usage_error() -> None:
    assert _run(*MODEL).exit_code == 2


def test_folder_without_clips_is_exit_code_1(tmp_path: Path) -> None:
    result = _run(tmp_path, *MODEL)
    assert result.exit_code == 1
    assert "holds neither clips nor stills" in result.stderr


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A picture of a bright disc of 40.6 pixels."""
    y, x = np.mgrid[:64, :72] - np.array([30.7, 36.2])[:, None, None]
    level = np.clip(20.3 - np.hypot(x, y) + 0.5, 0, 1)
    write_png(tmp_path / "disc.png", np.round(20 + 180 * level).astype(np.uint8))
    return tmp_path / "disc.png"


def test_outline_adds_diameter_and_area(disc: Path) -> None:
    result = _run(disc, *MODEL, "--outline", "level")
    assert result.exit_code == 0, result.output
    for text in ("diameter", "area", "error", "40."):
        assert text in result.stdout
    assert "diameter" not in _run(disc, *MODEL).stdout
    document = json.loads(_run(disc, *MODEL, "--outline", "canny", "--json").stdout)
    assert document["protocol"]["outline"] == "canny"
    outline = document["clips"][0]["outline"]
    assert outline["diameter"] == pytest.approx(40.6, abs=0.7)
    assert outline == document["mean"]["outline"]


def test_lpips_is_by_the_weights_that_are_given(stills: Path, tmp_path: Path) -> None:
    """A narrow network under torchvision's names, and its heads in a file of their own."""
    tensors, channels = {}, 3
    for number, side in ((0, 11), (3, 5), (6, 3), (8, 3), (10, 3)):
        tensors[f"features.{number}.weight"] = torch.randn(4, channels, side, side) / side
        tensors[f"features.{number}.bias"] = torch.zeros(4)
        channels = 4
    torch.save(tensors, tmp_path / "alexnet.pth")
    heads = {f"lin{index}.model.1.weight": torch.ones(1, 4, 1, 1) for index in range(5)}
    torch.save(heads, tmp_path / "alex.pth")
    words = ("--metric", "lpips", "--border", 0, "--lpips-weights", tmp_path / "alexnet.pth")
    half = _run(stills, *MODEL, *words, "--quiet")
    assert half.exit_code == 1
    assert "lacks the heads of the package lpips" in half.stderr
    models = ("--model", "nearest", "--lpips-weights", tmp_path / "alex.pth", "--json")
    result = _run(stills, *MODEL, *words, *models)
    assert result.exit_code == 0, result.output
    for model in json.loads(result.stdout)["models"]:
        assert model["mean"]["lpips"] > 0
        assert model["protocol"]["lpips"] == "AlexNet"
        assert model["protocol"]["metrics"] == {"lpips": "LPIPS"}


def test_vmaf_without_a_program_is_one_line(
    stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = _run(stills, *MODEL, "--metric", "vmaf", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "VMAF needs an ffmpeg with libvmaf on the PATH, there is none" in result.stderr
    assert result.stdout == ""


def test_field_is_scored_in_its_unit(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
    values = -40 + np.random.default_rng(0).random((2, 24, 24))
    dims = ("time", "y", "x")
    field = xarray.Dataset({"t": (dims, values, {"units": "degC"}), "u": (dims, values)})
    field.to_netcdf(tmp_path / "a.nc")
    words = (*MODEL, "--variable", "t", "--value-range", "-42,42", "--metric", "rmse")
    result = _run(tmp_path / "a.nc", *words)
    assert result.exit_code == 0, result.output
    assert "RMSE degC" in result.stdout
    assert json.loads(_run(tmp_path / "a.nc", *words, "--json").stdout)["protocol"][
        "value_range"
    ] == [-42.0, 42.0]
    several = _run(tmp_path / "a.nc", *MODEL, "--quiet")
    assert several.exit_code == 1
    assert several.stderr.count("\n") == 1
    assert several.stderr.endswith("choose one with --variable: t, u\n")


@pytest.mark.parametrize("method", ["level", "canny"])
def test_picture_without_outline_is_exit_code_2(stills: Path, method: str) -> None:
    result = _run(stills / "a.png", "--against", stills / "a.png", "--quiet", "--outline", method)
    assert result.exit_code == 2
    assert "a.png" in result.stderr
    assert "outline" in result.stderr
    assert result.stderr.count("\n") == 1
