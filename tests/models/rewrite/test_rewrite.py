"""Rewrites against the plain layers, in float64; and what has no exact other form stays."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.models.rewrite.conv3d import StackedConv3d
from vsr_cli.models.rewrite.faster import rewrite

ROUNDING = 1e-12  # float64, sums in another order


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(7)


def _ready(model: nn.Module) -> nn.Module:
    """In float64 and evaluation, normalisations that have seen something."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            if layer.running_mean is not None:
                layer.running_mean.uniform_(-1, 1)
                layer.running_var.uniform_(0.2, 3)
            if layer.affine:
                nn.init.uniform_(layer.weight, -2, 2)
                nn.init.uniform_(layer.bias, -1, 1)
    return model.double().eval()


def _difference(model: nn.Module, frames: Tensor) -> tuple[float, nn.Module]:
    """The largest difference that rewriting makes, and the rewritten network."""
    fast = rewrite(copy.deepcopy(model))
    with torch.no_grad():
        return float((fast(frames) - model(frames)).abs().max()), fast


def _has(model: nn.Module, *types: type[nn.Module]) -> bool:
    return any(isinstance(layer, types) for layer in model.modules())


def _frames(channels: int = 3, *, time: int = 0) -> Tensor:
    return torch.rand(2, channels, *([time] if time else []), 11, 9, dtype=torch.float64) - 0.3


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "conv",
    [
        lambda bias: nn.Conv2d(3, 6, 3, padding=1, bias=bias),
        lambda bias: nn.Conv2d(3, 6, 3, dilation=2, padding=1, stride=2, bias=bias),
        lambda bias: nn.Conv2d(3, 6, 5, padding=2, groups=3, bias=bias, padding_mode="reflect"),
        lambda bias: nn.ConvTranspose2d(3, 6, 9, 2, padding=4, output_padding=1, bias=bias),
        lambda bias: nn.ConvTranspose2d(3, 6, 4, 3, groups=3, bias=bias),
    ],
)
def test_norm_goes_into_the_convolution_before_it(conv, bias: bool, affine: bool) -> None:  # type: ignore[no-untyped-def]
    model = _ready(nn.Sequential(conv(bias), nn.BatchNorm2d(6, affine=affine), nn.PReLU(6)))
    difference, fast = _difference(model, _frames())
    assert difference < ROUNDING
    assert not _has(fast, nn.BatchNorm2d, nn.Identity)


def test_norm_after_a_3d_convolution_is_folded_before_time_is_stacked() -> None:
    model = _ready(nn.Sequential(nn.Conv3d(3, 4, 3, padding=1, bias=False), nn.BatchNorm3d(4)))
    difference, fast = _difference(model, _frames(time=5))
    assert difference < ROUNDING
    assert _has(fast, StackedConv3d)
    assert not _has(fast, nn.BatchNorm3d, nn.Conv3d)


class Block(nn.Module):
    """Names that say nothing, in an order that is not that of ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.BatchNorm2d(3)
        self.parts = nn.ModuleList([nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1)])
        self.z = nn.Conv2d(3, 3, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.a(self.z(x)))
        return x + self.parts[0](self.parts[1](y))


def test_norm_is_found_by_the_flow_of_data() -> None:
    model = _ready(nn.Sequential(Block(), nn.Sequential(Block(), nn.Dropout2d(0.5))))
    difference, fast = _difference(model, _frames())
    assert difference < ROUNDING
    assert not _has(fast, nn.BatchNorm2d, nn.Dropout2d)


class NormFirst(nn.Module):
    """Zeros that pad a convolution are not those that a norm after them would have shifted."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x))


class ReadTwice(NormFirst):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.norm(x)


class UsedTwice(NormFirst):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.conv(x)))


class Untraceable(NormFirst):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) if x.mean() < 9 else x


class BetweenThem(NormFirst):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.relu(self.conv(x)))


class ReadsWeights(NormFirst):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) * self.conv.weight.mean()


@pytest.mark.parametrize(
    "kind", [NormFirst, ReadTwice, UsedTwice, Untraceable, BetweenThem, ReadsWeights]
)
def test_norm_that_cannot_be_folded_stays(kind: type[nn.Module]) -> None:
    difference, fast = _difference(_ready(kind()), _frames())
    assert difference == 0
    assert _has(fast, nn.BatchNorm2d)


def test_norm_of_a_shared_convolution_stays() -> None:
    conv = nn.Conv2d(3, 3, 1)
    model = _ready(nn.Sequential(nn.Sequential(conv, nn.BatchNorm2d(3)), conv))
    difference, fast = _difference(model, _frames())
    assert difference == 0
    assert _has(fast, nn.BatchNorm2d)


def test_norm_without_statistics_or_in_training_stays() -> None:
    plain = nn.BatchNorm2d(6, track_running_stats=False)
    difference, fast = _difference(_ready(nn.Sequential(nn.Conv2d(3, 6, 1), plain)), _frames())
    assert difference == 0
    assert _has(fast, nn.BatchNorm2d)
    training = nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6), nn.Dropout(0.5)).train()
    assert _has(rewrite(training), nn.BatchNorm2d)
    assert _has(training, nn.Dropout)


def test_layers_that_do_nothing_go() -> None:
    layers = [nn.Dropout(), nn.Conv2d(3, 3, 1), nn.Identity(), nn.Dropout2d(), nn.AlphaDropout()]
    difference, fast = _difference(_ready(nn.Sequential(*layers)), _frames())
    assert difference == 0
    assert [type(layer) for layer in fast.children()] == [nn.Conv2d]
