"""Convolutions that make many pixels at once, and lay them out afterwards."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.rewrite.conv3d import LANES

LEAST_GAIN = 1.5  # of a vector's use over the zeros that are multiplied


class SubpixelConv2d(nn.Module):
    """A convolution whose outputs are the pixels of ``side`` x ``side`` blocks of each channel.

    (B, C, H, W) to (B, O, s*H, s*W), for a ``side`` of ``scale`` s times ``stride``: the kernel
    sees a block of ``stride`` x ``stride`` input pixels and what lies around it.
    """

    def __init__(self, conv: nn.Conv2d, *, scale: int) -> None:
        super().__init__()
        self.conv = conv  # to O*side*side channels, rows before columns
        self.stride = conv.stride[0]
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        right, below = -width % self.stride, -height % self.stride
        if right or below:  # the zeros that the convolution would pad with
            x = F.pad(x, (0, right, 0, below))
        blocks = self.conv(x)  # (B, O*side*side, H', W')
        side = self.scale * self.stride
        # A copy of our own: 0.6 ms for 320x160 by 4, pixel_shuffle takes 1.2 ms (as below).
        blocks = blocks.unflatten(1, (-1, side, side)).permute(0, 1, 4, 2, 5, 3)
        _, channels, rows, _, columns, _ = blocks.shape
        pixels = blocks.reshape(batch, channels, rows * side, columns * side)
        if not (right or below):
            return pixels
        return pixels[..., : self.scale * height, : self.scale * width]


def subpixel_form(layer: nn.ConvTranspose2d) -> SubpixelConv2d:
    """A stride-s transposed convolution as a convolution to s^2 channels, laid out as pixels.

    Output row ``s*n + r`` sums input rows ``n + d`` with the tap ``r + padding - s*d``; the taps of
    the s phases, put side by side, are an ordinary kernel of odd size.

    References:
        Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016,
        arXiv:1609.07009.
    """
    s, padding, kernel = layer.stride[0], int(layer.padding[0]), layer.kernel_size[0]
    inputs, outputs = layer.in_channels, layer.out_channels
    reach = max((s - 1 + padding) // s, -(-(kernel - 1 - padding) // s))
    size = 2 * reach + 1
    weight = layer.weight.new_zeros(outputs, s, s, inputs, size, size)
    taps = [
        (phase, d + reach, phase + padding - s * d)
        for phase in range(s)
        for d in range(-reach, reach + 1)
        if 0 <= phase + padding - s * d < kernel
    ]
    for phase_y, y, tap_y in taps:
        for phase_x, x, tap_x in taps:
            weight[:, phase_y, phase_x, :, y, x] = layer.weight[:, :, tap_y, tap_x].detach().T
    bias = None if layer.bias is None else layer.bias.detach().repeat_interleave(s * s)
    conv = _conv(weight.flatten(0, 2), bias, stride=1, padding=reach)
    return SubpixelConv2d(conv, scale=s)


def block_form(layer: nn.Conv2d | SubpixelConv2d) -> SubpixelConv2d | None:
    """A convolution to few channels as one to the pixels of a block; None where nothing is gained.

    A CPU computes as many outputs at once as a vector has lanes. Where a layer has fewer, a block
    of b x b neighbours fills them, for a kernel that grows by b - 1 and a stride of b. Of 336x176
    pixels one thread of a Xeon with AVX-512 takes, fp32, in ms of CPU time: 56 to 4 channels and
    5x5 taps 23, in blocks 9; 32 to 1 and 3x3 7.9 and 2.8; 64 to 3 and 9x9 79 and 27.
    """
    conv, scale = (layer.conv, layer.scale) if isinstance(layer, SubpixelConv2d) else (layer, 1)
    kernel, block = conv.kernel_size[0], math.isqrt(LANES // conv.out_channels or 1)
    grown = kernel + block - 1
    if not keeps_size(conv) or block**2 * kernel**2 < LEAST_GAIN * grown**2:
        return None
    channels, side = conv.out_channels // scale**2, scale * block
    given = conv.weight.detach().unflatten(0, (channels, scale, scale))  # (O, s, s, C, k, k)
    shape = (channels, block, scale, block, scale, conv.in_channels, grown, grown)
    weight = given.new_zeros(shape)
    for y in range(block):
        for x in range(block):
            weight[:, y, :, x, :, :, y : y + kernel, x : x + kernel] = given
    bias = conv.bias
    if bias is not None:
        phases = bias.detach().view(channels, 1, scale, 1, scale)
        bias = phases.expand(channels, block, scale, block, scale).flatten()
    weight = weight.reshape(channels * side**2, conv.in_channels, grown, grown)
    blocks = _conv(weight, bias, stride=block, padding=int(conv.padding[0]))
    return SubpixelConv2d(blocks, scale=scale)


def keeps_size(layer: nn.Conv2d) -> bool:
    """Square and odd, padded with zeros to the size of the input, without stride and the like."""
    kernel = layer.kernel_size[0]
    return (
        layer.kernel_size == (kernel, kernel)
        and kernel % 2 == 1
        and layer.padding == (kernel // 2, kernel // 2)
        and layer.padding_mode == "zeros"
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
    )


def _conv(weight: Tensor, bias: Tensor | None, *, stride: int, padding: int) -> nn.Conv2d:
    """A convolution of a square kernel with these values, which are not trained."""
    outputs, inputs, kernel, _ = weight.shape
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias is not None)
    conv.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        conv.bias = nn.Parameter(bias, requires_grad=False)
    return conv
