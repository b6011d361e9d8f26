"""A narrow network inside a wide one: the same pictures, and all of it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.load import load_model
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, read_weights, save_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training.start import start_network
from vsr_cli.training.widening import widen

WIDE = [name for name in MODELS if get_spec(name).of_width is not None]
RECIPE = Recipe(steps=1, batch_size=1, patch=8, margin=0, learning_rate=1e-3)


def _trained(spec: ModelSpec, scale: int, features: int) -> nn.Module:
    """A network whose every parameter and statistic matters."""
    torch.manual_seed(1)
    model = spec.make(scale, True, features)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor += 0.05 * torch.rand_like(tensor) - 0.025
    return model.eval()


@pytest.mark.parametrize("name", WIDE)
def test_wider_networks_give_the_same(name: str) -> None:
    spec = get_spec(name)
    scale = 4 if name == "srgan" else 2
    narrow, wide = _trained(spec, scale, 16), spec.make(scale, True, 32)
    wide.load_state_dict(wide.state_dict() | widen(wide, narrow.state_dict()))
    window = (spec.window,) if spec.kind == "clip" else ()
    frames = torch.rand(2, 3 if spec.color == "rgb" else 1, *window, 12, 12)
    with torch.no_grad():
        expected, found = narrow(frames), wide.eval()(frames)
    assert (expected - found).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 0.01


@pytest.mark.parametrize("name", ["vdsr", "drcn", "srresnet", "msrn", "scmsrn", "fstrn"])
def test_new_channels_learn(name: str) -> None:
    """After two steps no tensor is as it was: zeros towards the old channels have a gradient."""
    spec = get_spec(name)
    narrow, wide = _trained(spec, 2, 16), spec.make(2, True, 32)
    before = wide.state_dict() | widen(wide, narrow.state_dict())
    before = {key: tensor.clone() for key, tensor in before.items()}
    wide.load_state_dict(before)
    optimizer = torch.optim.SGD(wide.train().parameters(), lr=1e-2)
    window = (spec.window,) if spec.kind == "clip" else ()
    frames = torch.rand(2, 3 if spec.color == "rgb" else 1, *window, 12, 12)
    for _ in range(2):
        optimizer.zero_grad()
        wide(frames).square().mean().backward()
        optimizer.step()
    for key, layer in wide.named_parameters():
        if layer.ndim > 1 and not key.startswith("reconstruct"):
            new = layer.detach()[:, -1] if layer.shape[1] > 1 else layer.detach()
            assert not new.equal(before[key][:, -1] if layer.shape[1] > 1 else before[key]), key


def test_a_wider_tensor_is_refused() -> None:
    spec = get_spec("vdsr")
    narrow, wide = spec.make(2, True, 16), spec.make(2, True, 32)
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
    with pytest.raises(ValueError, match="16 channels, this run trains 64; --transfer widens"):
        start_network(_spec(tmp_path, start=(narrow_file,)), get_spec("vdsr"))


@pytest.mark.parametrize(
    ("model", "features", "words"),
    [
        ("fsrcnn", 16, "fsrcnn has one width: --features is not for it"),
        ("vdsr", 20, "features must be a multiple of 16, got 20"),
        ("vdsr", 0, "features must be a multiple of 16, got 0"),
    ],
)
def test_bad_widths_are_refused(tmp_path: Path, model: str, features: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        start_network(_spec(tmp_path, model=model, features=features), get_spec(model))
