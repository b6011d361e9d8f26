"""Exact faster forms of layers, made when a network is loaded; checkpoints keep the paper's layout.

Each form computes the same sums in another order, so the results agree to rounding. The rules look
at layers, not at networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.folding import fold_norms

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def rewrite(model: nn.Module, *, stack_time: bool = True) -> nn.Module:
    """Replace, in place, every layer that has a faster form; returns the (possibly new) model.

    By rule, whatever the network: batch normalisation goes into the convolution before it (see
    ``folding``), a transposed convolution becomes a sub-pixel convolution, a 3D convolution a 2D
    one over stacked frames if ``stack_time``, and what does nothing in evaluation goes. A layer
    that has no exact other form stays as it is.
    """
    return _replace_layers(fold_norms(model), stack_time=stack_time)


def _replace_layers(model: nn.Module, *, stack_time: bool) -> nn.Module:
    for name, child in list(model.named_children()):
        setattr(model, name, _replace_layers(child, stack_time=stack_time))
    if isinstance(model, DROPOUTS) and not model.training:
        return nn.Identity()
    if type(model) is nn.Sequential:
        return _without_identities(model)
    if type(model) is nn.ConvTranspose2d and _keeps_multiple(model):
        return subpixel_form(model)
    if stack_time and type(model) is nn.Conv3d and _is_plain(model):
        return StackedConv3d(model)
    return model


def _without_identities(model: nn.Sequential) -> nn.Sequential:
    """The same layers under their names, less those that return what they are given."""
    for name, child in list(model.named_children()):
        if type(child) is nn.Identity and len(model) > 1:
            delattr(model, name)
    return model


def channels_last(model: nn.Module) -> nn.Module:
    """Lay the weights of 2D and 3D convolutions out channel by channel, in place."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last)
    return model


def subpixel_form(layer: nn.ConvTranspose2d) -> nn.Sequential:
    """A stride-s transposed convolution as a convolution to s^2 channels and a pixel shuffle.

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
    conv = nn.Conv2d(inputs, outputs * s * s, size, padding=reach, bias=layer.bias is not None)
    conv.weight = nn.Parameter(weight.reshape(-1, inputs, size, size), requires_grad=False)
    if layer.bias is not None:
        conv.bias = nn.Parameter(layer.bias.detach().repeat_interleave(s * s), requires_grad=False)
    return nn.Sequential(conv, nn.PixelShuffle(s))


class StackedConv3d(nn.Module):
    """A 3D convolution as one 2D convolution over the channels of its time taps, stacked.

    (B, C, T, H, W) to (B, O, T', H', W'); frames go into the batch, so the many fast kernels for
    2D convolutions do the work.
    """

    def __init__(self, layer: nn.Conv3d) -> None:
        super().__init__()
        self.taps = layer.kernel_size[0]
        self.time_padding = int(layer.padding[0])
        self.space_padding = (int(layer.padding[1]), int(layer.padding[2]))
        stacked = layer.weight.detach().transpose(1, 2).flatten(1, 2)  # (O, taps*C, kh, kw)
        self.weight = nn.Parameter(
            stacked.contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        self.bias = (
            nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
            if layer.bias is not None
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, _, time, _, _ = x.shape
        frames = [x[:, :, t] for t in range(time)]  # each (B, C, H, W)
        blank = [torch.zeros_like(frames[0])] * self.time_padding
        frames = [*blank, *frames, *blank]
        steps = range(len(frames) - self.taps + 1)
        stacked = torch.cat(
            [torch.cat(frames[t : t + self.taps], dim=1) for t in steps]
        )  # (T'*B, taps*C, H, W)
        stacked = stacked.contiguous(memory_format=torch.channels_last)
        y = F.conv2d(stacked, self.weight, self.bias, padding=self.space_padding)
        return y.unflatten(0, (len(steps), batch)).permute(1, 2, 0, 3, 4)


def _is_plain(layer: nn.Conv3d) -> bool:
    """No stride, groups, dilation, or other padding than so many zeros."""
    ones = (1, 1, 1)
    return (
        not isinstance(layer.padding, str)
        and layer.stride == layer.dilation == ones
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )


def _keeps_multiple(layer: nn.ConvTranspose2d) -> bool:
    """Square, ungrouped, undilated, and the output is exactly ``stride`` times the input."""
    square = (
        len(set(layer.kernel_size)) == len(set(layer.stride)) == 1
        and len(set(layer.padding)) == len(set(layer.output_padding)) == 1
        and layer.groups == 1
        and layer.dilation == (1, 1)
    )
    grown = layer.kernel_size[0] + layer.output_padding[0] - 2 * int(layer.padding[0])
    return square and grown == layer.stride[0]
