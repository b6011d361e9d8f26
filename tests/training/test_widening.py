"""A narrow network inside a wide one: the same pictures, and all of it learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from vsr_cli.bench.layers import layer_works
from vsr_cli.cli import main
from vsr_cli.errors import WeightsError
from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.load import load_model
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, read_tensors, read_weights, save_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training.start import start_network
from vsr_cli.training.train import train
from vsr_cli.training.widening import widen

WIDE = [name for name in MODELS if get_spec(name).of_width is not None]
RECIPE = Recipe(steps=1, batch_size=1, patch=8, margin=0, learning_rate=1e-3)


def _trained(spec: ModelSpec, scale: int, features: int) -> nn.Module:
    """A network whose every parameter and statistic matters."""
    torch.manual_seed(1)
    model = spec.with_features(features).build(scale, True)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor += 0.05 * torch.rand_like(tensor) - 0.025
    return model.eval()


@pytest.mark.parametrize("name", WIDE)
def test_wider_networks_give_the_same(name: str) -> None:
    spec = get_spec(name)
    scale = 4 if name == "srgan" else 2
    narrow, wide = _trained(spec, scale, 16), spec.with_features(32).build(scale, True)
    wide.load_state_dict(wide.state_dict() | widen(wide, narrow.state_dict()))
    window = (spec.window,) if spec.kind == "clip" else ()
    frames = torch.rand(2, 3 if spec.color == "rgb" else 1, *window, 12, 12)
    with torch.no_grad():
        expected, found = narrow(frames), wide.eval()(frames)
    assert (expected - found).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 0.01


@pytest.mark.parametrize("name", ["vdsr", "drcn", "srresnet", "msrn", "scmsrn", "mcmsrn", "fstrn"])
def test_all_of_a_wider_network_learns(name: str) -> None:
    """The zeros between old and new channels, the new channels, and the last layer's share."""
    spec = get_spec(name)
    narrow, wide = _trained(spec, 2, 16), spec.with_features(32).build(2, True)
    wide.load_state_dict(wide.state_dict() | widen(wide, narrow.state_dict()))
    before = {key: value.detach().clone() for key, value in wide.named_parameters()}
    optimizer = torch.optim.SGD(wide.train().parameters(), lr=1.0)
    window = (spec.window,) if spec.kind == "clip" else ()
    frames = torch.rand(2, 3 if spec.color == "rgb" else 1, *window, 12, 12)
    for _ in range(2):  # the last layer's zeros learn first, then what lies before them
        optimizer.zero_grad()
        (wide(frames) - 0.5).square().sum().backward()
        optimizer.step()
    old = dict(narrow.named_parameters())
    for key, value in wide.named_parameters():
        if value.ndim < 2:
            continue
        outs, ins = (1, 0) if key.startswith("upsample") and name == "fstrn" else (0, 1)
        is_old = torch.arange(value.shape[outs]) < old[key].shape[outs]
        moved = (value.detach() != before[key]).transpose(0, outs)
        was_zero = (before[key] == 0).transpose(0, outs)
        if value.shape[ins] > old[key].shape[ins]:
            assert was_zero[is_old].any(), key
            assert moved[is_old][was_zero[is_old]].any(), key
        if not is_old.all():
            assert moved[~is_old].any(), key


def test_a_wider_tensor_is_refused() -> None:
    spec = get_spec("vdsr")
    narrow, wide = (spec.with_features(n).build(2, True) for n in (16, 32))
    with pytest.raises(ValueError, match=r"feature.weight is \(32, 1, 3, 3\), which does not fit"):
        widen(narrow, wide.state_dict())


@pytest.fixture
def narrow_file(tmp_path: Path) -> Path:
    path = tmp_path / "narrow.safetensors"
    record = WeightRecord(arch="vdsr", scale=2, features=16)
    save_weights(path, _trained(get_spec("vdsr"), 2, 16), record)
    return path


def _spec(tmp_path: Path, **settings: object) -> TrainSpec:
    spec = TrainSpec(
        model="vdsr",
        data=(tmp_path / "a.mkv",),
        output=tmp_path / "out.safetensors",
        recipe=RECIPE,
    )
    return replace(spec, **settings)  # type: ignore[arg-type]


def test_narrow_weights_run(narrow_file: Path) -> None:
    loaded = load_model(get_spec("vdsr"), 2, path=narrow_file)
    frames = torch.rand(1, 1, 9, 9)
    with torch.no_grad():
        assert loaded.module(frames).equal(_trained(get_spec("vdsr"), 2, 16)(frames))


def test_transfer_widens(tmp_path: Path, narrow_file: Path) -> None:
    frames = torch.rand(1, 1, 9, 9)
    for features in (None, 48):
        spec = _spec(tmp_path, transfer=narrow_file, features=features)
        wide = start_network(spec, get_spec("vdsr"))
        with torch.no_grad():
            expected = _trained(get_spec("vdsr"), 2, 16)(frames)
            assert (wide(frames) - expected).abs().max() < 1e-5
        assert len(wide.state_dict()["feature.bias"]) == (features or 64)


def test_start_wants_the_same_width(tmp_path: Path, narrow_file: Path) -> None:
    spec = _spec(tmp_path, start=(narrow_file,), features=16)
    model = start_network(spec, get_spec("vdsr"))
    assert model.state_dict()["feature.bias"].equal(read_weights(narrow_file)[0]["feature.bias"])
    with pytest.raises(
        ValueError, match="16 channels, this run trains 64: give --features 16; --transfer widens"
    ):
        start_network(_spec(tmp_path, start=(narrow_file,)), get_spec("vdsr"))


