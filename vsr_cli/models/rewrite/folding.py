"""Batch normalisation folded into the convolution before it, where that is exact.

In evaluation it is a scale and a shift for each channel, which the weights of the convolution can
take over. What stands before what is read from the data flow of ``forward``, not from the names of
layers: it is traced with all children as black boxes, and where that cannot be done nothing is
changed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from vsr_cli.imaging.resample import enlarge

FORMS = (
    (nn.Conv1d, nn.BatchNorm1d),
    (nn.Conv2d, nn.BatchNorm2d),
    (nn.Conv3d, nn.BatchNorm3d),
    (nn.ConvTranspose1d, nn.BatchNorm1d),
    (nn.ConvTranspose2d, nn.BatchNorm2d),
    (nn.ConvTranspose3d, nn.BatchNorm3d),
)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_norms(model: nn.Module) -> nn.Module:
    """Fold, in place, every batch normalisation of evaluation that alone reads a convolution.

    What is left where it stood is an ``nn.Identity``. Left alone are a normalisation in training
    mode or without running statistics, a convolution that something else reads too or that is used
    twice, and what lies in a ``forward`` that cannot be traced.
    """
    places = [id(child) for m in model.modules() for child in m._modules.values() if child]
    for owner in list(model.modules()):
        for conv_name, norm_name in _pairs(owner):
            conv, norm = owner.get_submodule(conv_name), owner.get_submodule(norm_name)
            shared = max(places.count(id(conv)), places.count(id(norm))) > 1
            if not shared and _is_foldable(conv, norm):
                _fold(conv, norm)
                owner.set_submodule(norm_name, nn.Identity())
    return model


class _Tracer(fx.Tracer):
    """Looks into one ``forward``, and into none of those that it calls."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(enlarge,))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _pairs(owner: nn.Module) -> list[tuple[str, str]]:
    """Names of children of which the second alone reads the first, in the ``forward`` of owner."""
    if not any(isinstance(layer, NORMS) for layer in owner.modules()):
        return []
    try:
        graph = _Tracer().trace(owner)
    # A forward may do anything, and fail in any way when it is given no numbers.
    except Exception:
        return []
    if any(node.op == "get_attr" for node in graph.nodes):  # something reads weights by itself
        return []
    calls = [node for node in graph.nodes if node.op == "call_module"]
    targets = [str(node.target) for node in calls]
    pairs = []
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        names = str(before.target), str(node.target)
        used_once = all(_uses(targets, name) == 1 for name in names)
        if used_once and len(before.users) == 1 and len(before.args) == 1 and not before.kwargs:
            pairs.append(names)
    return pairs


def _uses(targets: list[str], name: str) -> int:
    """How often a child is called, itself or as a part of what is called."""
    return sum(name == target or name.startswith(f"{target}.") for target in targets)


def _is_foldable(conv: nn.Module, norm: nn.Module) -> bool:
    forms = any(type(conv) is c and type(norm) is n for c, n in FORMS)
    return (
        forms
        and not norm.training
        and norm.running_mean is not None
        and not (conv._forward_hooks or conv._forward_pre_hooks or norm._forward_hooks)
    )


def _fold(conv: Any, norm: Any) -> None:
    """Scale the output channels of ``conv`` and shift its bias as ``norm`` would its output."""
    with torch.no_grad():
        # In float64: the weights are rounded once.
        deviation = (norm.running_var.double() + norm.eps).sqrt()
        scale = 1 / deviation if norm.weight is None else norm.weight.double() / deviation
        shift = 0.0 if norm.bias is None else norm.bias.double()
        bias = 0.0 if conv.bias is None else conv.bias.double()
        weight = conv.weight.double()
        if isinstance(conv, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            # (in, out / groups, ...): the output channels of a group lie beside each other
            grouped = weight.unflatten(0, (conv.groups, -1))
            factors = scale.view(conv.groups, 1, -1, *[1] * (weight.ndim - 2))
            weight = (grouped * factors).flatten(0, 1)
        else:
            weight = weight * scale.view(-1, *[1] * (weight.ndim - 1))
        folded = (bias - norm.running_mean.double()) * scale + shift
        dtype = conv.weight.dtype
        conv.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
        conv.bias = nn.Parameter(folded.to(dtype), requires_grad=False)
