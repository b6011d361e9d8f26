"""Layers that train as branches compute what the single convolutions compute that they become."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.fsrcnn import FSRCNN
from vsr_cli.models.layers import conv, conv3d
from vsr_cli.training.reparameterised import EXPANSION, collapse, expand

EXACT = 1e-12  # float64, relative

LAYERS = {
    "more channels": (lambda: conv(3, 5, 3, slope=0.0), (2, 3, 9, 7)),
    "as many": (lambda: conv(4, 4, 3, slope=0.0), (2, 4, 9, 7)),
    "5x5": (lambda: conv(4, 4, 5, slope=0.0), (2, 4, 9, 7)),
    "3d valid in time": (lambda: conv3d(4, 4, 3, slope=0.0), (2, 4, 5, 9, 7)),
    "3d same in time": (lambda: nn.Conv3d(4, 4, 3, padding=1), (2, 4, 5, 9, 7)),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def _trained(layer: nn.Module) -> nn.Module:
    """Expanded, with all its parts moved away from where they start."""
    model = expand(nn.Sequential(layer).double())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def _difference(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).abs().max() / expected.abs().max()).detach())


@pytest.mark.parametrize("name", LAYERS)
def test_expanded_layer_starts_as_the_plain_one(name: str) -> None:
    make, shape = LAYERS[name]
    layer = make().double()
    frames = torch.rand(shape, dtype=torch.float64)
    plain = layer(frames)
    assert _difference(expand(nn.Sequential(layer))(frames), plain) < EXACT


@pytest.mark.parametrize("name", LAYERS)
def test_collapsed_layer_computes_what_the_branches_did(name: str) -> None:
    make, shape = LAYERS[name]
    model = _trained(make())
    frames = torch.rand(shape, dtype=torch.float64)
    branches = model(frames)
    collapsed = collapse(model)
    assert _difference(collapsed(frames), branches) < EXACT
    assert sorted(collapsed.state_dict()) == ["0.bias", "0.weight"]


@pytest.mark.parametrize("time_padding", [0, 1])
def test_branches_are_those_of_convolutions_in_parallel_borders_included(
    time_padding: int,
) -> None:
    """Each convolved by itself: own kernel, 1x1 and then 3x3, and the frame times a factor."""
    model = _trained(nn.Conv3d(4, 4, 3, padding=(time_padding, 1, 1)))
    layer = model[0]
    branches = layer.parametrizations.weight[0]
    frames = torch.rand(2, 4, 5, 9, 7, dtype=torch.float64)
    padding = (time_padding, 1, 1)
    own = F.conv3d(frames, layer.parametrizations.weight.original, layer.bias, padding=padding)
    wide = F.conv3d(frames, branches.widen[..., None, None, None])
    assert wide.shape[1] == 4 * EXPANSION
    wide = F.conv3d(wide, branches.narrow, padding=padding)
    same = frames if time_padding else frames[:, :, 1:-1]
    same = same * branches.identity[:, None, None, None]
    assert _difference(model(frames), own + wide + same) < EXACT


def test_all_parts_learn() -> None:
    model = expand(nn.Sequential(conv(4, 4, 3, slope=0.0)))
    model(torch.rand(1, 4, 8, 8)).square().mean().backward()
    names = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()]
    assert sorted(name.rpartition(".")[2] for name in names) == [
        "bias",
        "identity",
        "narrow",
        "original",
        "widen",
    ]


def test_network_expands_and_collapses_to_the_layout_of_its_file() -> None:
    model = FSRCNN(2).double()
    frames = torch.rand(1, 1, 9, 7, dtype=torch.float64)
    expanded = expand(copy.deepcopy(model))
    more = sum(p.numel() for p in expanded.parameters())
    assert more > sum(p.numel() for p in model.parameters())
    assert isinstance(expanded.shrink, nn.Conv2d)
    assert "shrink.weight" in expanded.state_dict()  # a 1x1 layer stays one
    collapsed = collapse(expanded)
    assert sorted(collapsed.state_dict()) == sorted(model.state_dict())
    assert _difference(collapsed(frames), model(frames)) < EXACT
