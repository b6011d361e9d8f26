"""Convolutions that make blocks of pixels, against the plain layers in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.models.rewrite.faster import ANYWHERE, CPU_FP32, Forms, rewrite
from vsr_cli.models.rewrite.subpixel import SubpixelConv2d, block_form

ROUNDING = 1e-12  # float64, sums in another order


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(7)


def _frames(channels: int = 3, *, height: int = 11, width: int = 9) -> Tensor:
    return torch.rand(2, channels, height, width, dtype=torch.float64) - 0.3


def _difference(layer: nn.Module, frames: Tensor, forms: Forms) -> tuple[float, nn.Module]:
    """The largest difference that rewriting makes, and what the layer became."""
    layer = layer.double().eval()
    with torch.no_grad():
        expected = layer(frames)
        (fast,) = rewrite(nn.Sequential(layer), forms).children()
        got = fast(frames)
    assert got.shape == expected.shape
    return float((got - expected).abs().max()), fast


@pytest.mark.parametrize("forms", [ANYWHERE, CPU_FP32])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_transposed_convolution_becomes_subpixel_where_sizes_are_multiples(
    kernel: int, stride: int, padding: int, forms: Forms
) -> None:
    """Otherwise it stays: the output has rows that belong to no pixel of the input."""
    extra = stride - kernel + 2 * padding
    if not 0 <= extra < stride:
        extra = 0
    layer = nn.ConvTranspose2d(3, 1, kernel, stride, padding, extra)
    difference, fast = _difference(layer, _frames(), forms)
    assert difference < ROUNDING
    is_multiple = kernel + extra - 2 * padding == stride
    assert isinstance(fast, SubpixelConv2d) == is_multiple


@pytest.mark.parametrize(
    "options",
    [
        {"dilation": 2, "padding": 1, "output_padding": 1},
        {"groups": 3, "padding": 1, "output_padding": 1},
        {"padding": (1, 0), "output_padding": (1, 0)},
    ],
)
def test_transposed_convolution_of_another_kind_stays(options: dict[str, int]) -> None:
    layer = nn.ConvTranspose2d(3, 3, 3, 2, **options)
    difference, fast = _difference(layer, _frames(), ANYWHERE)
    assert difference == 0
    assert fast is layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (11, 9), (1, 1), (2, 7)])
@pytest.mark.parametrize(("outputs", "kernel", "block"), [(1, 3, 4), (4, 3, 2), (3, 9, 2)])
def test_few_channels_are_made_in_blocks_of_any_frame(
    outputs: int, kernel: int, block: int, height: int, width: int, bias: bool
) -> None:
    layer = nn.Conv2d(5, outputs, kernel, padding=kernel // 2, bias=bias)
    frames = _frames(5, height=height, width=width)
    difference, fast = _difference(layer, frames, CPU_FP32)
    assert difference < ROUNDING
    assert isinstance(fast, SubpixelConv2d)
    assert fast.stride == block


@pytest.mark.parametrize(("height", "width"), [(8, 12), (11, 9), (1, 1)])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_layer_in_blocks(scale: int, outputs: int, height: int, width: int) -> None:
    layer = nn.ConvTranspose2d(5, outputs, 9, scale, padding=4, output_padding=scale - 1)
    frames = _frames(5, height=height, width=width)
    difference, fast = _difference(layer, frames, CPU_FP32)
    assert difference < ROUNDING
    assert isinstance(fast, SubpixelConv2d)
    assert (fast.stride > 1) == (scale**2 * outputs <= 4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 16, 3, padding=1),
        nn.Conv2d(4, 1, 1),
        nn.Conv2d(4, 1, 3),
        nn.Conv2d(4, 1, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 1, 3, padding="same"),
        nn.Conv2d(4, 1, (3, 5), padding=(1, 2)),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 1, 3, padding=2, dilation=2),
        nn.Conv2d(4, 1, 3, padding=1, stride=2),
    ],
)
def test_layer_without_a_gain_or_an_exact_form_stays(layer: nn.Conv2d) -> None:
    assert block_form(layer) is None
