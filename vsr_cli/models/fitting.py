"""Tensors of a file in the layers of a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from vsr_cli.errors import WeightsError
from vsr_cli.models.spec import ModelSpec

LISTED = 8  # names of tensors in a message
BATCH_COUNTER = "num_batches_tracked"


def fill(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into a network of the same layout; missing and unexpected keys are errors."""
    own = model.state_dict()
    if misfits := find_misfits(own, tensors):
        raise WeightsError(f"{path} does not fit {type(model).__name__}: {misfits}")
    with torch.no_grad():
        for name, tensor in own.items():
            if name in tensors:
                tensor.copy_(tensors[name])


def fitting(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of ``tensors`` that have name and shape of one of ``own``."""
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape
    }


def find_misfits(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    """What keeps ``tensors`` from being those of a network, in words; empty if nothing does.

    The counter of batch normalisation may be missing, evaluation has no use for it.
    """
    missing = sorted(n for n in own.keys() - tensors.keys() if not n.endswith(BATCH_COUNTER))
    unexpected = sorted(tensors.keys() - own.keys())
    shapes = [
        f"{name} is {tuple(tensors[name].shape)}, must be {tuple(own[name].shape)}"
        for name in sorted(own.keys() & tensors.keys())
        if own[name].shape != tensors[name].shape
    ]
    found = {"missing: ": missing, "unexpected: ": unexpected, "": shapes}
    return "; ".join(f"{what}{_shorten(names)}" for what, names in found.items() if names)


def of_width(
    spec: ModelSpec, features: int, scale: int, tensors: Mapping[str, Tensor], path: Path
) -> ModelSpec:
    """The network of the width that a file states; no memory is taken before its tensors fit."""
    try:
        wide = spec.with_features(features)
        with torch.device("meta"):
            shapes = wide.build(scale, True).state_dict()
    except (ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(
            f"{path} states a width that {spec.name} cannot have: {error}"
        ) from error
    if misfits := find_misfits(shapes, tensors):
        raise WeightsError(f"{path} does not fit {spec.name} of {features} features: {misfits}")
    return wide


def _shorten(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown}, and {len(names) - LISTED} more"
