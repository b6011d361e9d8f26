"""The network that a run begins with: fresh, trained before, or with layers of another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from vsr_cli.models import get_spec
from vsr_cli.models.fitting import fill, fitting
from vsr_cli.models.joint import PARTS, Joint2D3D
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, read_weights
from vsr_cli.specs import TrainSpec
from vsr_cli.training.widening import widen


def in_width_of_start(spec: TrainSpec) -> TrainSpec:
    """The run, as wide as the weights that it goes on from where it says no other width."""
    if spec.features is not None:
        return spec
    records = [read_weights(path)[1] for path in spec.start]
    widths = (record.features for record in records if record.arch == spec.model)
    return replace(spec, features=next(widths, None))


def start_network(spec: TrainSpec, model_spec: ModelSpec) -> nn.Module:
    """A network with the weights of ``spec.start`` and ``spec.transfer``, held where it is said.

    Raises:
        ValueError: it cannot be trained so, or a file is not for it.
    """
    name = model_spec.name
    if not model_spec.has_weights:
        raise ValueError(f"{name} has no weights to train")
    scale = model_spec.own_scale(spec.scale)
    if scale not in model_spec.scales:
        known = ", ".join(map(str, model_spec.scales))
        raise ValueError(f"{name} has no scale {scale}: known are {known}")
    _check_scales(spec, model_spec)
    model_spec = model_spec.with_features(spec.features)
    model = model_spec.build(scale, spec.recipe.residual)
    parts = {name: model}
    if isinstance(model, Joint2D3D):
        parts |= {arch: model.get_submodule(part) for arch, part in PARTS.items()}
    if name == "srgan":
        parts["srresnet"] = model  # the same network before its adversarial training
    for path in spec.start:
        tensors, record = read_weights(path)
        if record.arch not in parts:
            raise ValueError(f"{path} holds weights of {record.arch}, which {name} has no use for")
        _check_start(path, record, spec)
        _check_width(path, record, model_spec)
        fill(parts[record.arch], tensors, path)
    if spec.transfer is not None:
        tensors, record = read_weights(spec.transfer)
        if parts.get(record.arch) is model:
            tensors = _widened(model, model_spec, tensors, record, spec)
        _transfer(model, spec.transfer, tensors, spec.layers)
    if spec.only:
        _hold_all_but(model, spec.only)
    return model


def _check_scales(spec: TrainSpec, model_spec: ModelSpec) -> None:
    """Several scales at once need a network whose weights do not depend on the scale."""
    shapes = {
        scale: {
            key: value.shape for key, value in model_spec.build(scale, True).state_dict().items()
        }
        for scale in spec.recipe.scales
    }
    if len(shapes) > 1 and any(shape != shapes[min(shapes)] for shape in shapes.values()):
        raise ValueError(f"{model_spec.name} has other weights at each scale: train them apart")
    if shapes and spec.scale not in shapes:
        raise ValueError(f"scale {spec.scale} is not among those of the recipe, {sorted(shapes)}")


def _transfer(
    model: nn.Module, path: Path, tensors: Mapping[str, Tensor], layers: tuple[str, ...]
) -> None:
    """Take the tensors of another network, or scale, that fit by name and shape.

    The first layer alone is Dong 2016's start for another scale, and that of Zhu & Gao's 2D stage;
    all but the last one that of Yang 2021.
    """
    own = model.state_dict()
    taken = {
        name: tensor
        for name, tensor in fitting(own, tensors).items()
        if not layers or _belongs(name, layers)
    }
    if not taken:
        wanted = f" in {', '.join(layers)}" if layers else ""
        raise ValueError(
            f"{path} has no tensor{wanted} that fits: its layers are {_layers(tensors)}"
        )
    model.load_state_dict({**own, **taken})


def _hold_all_but(model: nn.Module, layers: tuple[str, ...]) -> None:
    names = [name for name, _ in model.named_parameters()]
    if not any(_belongs(name, layers) for name in names):
        raise ValueError(f"no layer is called {', '.join(layers)}: there are {_layers(names)}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(_belongs(name, layers))


def _belongs(tensor: str, layers: tuple[str, ...]) -> bool:
    return any(tensor == layer or tensor.startswith(f"{layer}.") for layer in layers)


def _layers(tensors: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in tensors))


def _check_start(path: Path, record: WeightRecord, spec: TrainSpec) -> None:
    wanted, found = (spec.scale, spec.recipe.residual), (record.scale, record.residual)
    if found != wanted:
        hint = ""
        if record.scale != spec.scale:
            hint = "; --transfer takes the layers that fit from another scale"
        raise ValueError(
            f"{path} is {form_name(*found)}, this run trains {form_name(*wanted)}{hint}"
        )


def _features_of(record: WeightRecord) -> int | None:
    """Channels of the network in a file; None where its network has one width."""
    return record.features or get_spec(record.arch).features


def _check_width(path: Path, record: WeightRecord, own: ModelSpec) -> None:
    found = _features_of(record)
    if found != own.features:
        hint = "; --transfer widens it" if found and own.features and found < own.features else ""
        raise ValueError(
            f"{path} has {found} channels, this run trains {own.features}: give --features {found}"
            f"{hint}"
        )


def _widened(
    model: nn.Module,
    own: ModelSpec,
    tensors: dict[str, Tensor],
    record: WeightRecord,
    spec: TrainSpec,
) -> dict[str, Tensor]:
    """The tensors of ``--transfer`` in those of the network, if they are of a narrower form."""
    found = _features_of(record)
    if found is None or own.features is None or found == own.features:
        return tensors
    if found > own.features or spec.layers:
        what = "single layers are not" if spec.layers else "a network is only"
        raise ValueError(
            f"{spec.transfer} has {found} channels, this run trains {own.features}: {what} "
            f"widened; give --features {found}"
        )
    narrow = own.with_features(found).build(own.own_scale(spec.scale), spec.recipe.residual)
    return widen(model, fitting(narrow.state_dict(), tensors))


def form_name(scale: int, residual: bool) -> str:
    """What kind of weights are trained or found, as messages say it: "x2 residual"."""
    return f"x{scale} {'residual' if residual else 'plain'}"
