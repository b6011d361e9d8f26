"""The networks of our own against their equations, written down a second time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models import get_spec
from vsr_cli.models.cost import macs_per_pixel, parameter_count
from vsr_cli.models.fast import SIZES, Fast, StepSize
from vsr_cli.models.layers import HE_SHARE, conv, near_identity
from vsr_cli.models.refine3d import Refine3D

ROUNDING = 1e-10  # float64, sums in another order


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def _shaken(model: nn.Module) -> nn.Module:
    """In float64, with biases and slopes that are felt."""
    for parameter in model.double().parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, -0.3, 0.6)
        elif parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.1)
    return model.eval()


def _apply(layer: nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    """A convolution of 3x3 pixels as a product of its weights with unfolded patches.

    x: (B, C, H, W), of a 3D one (B, C, taps, H, W): the taps of one place in time.
    """
    patches = F.unfold(x.flatten(1, -3), 3, padding=1)  # (B, C*taps*9, H*W)
    y = torch.einsum("ok,bkn->bon", layer.weight.flatten(1), patches)
    return (y + layer.bias[:, None]).unflatten(-1, x.shape[-2:])


def _prelu(x: Tensor, slope: nn.PReLU) -> Tensor:
    return torch.where(x > 0, x, x * slope.weight[:, None, None])


def _as_pixels(x: Tensor, scale: int) -> Tensor:
    """(B, s*s, H, W) to (B, 1, s*H, s*W): channel s*i + j is row i, column j of a block."""
    rows = [
        torch.stack([x[:, scale * i + j] for j in range(scale)], -1).flatten(-2)
        for i in range(scale)
    ]  # each (B, H, s*W)
    return torch.stack(rows, -2).flatten(-3, -2)[:, None]


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("name", "layers"), [("plain", 6), ("plain-s", 4)])
def test_plain_is_a_stack_of_convolutions_over_the_enlargement(
    name: str, layers: int, residual: bool
) -> None:
    model = _shaken(get_spec(name).build(3, residual))
    frames = torch.rand(2, 1, 9, 7, dtype=torch.float64)
    x = _prelu(_apply(model.feature, frames - 0.5 * residual), model.feature_slope)
    assert len(model.map) == layers - 1
    for layer, slope in zip(model.map, model.map_slope, strict=True):
        x = _prelu(_apply(layer, x), slope)
    expected = _as_pixels(_apply(model.upsample, x), 3) + residual * enlarge(frames, 3)
    assert (model(frames) - expected).abs().max() < ROUNDING


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(
    "sizes", [SIZES, (StepSize(5, 3, 2),), (StepSize(3, 2, 1), StepSize(3, 4, 2))]
)
def test_fast_fuses_the_features_of_neighbours(sizes: tuple[StepSize, ...], residual: bool) -> None:
    model = _shaken(Fast(2, residual, sizes=sizes))
    frames = torch.rand(1, 1, 5, 9, 7, dtype=torch.float64)
    codes = [frames[:, :, time] - 0.5 * residual for time in range(5)]
    for size, stage in zip(sizes, model.stage, strict=True):
        made = []
        for start in range(len(codes) - size.taps + 1):
            around = torch.stack(codes[start : start + size.taps], 2)  # (B, C, taps, H, W)
            x = _prelu(_apply(stage.fuse, around), stage.fuse_slope)
            for number in range(size.layers - 1):
                x = _prelu(_apply(stage.map[number], x), stage.map_slope[number])
            made.append(x)
        codes = made
    assert len(codes) == 1
    base = enlarge(frames[:, :, 2], 2)
    expected = _as_pixels(_apply(model.upsample, codes[0]), 2) + residual * base
    assert (model(frames) - expected).abs().max() < ROUNDING


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fast_keeps_its_budget(scale: int) -> None:
    spec = get_spec("2d3d-fast")
    assert spec.window == 5
    assert parameter_count(spec.build(scale, True)) < 60_000
    assert macs_per_pixel(spec, scale) < 15_000


def test_small_plain_costs_less_than_fsrcnn() -> None:
    assert macs_per_pixel(get_spec("plain-s"), 2) < macs_per_pixel(get_spec("fsrcnn"), 2)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("height", "width"), [(8, 10), (9, 7)])
def test_refine3d_corrects_the_middle_frame_at_half_its_size(
    height: int, width: int, residual: bool
) -> None:
    model = _shaken(Refine3D(residual))
    frames = torch.rand(2, 1, 5, height, width, dtype=torch.float64)
    even = frames[..., [*range(height), *[height - 1] * (height % 2)], :]
    even = even[..., [*range(width), *[width - 1] * (width % 2)]] - 0.5 * residual
    parts = [even[:, :, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    x = torch.cat(parts, 1)  # (B, 4, 5, H/2, W/2)
    for layer, slope in zip(model.fuse, model.fuse_slope, strict=True):
        times = range(x.shape[2] - 2)
        made = [_prelu(_apply(layer, x[:, :, t : t + 3]), slope) for t in times]
        x = torch.stack(made, 2)
    x = x[:, :, 0]
    for layer, slope in zip(model.map, model.map_slope, strict=True):
        x = _prelu(_apply(layer, x), slope)
    correction = _as_pixels(_apply(model.reconstruct, x), 2)[..., :height, :width]
    expected = correction + residual * frames[:, :, 2]
    assert (model(frames) - expected).abs().max() < ROUNDING


def test_layer_near_the_identity_passes_its_channels_on() -> None:
    layer = conv(4, 4, 3, slope=1.0)
    start = layer.weight.detach().clone()
    x = torch.rand(1, 4, 6, 5)
    expected = x + F.conv2d(x, HE_SHARE * start, padding=1)
    assert torch.allclose(near_identity(layer)(x), expected, atol=1e-6)
