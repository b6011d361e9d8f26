"""What a run begins with: layers of another scale, some of them held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training.start import start_network

RECIPE = Recipe(steps=1, batch_size=1, patch=8, margin=0, learning_rate=1e-3)


@pytest.fixture
def spec(tmp_path: Path) -> TrainSpec:
    return TrainSpec(
        model="fsrcnn",
        data=(tmp_path / "a.mkv",),
        output=tmp_path / "out.safetensors",
        recipe=RECIPE,
        scale=2,
    )


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Weights of FSRCNN at x3, each parameter another number."""
    torch.manual_seed(3)
    model = get_spec("fsrcnn").build(3, True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    path = tmp_path / "three.safetensors"
    save_weights(path, model, WeightRecord(arch="fsrcnn", scale=3))
    return path


def test_transfer_takes_what_fits(spec: TrainSpec, three: Path) -> None:
    """All layers: the 9x9 deconvolution has the same shape at each scale."""
    model = start_network(replace(spec, transfer=three), get_spec("fsrcnn"))
    source = start_network(replace(spec, scale=3, start=(three,)), get_spec("fsrcnn"))
    taken = {
        name for name, value in model.state_dict().items() if value.equal(source.state_dict()[name])
    }
    assert taken == {*model.state_dict()}


def test_transfer_of_the_first_layer_alone(spec: TrainSpec, three: Path) -> None:
    model = start_network(replace(spec, transfer=three, layers=("feature",)), get_spec("fsrcnn"))
    source = start_network(replace(spec, scale=3, start=(three,)), get_spec("fsrcnn"))
    taken = {
        name for name, value in model.state_dict().items() if value.equal(source.state_dict()[name])
    }
    assert taken == {"feature.weight", "feature.bias"}


def test_only_the_named_layer_learns(spec: TrainSpec, three: Path) -> None:
    """Yang 2021's cross-scale training: the deconvolution alone."""
    model = start_network(replace(spec, transfer=three, only=("upsample",)), get_spec("fsrcnn"))
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learning == {"upsample.weight", "upsample.bias"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"only": ("nothing",)}, "no layer is called nothing: there are feature, feature_slope"),
        ({"transfer": True, "layers": ("nope",)}, "has no tensor in nope that fits"),
        ({"start": True}, "x3 residual, this run trains x2 residual; --transfer takes the layers"),
        ({"layers": ("feature",)}, "give --transfer"),
        ({"perceptual_weights": Path("a.pth")}, "for the loss adversarial"),
    ],
)
def test_bad_starts_are_refused(
    spec: TrainSpec, three: Path, change: dict[str, object], words: str
) -> None:
    files = {"transfer": three, "start": (three,)}
    change = {name: files[name] if value is True else value for name, value in change.items()}
    with pytest.raises(ValueError, match=words):
        start_network(replace(spec, **change), get_spec("fsrcnn"))  # type: ignore[arg-type]


def test_several_scales_need_weights_of_all_of_them(spec: TrainSpec) -> None:
    recipe = replace(RECIPE, scales=(2, 3))
    joint = replace(spec, recipe=recipe)
    start_network(replace(joint, model="vdsr"), get_spec("vdsr"))
    with pytest.raises(ValueError, match="espcn has other weights at each scale"):
        start_network(replace(joint, model="espcn"), get_spec("espcn"))
    with pytest.raises(ValueError, match=r"scale 4 is not among those of the recipe, \[2, 3\]"):
        start_network(replace(joint, model="vdsr", scale=4), get_spec("vdsr"))


def test_srgan_begins_with_srresnet(spec: TrainSpec, tmp_path: Path) -> None:
    path = tmp_path / "srresnet.safetensors"
    before = get_spec("srresnet").build(4, True)
    save_weights(path, before, WeightRecord(arch="srresnet", scale=4, color="rgb"))
    model = start_network(replace(spec, model="srgan", scale=4, start=(path,)), get_spec("srgan"))
    assert all(value.equal(before.state_dict()[name]) for name, value in model.state_dict().items())