@pytest.mark.parametrize(
    ("model", "features", "words"),
    [
        ("fsrcnn", 16, "fsrcnn has one width: its features cannot be chosen"),
        ("vdsr", 20, "features must be a multiple of 16, got 20"),
        ("vdsr", 0, "features must be a multiple of 16, got 0"),
    ],
)
def test_bad_widths_are_refused(tmp_path: Path, model: str, features: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        start_network(_spec(tmp_path, model=model, features=features), get_spec(model))


def test_a_narrow_srresnet_becomes_a_wide_srgan(tmp_path: Path) -> None:
    path, frames = tmp_path / "narrow.safetensors", torch.rand(1, 3, 8, 8)
    narrow = _trained(get_spec("srresnet"), 4, 16)
    record = WeightRecord(arch="srresnet", scale=4, color="rgb", features=16)
    save_weights(path, narrow, record)
    spec = _spec(tmp_path, model="srgan", scale=4, transfer=path)
    with torch.no_grad():
        wide = start_network(spec, get_spec("srgan")).eval()(frames)
        assert (wide - narrow(frames)).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": ("feature",)}, "single layers are not widened; give --features 16"),
        ({"features": 16}, "64 channels, this run trains 16: a network is only widened; give"),
    ],
)
def test_what_cannot_be_widened_is_refused(
    tmp_path: Path, narrow_file: Path, settings: dict[str, object], words: str
) -> None:
    path = narrow_file
    if "features" in settings:
        path = tmp_path / "wide.safetensors"
        record = WeightRecord(arch="vdsr", scale=2)
        save_weights(path, get_spec("vdsr").build(2, True), record)
    with pytest.raises(ValueError, match=words):
        start_network(_spec(tmp_path, transfer=path, **settings), get_spec("vdsr"))


def test_a_run_with_features_gives_a_file_of_that_width(
    tmp_path: Path, clip: Callable[[str, int], Path]
) -> None:
    spec = _spec(tmp_path, data=(clip("a.mkv", 1),), features=16, device="cpu", precision="fp32")
    path = train(spec, lambda _: None)
    assert read_weights(path)[1].features == 16
    loaded = load_model(get_spec("vdsr"), 2, path=path)
    (work, *_) = layer_works(loaded, 1, 4).values()
    assert work.flops == 2 * 9 * 16  # of the width that there is
    assert "vdsr of 16 channels, 42,065 parameters" in path.with_suffix(".md").read_text("utf-8")
    train(replace(spec, resume=True), lambda _: None)
    with pytest.raises(ValueError, match="the checkpoint is of 'vdsr x2 residual, 16 channels'"):
        train(replace(spec, features=32, resume=True), lambda _: None)


def test_the_papers_own_width_is_no_other(tmp_path: Path, clip: Callable[[str, int], Path]) -> None:
    spec = _spec(tmp_path, model="msrn", data=(clip("a.mkv", 1),), device="cpu", precision="fp32")
    path = train(replace(spec, features=64), lambda _: None)
    assert read_weights(path)[1].features is None
    assert "features" not in json.loads(read_tensors(path)[1])
    train(replace(spec, resume=True), lambda _: None)


@pytest.mark.parametrize("features", ["16", [16], 16.0, 0, -16, 20, 1 << 20, 32])
def test_a_record_of_another_width_is_refused(tmp_path: Path, features: object) -> None:
    """Before any memory is taken for it."""
    path = tmp_path / "bad.safetensors"
    record = WeightRecord(arch="vdsr", scale=2, features=features)  # type: ignore[arg-type]
    save_weights(path, _trained(get_spec("vdsr"), 2, 16), record)
    with pytest.raises(
        WeightsError, match=r"bad\.safetensors (states a width|does not fit vdsr|cannot be read)"
    ):
        load_model(get_spec("vdsr"), 2, path=path)


def test_a_width_of_a_network_that_has_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    record = WeightRecord(arch="fsrcnn", scale=2, features=16)
    save_weights(path, get_spec("fsrcnn").build(2, True), record)
    with pytest.raises(WeightsError, match="a width that fsrcnn cannot have: fsrcnn has one width"):
        load_model(get_spec("fsrcnn"), 2, path=path)


@pytest.mark.parametrize("name", WIDE)
def test_narrow_files_of_every_such_network_load(name: str, tmp_path: Path) -> None:
    spec, path = get_spec(name), tmp_path / "narrow.safetensors"
    model = _trained(spec, 2, 16)
    record = WeightRecord(arch=name, scale=2, color=spec.color, window=spec.window, features=16)
    save_weights(path, model, record)
    loaded = load_model(spec, 2, path=path).module.state_dict()
    assert all(value.equal(loaded[key]) for key, value in model.state_dict().items())


def test_a_run_goes_on_in_the_width_of_its_start(
    tmp_path: Path, narrow_file: Path, clip: Callable[[str, int], Path]
) -> None:
    output = tmp_path / "on.safetensors"
    words = ["--data", str(clip("a.mkv", 1)), "--start", str(narrow_file), "--steps", "1"]
    given = ["--batch-size", "1", "--patch", "12", "--device", "cpu", "--quiet"]
    result = CliRunner().invoke(main, ["train", "vdsr", str(output), *words, *given])
    assert result.exit_code == 0, result.stderr
    assert read_weights(output)[1].features == 16
