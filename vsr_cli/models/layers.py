"""Convolutions that keep the size of a frame, and how the layers of a network start."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

RELU, PRELU, LINEAR = 0.0, 0.25, 1.0  # negative slope of what follows a layer
CENTRE = 0.5  # subtracted in a residual form, so that zero padding is mid-grey
LAST_STD = 1e-3  # start of the last layer of a residual form

Layer = TypeVar(
    "Layer", bound=nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d | nn.Linear
)


def conv(
    inputs: int, outputs: int, kernel: int, *, slope: float, stride: int = 1, gain: float = 1.0
) -> nn.Conv2d:
    """A convolution of odd size with zero padding: (B, inputs, H, W) to (B, outputs, H, W).

    It starts as He et al. propose for an activation of negative ``slope`` behind it, times
    ``gain``; biases start at zero.

    References:
        He et al., "Delving Deep into Rectifiers", ICCV 2015, arXiv:1502.01852.
    """
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    nn.init.kaiming_normal_(layer.weight, a=slope)
    layer.weight.data *= gain
    return zero_bias(layer)


def deconv(inputs: int, outputs: int, kernel: int, *, stride: int) -> nn.ConvTranspose2d:
    """A transposed convolution of odd size: (B, inputs, H, W) to (B, outputs, s*H, s*W).

    It starts near zero, as FSRCNN's does.
    """
    layer = nn.ConvTranspose2d(
        inputs, outputs, kernel, stride=stride, padding=kernel // 2, output_padding=stride - 1
    )
    return near_zero(layer)


def near_zero(layer: Layer, *, std: float = LAST_STD) -> Layer:
    """Let a layer start with next to no output: what it is added to comes through."""
    nn.init.normal_(layer.weight, std=std)
    return zero_bias(layer)


def zero_bias(layer: Layer) -> Layer:
    """Let a layer start without an offset."""
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def centred(frames: Tensor, residual: bool) -> Tensor:
    """What a network sees: frames about zero in a residual form, as they are in the plain one."""
    return frames - CENTRE if residual else frames
