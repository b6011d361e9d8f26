"""The examples run, and what they need lies beside them."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from vsr_cli.media import open_reader, open_writer, read_still
from vsr_cli.metrics import MeanScores
from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, find_released, read_weights, save_weights
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.simulate.droplets import simulate_droplets_to_file
from vsr_cli.pipeline.simulate.grey_video import GRAY
from vsr_cli.specs import DropletSpec, EvaluateSpec

EXAMPLES = Path(__file__).parents[1] / "examples"
MEGABYTE = 1_000_000
Clip = Callable[..., Path]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports an example, whose name need not be an identifier."""

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, ...]:
    """Random weights of both networks."""
    torch.manual_seed(3)
    paths = []
    for name in ("fsrcnn", "srnet3d"):
        spec = get_spec(name)
        module = spec.build(2 if 2 in spec.scales else 1, True)
        paths.append(tmp_path / f"{name}.safetensors")
        save_weights(paths[-1], module, WeightRecord(arch=name, scale=2, window=spec.window))
    return tuple(paths)


@pytest.mark.parametrize(
    ("name", "size", "limit"),
    [("jet_320x160.mp4", (320, 160), MEGABYTE), ("jet_640x320_truth.mkv", (640, 320), MEGABYTE)],
)
def test_demo_clip_is_small_and_whole(name: str, size: tuple[int, int], limit: int) -> None:
    assert (EXAMPLES / name).stat().st_size < limit
    with open_reader(EXAMPLES / name) as reader:
        assert (reader.info.width, reader.info.height) == size
        assert sum(1 for _ in reader) == 60


def test_demo_clip_is_its_degraded_truth(load: Any, tmp_path: Path) -> None:
    maker, demo = load("make_demo_clip"), load("01_demo")
    low, truth = maker.write_clips(demo.TRUTH, tmp_path, 3)
    for made, kept in ((low, demo.CLIP), (truth, demo.TRUTH)):
        frames = list(demo.read_luma(made))
        assert len(frames) == 3
        assert np.array_equal(frames[2], demo.read_frame(kept, 2))


