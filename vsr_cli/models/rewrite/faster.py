"""Exact faster forms of layers, made when a network is loaded; checkpoints keep the paper's layout.

Each form computes the same sums in another order, so the results agree to rounding. The rules look
at layers, not at networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vsr_cli.models.rewrite.conv3d import TimeForm, conv3d_form, force_blocked
from vsr_cli.models.rewrite.folding import fold_norms
from vsr_cli.models.rewrite.subpixel import SubpixelConv2d, block_form, subpixel_form

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """Which of the forms that are not always the faster ones are; see where they are made."""

    time: TimeForm = "stacked"
    is_blocked: bool = False  # few channels in blocks of pixels, kernels of one pixel to oneDNN


ANYWHERE = Forms()
CPU_FP32 = Forms(time="summed", is_blocked=True)
# In bf16 the CPU's own 3D convolution is faster than stacked frames: 320x640 in tiles of 160 takes
# 0.3 s in the place of 0.9 s (one core of an EPYC with AVX512-BF16).
CPU_BF16 = Forms(time="native")


def rewrite(model: nn.Module, forms: Forms = ANYWHERE) -> nn.Module:
    """Replace, in place, every layer that has a faster form; returns the (possibly new) model.

    By rule, whatever the network: batch normalisation goes into the convolution before it (see
    ``folding``), a transposed convolution becomes a sub-pixel convolution, a 3D convolution one or
    several 2D ones (see ``conv3d``), a convolution to few channels one to the pixels of a block
    (see ``subpixel``), and what does nothing in evaluation goes. A layer that has no exact other
    form stays as it is.
    """
    return _replace_layers(fold_norms(model), forms)


def _replace_layers(model: nn.Module, forms: Forms) -> nn.Module:
    for name, child in list(model.named_children()):
        setattr(model, name, _replace_layers(child, forms))
    if isinstance(model, DROPOUTS) and not model.training:
        return nn.Identity()
    if type(model) is nn.Sequential:
        return _without_identities(model)
    if type(model) is nn.Conv3d:
        return conv3d_form(model, forms.time)
    if type(model) is nn.ConvTranspose2d and _keeps_multiple(model):
        return _blocked(subpixel_form(model), forms)
    return _blocked(model, forms) if type(model) is nn.Conv2d else model


def _blocked(model: nn.Conv2d | SubpixelConv2d, forms: Forms) -> nn.Module:
    """The form of a 2D convolution, or of one that was transposed, that fills a CPU's vectors."""
    if not forms.is_blocked:
        return model
    return block_form(model) or (force_blocked(model) if isinstance(model, nn.Conv2d) else model)


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
