"""The examples run, and what they need lies beside them."""

from __future__ import annotations

import sys
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
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.simulate import GRAY
from vsr_cli.specs import EvaluateSpec

EXAMPLES = Path(__file__).parents[1] / "examples"
MEGABYTE = 1_000_000


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