def test_demo_upscales_scores_and_draws(
    load: Any, tmp_path: Path, weights: tuple[Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    demo = load("01_demo")
    low, truth = _tiny_clips(load("make_demo_clip"), tmp_path)
    picture = tmp_path / "demo.png"
    scores = demo.run_demo(low, truth, tmp_path / "output", picture, weights=weights)
    assert list(scores) == ["bicubic", "fsrcnn", "2d3d"]
    scored = demo.evaluate_clips([truth], EvaluateSpec(model="bicubic", scale=2, device="cpu"))
    assert scores["bicubic"] == scored.mean
    assert len(list((tmp_path / "output").iterdir())) == 3
    assert f"{scores['2d3d'].psnr:.3f}" in capsys.readouterr().out
    _, info = read_still(picture)
    assert info.width > 1000


def test_square_lies_where_bicubic_misses_most(load: Any) -> None:
    demo = load("01_demo")
    truth = np.zeros((160, 200))
    truth[70:74, 90:94] = 1
    row, column = demo.busiest_square(np.zeros_like(truth), truth, 20)
    assert row % 2 == column % 2 == 0
    assert row <= 70 <= 74 <= row + 20
    assert column <= 90 <= 94 <= column + 20


def test_error_maps_share_one_scale(load: Any) -> None:
    demo = load("01_demo")
    noise = np.random.default_rng(5)
    truth = noise.random((160, 200))
    score = MeanScores({"psnr": 40.0, "ssim": 0.9, "mse": 1e-4}, clips=1, frames=60)
    results = [
        demo.Result(title=str(k), frame=truth + k / 100 * noise.random(truth.shape), scores=score)
        for k in (3, 2, 1)
    ]
    figure = demo.draw(noise.random((80, 100)), results, truth, detail=40)
    maps = [axes.images[0] for axes in figure.axes if axes.get_title().startswith("40.00 dB")]
    assert len(maps) == 3
    assert len({image.get_clim() for image in maps}) == 1
    assert maps[0].get_clim()[1] >= max(float(image.get_array().max()) for image in maps)


def _tiny_clips(maker: ModuleType, folder: Path) -> tuple[Path, Path]:
    """Three frames of 160x112 cut from the demo's truth, and the same at half the size."""
    run = folder / "run.mkv"
    with open_reader(EXAMPLES / "jet_640x320_truth.mkv") as reader:
        info = replace(reader.info, width=160, height=112, pixel_format=GRAY)
        with open_writer(run, info, maker.LOSSLESS) as writer:
            for frame in islice(reader, 3):
                writer.write(replace(frame, planes=(frame.planes[0][40:152, 200:360],)))
    clips: tuple[Path, Path] = maker.write_clips(run, folder, 3)
    return clips


def test_published_figures_of_bicubic_are_met(load: Any, shared_data: Path) -> None:
    """Bicubic on Set5 is the figure of the papers, to the rounding that they print."""
    figures = load("03_published_figures")
    found = list(figures.rows(shared_data / "test", [], ["Set5"], [2, 3, 4]))
    bicubic = [row for row in found if row.model == "bicubic"]
    assert [row.printed_psnr for row in bicubic] == [33.66, 30.39, 28.42]
    for row in bicubic:
        assert row.psnr == pytest.approx(row.printed_psnr, abs=0.015)
        assert row.ssim == pytest.approx(row.printed_ssim, abs=2e-3)
    assert "| bicubic | Set5 | x2 | 33.6" in figures.table(found)


def test_published_figures_take_weights_of_ones_own(
    load: Any, shared_data: Path, weights: tuple[Path, ...]
) -> None:
    """The 3D stage is left out: it has no stills to refine."""
    figures = load("03_published_figures")
    found = list(figures.rows(shared_data / "test", weights, ["Set5"], [2]))
    assert [(row.model, row.printed_psnr) for row in found] == [
        ("bicubic", 33.66),
        ("fsrcnn", 37.0),
    ]


def _run(example: ModuleType, *words: object) -> None:
    example.main([str(word) for word in words])


@pytest.mark.slow
def test_climate_directory_ends_in_scores_and_a_page(load: Any, tmp_path: Path) -> None:
    """The scores are those that NumPy finds in the files that it leaves."""
    for package in ("dinosaur", "netCDF4", "matplotlib"):
        pytest.importorskip(package, reason="needs the extras simulate, fields and report")
    xarray = pytest.importorskip("xarray", reason="needs the extra fields")
    climate = load("04_climate_directory")
    _run(climate, "--folder", tmp_path, "--seeds", 5, 6, "--size", "64x32", "--frames", 3)
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 3  # models, runs, frames
    for row in rows:
        # The cells of a Gaussian grid end half-way between the latitudes of its rows.
        model = Path(row["model"])
        with (
            xarray.open_dataset(tmp_path / "truth" / row["clip"]) as truth,
            xarray.open_dataset(model / row["clip"]) as result,
        ):
            hr, sr = (
                d["vorticity"][int(row["frame"])].values.astype(float) for d in (truth, result)
            )
            latitude = truth["lat"].values
        edges = np.concatenate([[90], (latitude[1:] + latitude[:-1]) / 2, [-90]])
        area = -np.diff(np.sin(np.radians(edges)))[:, None]
        expected = np.sqrt(np.average((sr - hr) ** 2, weights=np.broadcast_to(area, hr.shape)))
        assert float(row["rmse"]) == pytest.approx(expected, rel=1e-6)
    assert "2d3d-fast" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_fine_tuning_learns_from_the_first_frames_and_scores_the_rest(
    load: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finetune = load("05_finetune")
    clip = tmp_path / "clip.mkv"
    simulate_droplets_to_file(DropletSpec(width=96, height=96, frames=10, seed=4), clip)
    _run(finetune, clip, "--folder", tmp_path / "out", "--steps", 2)
    frames = {name: _luma(tmp_path / "out" / f"{name}.mkv") for name in ("learn", "test")}
    assert [len(part) for part in frames.values()] == [8, 2]
    assert np.array_equal(np.concatenate([*frames.values()]), _luma(clip))
    tensors, record = read_weights(tmp_path / "out" / "fsrcnn.safetensors")
    assert (record.domain, record.training["steps"]) == ("mine", 2)
    started, _ = read_weights(find_released("fsrcnn", 2, "natural").path)
    moved = [float((tensors[name] - started[name]).abs().max()) for name in tensors]
    assert 0 < max(moved) < 0.05  # it went on from there
    said = capsys.readouterr().out
    assert said.count(" dB") == 2


@pytest.mark.slow
def test_fine_tuning_helps(load: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a simulation, which weights of pictures have not met."""
    _run(load("05_finetune"), "--folder", tmp_path, "--steps", 60)
    before, after = map(float, re.findall(r"([\d.]+) dB", capsys.readouterr().out))
    assert after > before + 0.1


@pytest.mark.slow
def test_notebook_of_a_field_ends_nearer_to_the_truth_than_bicubic(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("dinosaur", "netCDF4", "dask", "matplotlib"):
        pytest.importorskip(package, reason="needs the extras simulate, fields, cluster and report")
    monkeypatch.chdir(tmp_path)
    notebook = load("06_xarray_notebook")
    assert notebook.errors["2d3d-fast"] < 0.9 * notebook.errors["bicubic"]
    lazy = notebook.xarray.load_dataset("vorticity_x2.nc")["vorticity"]
    np.testing.assert_allclose(lazy.values, notebook.fine.values, atol=1e-9)
    _, info = read_still(tmp_path / "vorticity.png")
    assert info.width > 1000


def test_droplet_contours_are_measured_against_picture_and_formula(
    load: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures against the picture are those of vsr eval; against the formula, truth.json's."""
    pytest.importorskip("skimage", reason="needs the extra report")
    droplets = load("07_droplet_contours")
    options = ("--drops", 2, "--side", 96, "--models", "bicubic", "fsrcnn")
    _run(droplets, "--folder", tmp_path, *options)
    lines = capsys.readouterr().out.splitlines()
    spec = EvaluateSpec(model="fsrcnn", outline="level", border=0)
    scored = evaluate_clips([tmp_path / "drops"], spec)
    outline = scored.mean.outline
    assert outline is not None
    expected = f"{scored.mean.psnr:.3f} {outline.area_error:.2f} {outline.diameter_error:.4f}"
    assert " ".join(lines[3].split()[1:4]) == expected
    known = json.loads((tmp_path / "drops" / "truth.json").read_text())["droplets"]
    errors = [
        abs(clip.outline.area - drop["area"])
        for clip, drop in zip(scored.clips, known, strict=True)
        if clip.outline is not None
    ]
    assert lines[4].split()[0] == f"{sum(errors) / 2:.2f}"
    _, info = read_still(tmp_path / "contours.png")
    assert (info.width, info.height) == (1200, 600)


def test_natural_video_keeps_its_sound_and_is_shown_beside_bicubic(
    load: Any, make_clip: Clip, audio_packets: Any, tmp_path: Path
) -> None:
    clip = make_clip("street.mp4", audio_start=0.0)
    _run(load("08_natural_video"), clip, "--folder", tmp_path / "out")
    assert audio_packets(tmp_path / "out" / "street_x2.mp4") == audio_packets(clip)
    for name in ("x2", "look"):
        with open_reader(tmp_path / "out" / f"street_{name}.mp4") as reader:
            assert (reader.info.width, reader.info.height) == (128, 96)
            assert sum(1 for _ in reader) == 5


def test_natural_video_takes_the_first_seconds_of_real_footage(
    load: Any, shared_data: Path, tmp_path: Path
) -> None:
    clip = shared_data / "video" / "carphone_pristine.mp4"
    _run(load("08_natural_video"), clip, "--folder", tmp_path, "--seconds", 0.2)
    larger = tmp_path / "carphone_pristine_x2.mp4"
    with open_reader(larger) as reader, open_reader(clip) as source:
        assert reader.info.width == 2 * source.info.width
        assert sum(1 for _ in reader) == 6


@pytest.mark.slow
def test_another_runtime_computes_what_vsr_does(
    load: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra onnx, and onnxruntime")
    runtime = load("09_onnx_runtime")
    low, _ = _tiny_clips(load("make_demo_clip"), tmp_path)
    _run(runtime, low, "--folder", tmp_path / "out")
    assert "53,760 pixels" in capsys.readouterr().out
    # Without the margin another border comes out: the comparison does see such things.
    session = runtime.onnxruntime.InferenceSession(tmp_path / "out" / "fsrcnn.onnx")
    luma = _luma(low)[0]
    radius = get_spec("fsrcnn").radius
    assert radius is not None
    with_margin, without = (runtime.run(session, luma, margin, 2) for margin in (radius, 0))
    difference = np.abs(with_margin.astype(int) - without)
    assert difference.max() > runtime.TOLERANCE
    inside = slice(2 * radius, -2 * radius)
    assert difference[inside, inside].max() <= runtime.TOLERANCE


def _luma(path: Path) -> Any:
    """All frames of a clip, (T, H, W)."""
    with open_reader(path) as reader:
        return np.stack([frame.planes[0].numpy() for frame in reader])


def _field(path: Path) -> Path:
    """Waves of all lengths around the globe, (time, lat, lon)."""
    xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
    pytest.importorskip("netCDF4", reason="needs the extra [fields]")
    draw = np.random.default_rng(2)
    power = draw.normal(size=(4, 1, 25, 2)) / np.arange(1.0, 26)[:, None] ** 2
    rows = np.cos(np.radians(np.arange(-86.25, 90, 7.5)))[:, None]
    values = 20 * rows * np.fft.irfft(power[..., 0] + 1j * power[..., 1])
    axes = {
        "time": (np.arange(4.0), "days since 2000-01-01"),
        "lat": (np.arange(-86.25, 90, 7.5), "degrees_north"),
        "lon": (np.arange(0, 360, 7.5), "degrees_east"),
    }
    coords = {name: (name, each, {"units": units}) for name, (each, units) in axes.items()}
    field = ((*axes,), values.astype(np.float32), {"units": "degC"})
    xarray.Dataset({"tas": field}, coords=coords).to_netcdf(path)
    return path


def test_real_field_is_coarsened_by_area_and_scored(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = _field(tmp_path / "truth.nc")
    example = load("11_real_field")
    args = [str(truth), "tas", "--models", "bicubic", "--folder", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["11_real_field.py", *args])
    example.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2
    rows = [[float(cell) for cell in line.split("|")[3:-1]] for line in lines[2:]]
    assert rows[1][0] < rows[0][0]  # kept means lower the error
    assert 0.5 < rows[1][2] <= 1.01
    assert example.power_shares(truth, "tas", truth) == [1.0, 1.0, 1.0]
    import xarray

    with xarray.open_dataset(truth) as fine, xarray.open_dataset(tmp_path / "out/coarse.nc") as low:
        edges = np.radians(np.linspace(-90, 90, 25))
        area = np.diff(np.sin(edges))[:, None] * np.ones(48)
        pair = (fine["tas"].to_numpy() * area)[:, 4:6, 6:8].sum((1, 2)) / area[4:6, 6:8].sum()
        assert np.allclose(low["tas"][:, 2, 3], pair)
        assert np.allclose(low["lat"], np.arange(-82.5, 90, 15))


@pytest.mark.slow
def test_real_field_is_the_same_on_two_workers(load: Any, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra [cluster]")
    truth = _field(tmp_path / "truth.nc")
    example = load("11_real_field")
    coarse = example.coarsen(truth, "tas", tmp_path / "coarse.nc")
    target = tmp_path / "2d3d_mean.nc"
    fields = example.FieldSpec(variables=("tas",), conserve="mean")
    example.upscale_fields(coarse, target, example.model_spec("2d3d"), fields)
    told = example.on_dask(coarse, "tas", target, 2)
    assert told.startswith("2 workers of Dask: ")
    assert float(told.split()[-4]) < 1e-3  # K


def test_benchmark_scores_released_given_and_finetuned_weights(
    load: Any, tmp_path: Path, weights: tuple[Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = load("02_climate_benchmark")
    _, truth = _tiny_clips(load("make_demo_clip"), tmp_path)
    for name in ("jet", "turbulence"):  # made once and kept, so nothing is simulated here
        (tmp_path / f"{name}.mkv").write_bytes(truth.read_bytes())
    arguments = ["--folder", tmp_path, "--precision", "fp32", "--steps", 2]
    arguments += ["--models", "bicubic", "fsrcnn", "--finetune", "fsrcnn"]
    arguments += ["--row", "2d3d", *weights]
    benchmark.main([str(word) for word in arguments])
    lines = capsys.readouterr().out.splitlines()
    names = [line.split("|")[1].strip() for line in lines]
    assert names == [
        "model",
        "---",
        "bicubic",
        "fsrcnn",
        "2d3d, fsrcnn, srnet3d",
        "fsrcnn, tuned on the clip",
    ]
    means = [line.split("|")[4].split("/")[0] for line in lines[2:]]
    psnr = dict(zip(names[2:], map(float, means), strict=True))
    # Two steps at a small rate move released weights, but not far; random ones are far off.
    assert 0 < abs(psnr["fsrcnn, tuned on the clip"] - psnr["fsrcnn"]) < 1
    assert psnr["2d3d, fsrcnn, srnet3d"] < psnr["bicubic"] < psnr["fsrcnn"]
    assert len(list(tmp_path.glob("*_x2.json"))) == 4
    assert benchmark.known_models(2)[0] == "bicubic"
    assert {"2d3d", "3d2d", "bicubic+srnet3d", "fsrcnn"} <= {*benchmark.known_models(2)}


def test_droplet_benchmark_has_the_figures_of_eval(
    load: Any, tmp_path: Path, weights: tuple[Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage", reason="needs the extra report")
    example = load("12_droplet_benchmark")
    options = ("--drops", 2, "--side", 96, "--scales", 2, 3, "--weights", weights[0])
    _run(example, "--folder", tmp_path, *options)
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert [row[:2] for row in cells] == [["bicubic", "x2"], ["fsrcnn", "x2"], ["bicubic", "x3"]]
    spec = EvaluateSpec(model="fsrcnn", weights=(weights[0],), outline="canny", border=0)
    scored = evaluate_clips([tmp_path / "2x96"], spec).mean
    assert scored.outline is not None
    assert cells[1][2:4] == [f"{scored.psnr:.3f}", f"{scored.ssim:.4f}"]
    found = f"{scored.outline.diameter_error:.4f} / {scored.outline.area_error:.2f}"
    assert cells[1][5] == found


def test_model_table_is_measured_and_kept(
    load: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    example = load("13_model_table")
    readme.write_text(f"before\n{example.START}old\n{example.END}after\n")
    options = ("--size", "48x32", "--small-size", "32x32", "--heavy", 100, "--repeats", 1)
    models = ("bicubic", "fsrcnn", "srcnn-915", "srnet3d", "3d2d")
    _run(example, "--models", *models, *options, "--readme", readme, "--keep")
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.split(example.START)[1].split(example.END)[0] in capsys.readouterr().out
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    assert [row[0].strip() for row in rows] == [f"`{name}`" for name in models]
    assert [row[1].strip() for row in rows] == ["0", "12,637", "8,129", "63,129", "75,766"]
    released = find_released("fsrcnn", 2, "natural")
    assert f"x2 {released.scores['Set5']['psnr']:.2f}" in rows[1][3]
    assert [row[5].strip().endswith("*") for row in rows] == [False, False, False, True, False]
    assert [cell.strip() for cell in rows[4][3:5]] == ["", ""]  # no weights were scored so
    assert "x2" in rows[3][4]
    assert all(float(row[5].strip(" *")) > 0 for row in rows)
