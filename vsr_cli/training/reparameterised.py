"""Convolutions that train as a sum of branches, and are single convolutions again afterwards.

The branches of a layer are linear, so their sum is one kernel. The kernel is what is put together
in each step, not the branches' results: training costs next to nothing more, and zero padding is
that of the single convolution, also at the borders of a frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

EXPANSION = 2  # hidden channels of the wide branch for each channel that goes in


class Branches(nn.Module):
    """The kernel of parallel branches from their parts: (O, I, ...) to (O, I, ...).

    Added to the layer's own kernel are a 1x1 convolution to ``EXPANSION`` times the channels with
    one of the layer's size behind it, without a bias between them, and, where as many channels
    come out as go in, the identity times one factor for each channel.

    Differences from the papers: the branches meet in the kernel, not in the features, and the
    layer's bias is its own.

    References:
        Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", CVPR 2021, arXiv:2101.03697.
        Zhang, Zeng, Zhang, "Edge-oriented Convolution Block for Real-time Super Resolution on
        Mobile Devices", ACM MM 2021, doi:10.1145/3474085.3475291 (the 1x1 - 3x3 branch).
        Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution", MLSys
        2022, arXiv:2103.09404 (collapsing in each step of training).
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        outputs, inputs, *kernel = weight.shape
        hidden = EXPANSION * inputs
        self.widen = nn.Parameter(weight.new_empty(hidden, inputs))
        self.narrow = nn.Parameter(weight.new_empty(outputs, hidden, *kernel))
        nn.init.kaiming_normal_(self.widen, nonlinearity="linear")
        nn.init.normal_(self.narrow, std=float(weight.std()) / EXPANSION**0.5)
        self.identity = nn.Parameter(weight.new_ones(outputs)) if outputs == inputs else None

    def forward(self, weight: Tensor) -> Tensor:
        """The layer's own kernel and that of all branches, (O, I, ...)."""
        return weight + self.added()

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The layer's own kernel with which the sum is ``weight``."""
        return weight - self.added()

    def added(self) -> Tensor:
        """The kernel of all branches but the layer's own."""
        kernel = torch.einsum("oh...,hi->oi...", self.narrow, self.widen)
        if self.identity is None:
            return kernel
        factors = self.identity.view(-1, *[1] * (kernel.ndim - 1))
        return kernel + factors * nn.init.dirac_(torch.empty_like(kernel))


def expand(model: nn.Module) -> nn.Module:
    """Give every convolution but those of 1x1 pixel its branches, in place.

    The network computes what it did before, to rounding; its parameters are those of the branches.
    """
    for layer in list(model.modules()):
        if not isinstance(layer, nn.Conv2d | nn.Conv3d) or layer.groups > 1:
            continue
        if max(layer.kernel_size[-2:]) > 1:
            parametrize.register_parametrization(layer, "weight", Branches(layer.weight.detach()))
    return model


def collapse(model: nn.Module) -> nn.Module:
    """Make every layer that ``expand`` changed a single convolution again, in place."""
    for layer in model.modules():
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")
    return model
