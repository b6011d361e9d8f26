"""3D convolutions as 2D ones, whose kernels are many and fast; the same sums in another order.

Frames go into the batch, and stay channels-last from layer to layer: a result is a view (B, O, T',
H', W') of (T', B, H', W', O) in memory, which the next layer takes without a copy.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import groupby
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.rewrite.fused import add_convolution, convolve

# How time goes into 2D convolutions: in the form that suits a layer on a CPU, always by stacked
# frames, or not at all.
TimeForm = Literal["summed", "stacked", "native"]
LANES = 16  # fp32 values of a vector of AVX-512: so many channels cost what one does
IS_DILATED = 2  # of a kernel of one pixel: see ``force_blocked``


def conv3d_form(layer: nn.Conv3d, form: TimeForm) -> nn.Module:
    """The fast form of a 3D convolution, or the layer itself where there is none.

    ``summed`` means by the taps, one by one, where stacking would copy more than a vector's worth
    of channels for each pixel, else stacked. srnet3d on five frames of 126x126 takes 52 ms of CPU
    time so, 91 ms with all layers stacked, and 59 ms where the taps are added and rectified by
    PyTorch's functions (fp32, one thread of a Xeon with AVX-512, in one run).
    """
    if form == "native" or not _is_plain(layer):
        return layer
    stacked = layer.kernel_size[0] * layer.in_channels
    return SummedConv3d(layer) if form == "summed" and stacked > LANES else StackedConv3d(layer)


class FramesConv3d(nn.Module):
    """A 3D convolution on frames: (B, C, T, H, W) to (B, O, T', H', W'), and ReLU if asked for.

    Space may be padded by zeros or by the edge pixel, time by zeros.
    """

    rectifies = True  # see ``layers.rectified``

    def __init__(self, layer: nn.Conv3d) -> None:
        super().__init__()
        self.taps = layer.kernel_size[0]
        self.time_padding, *space = (int(padding) for padding in layer.padding)
        is_edge = layer.padding_mode == "replicate"
        self.edge = space if is_edge and any(space) else None
        self.space_padding = [0, 0] if is_edge else space
        self.bias = None
        if layer.bias is not None:
            self.bias = nn.Parameter(layer.bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor, *, rectify: bool = False) -> Tensor:
        batch = len(x)
        frames = x.permute(2, 0, 3, 4, 1).contiguous()  # (T, B, H, W, C)
        frames = frames.flatten(0, 1).permute(0, 3, 1, 2)  # (T*B, C, H, W), channels-last
        if self.edge is not None:
            down, across = self.edge
            frames = F.pad(frames, (across, across, down, down), mode="replicate")
        made = self._convolve(frames, batch, rectify=rectify)
        return made.unflatten(0, (-1, batch)).permute(1, 2, 0, 3, 4)

    @abstractmethod
    def _convolve(self, frames: Tensor, batch: int, *, rectify: bool) -> Tensor:
        """(T*B, C, H, W) to (T'*B, O, H', W')."""


class StackedConv3d(FramesConv3d):
    """One 2D convolution over the channels of all time taps, stacked."""

    def __init__(self, layer: nn.Conv3d) -> None:
        super().__init__(layer)
        stacked = layer.weight.detach().transpose(1, 2).flatten(1, 2)  # (O, taps*C, kh, kw)
        self.weight = _frozen(stacked)

    def _convolve(self, frames: Tensor, batch: int, *, rectify: bool) -> Tensor:
        blank = frames.new_zeros(self.time_padding * batch, *frames.shape[1:])
        frames = torch.cat([blank, frames, blank]) if self.time_padding else frames
        steps = len(frames) - (self.taps - 1) * batch
        stacked = torch.cat(
            [frames[tap * batch : tap * batch + steps] for tap in range(self.taps)], dim=1
        )  # (T'*B, taps*C, H, W)
        stacked = stacked.contiguous(memory_format=torch.channels_last)
        return convolve(
            stacked, self.weight, self.bias, padding=self.space_padding, rectify=rectify
        )


class SummedConv3d(FramesConv3d):
    """A 2D convolution for each time tap, added up; blank frames are left out."""

    def __init__(self, layer: nn.Conv3d) -> None:
        super().__init__(layer)
        self.weights = nn.ParameterList(_frozen(tap) for tap in layer.weight.detach().unbind(2))
        self.dilation = IS_DILATED if self.weights[0].shape[2:] == (1, 1) else 1

    def _convolve(self, frames: Tensor, batch: int, *, rectify: bool) -> Tensor:
        num_frames = len(frames) // batch
        steps = num_frames + 2 * self.time_padding - self.taps + 1
        taps_by_step = [self._taps_of(step, num_frames) for step in range(steps)]
        common = next(
            (tap for tap in taps_by_step[0] if all(tap in taps for taps in taps_by_step)), None
        )
        if common is None:
            result = self._offsets(frames, steps * batch)
        else:
            first = (common - self.time_padding) * batch
            result = self._tap(common, frames[first : first + steps * batch])
        at_once = rectify and not torch.is_grad_enabled()  # a gradient wants the sums
        for taps, steps_alike in groupby(range(steps), key=taps_by_step.__getitem__):
            run = list(steps_alike)
            part = result[run[0] * batch : (run[-1] + 1) * batch]
            others = [tap for tap in taps if tap != common]
            for tap in others:
                first = (run[0] + tap - self.time_padding) * batch
                add_convolution(
                    part,
                    frames[first : first + len(part)],
                    self.weights[tap],
                    padding=self.space_padding,
                    dilation=self.dilation,
                    rectify=at_once and tap == others[-1],
                )
            if at_once and not others:
                F.relu_(part)
        return F.relu(result) if rectify and not at_once else result

    def _taps_of(self, step: int, num_frames: int) -> tuple[int, ...]:
        """The taps under which there is a frame."""
        first = step - self.time_padding
        return tuple(tap for tap in range(self.taps) if 0 <= first + tap < num_frames)

    def _tap(self, tap: int, frames: Tensor) -> Tensor:
        """The convolution of one tap, with the bias."""
        weight = self.weights[tap]
        return convolve(
            frames, weight, self.bias, padding=self.space_padding, dilation=self.dilation
        )

    def _offsets(self, frames: Tensor, number: int) -> Tensor:
        """What a result is before any tap: its bias, (number, O, H', W')."""
        one = self._tap(0, torch.zeros_like(frames[:1]))
        return one.repeat(number, 1, 1, 1)


def force_blocked(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a convolution of one pixel go to oneDNN, in place; returns the layer.

    With one thread PyTorch sends those through its own, slower code (320x160, 12 to 56 channels:
    4.7 ms in the place of 2.7 on one core of a Xeon with AVX-512) unless they are dilated, which
    means nothing to a kernel of one pixel.
    """
    if layer.kernel_size == layer.stride == (1, 1) and layer.groups == 1:
        layer.dilation = (IS_DILATED, IS_DILATED)
    return layer


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(
        weight.clone(memory_format=torch.contiguous_format).contiguous(
            memory_format=torch.channels_last
        ),
        requires_grad=False,
    )


def _is_plain(layer: nn.Conv3d) -> bool:
    """No stride, groups or dilation; padded by zeros, or by the edge pixel in space alone."""
    ones = (1, 1, 1)
    if isinstance(layer.padding, str) or layer.groups != 1:
        return False
    is_edge = layer.padding_mode == "replicate" and layer.padding[0] == 0
    return layer.stride == layer.dilation == ones and (layer.padding_mode == "zeros" or is_edge)
