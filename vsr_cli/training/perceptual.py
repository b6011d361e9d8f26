"""Features of VGG-19 as a measure of likeness, from a weight file that the user has."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.errors import WeightsError
from vsr_cli.models.foreign import open_weights

# Configuration E of Simonyan & Zisserman: convolutions in each group, a pooling between two groups.
GROUPS = (2, 2, 4, 4, 4)
KINDS = ("weight", "bias")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's files want


class VGG19Features(nn.Module):
    """The 16 convolutions of VGG-19, up to the activation of the last: (B, 3, H, W) to features.

    Input is RGB in [0, 1]. The widths are those of the file, whose tensors have torchvision's names
    (``features.0.weight`` to ``features.34.bias``; others are not needed). The network is held: it
    passes gradients on and learns nothing.

    Raises:
        WeightsError: the file cannot be read, or is not that network.

    References:
        Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        ICLR 2015, arXiv:1409.1556.
        Ledig et al. 2017, arXiv:1609.04802, Eq. 5 (the distance of features after conv5_4).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        tensors = open_weights(path).tensors
        self.layers = nn.ModuleList()
        self.is_last = []  # of its group
        number = 0
        for size in GROUPS:
            for place in range(size):
                try:
                    weight, bias = (tensors[f"features.{number}.{kind}"] for kind in KINDS)
                except KeyError as error:
                    raise WeightsError(
                        f"{path} is no VGG-19 of torchvision: {error.args[0]} is missing"
                    ) from error
                layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                layer.load_state_dict({"weight": weight, "bias": bias})
                self.layers.append(layer)
                self.is_last.append(place == size - 1)
                number += 2  # a ReLU lies between
            number += 1  # the pooling
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to features (B, C, H/16, W/16), after the activation."""
        x = (rgb - self.mean) / self.std
        for number, layer in enumerate(self.layers):
            x = F.relu(layer(x))
            if self.is_last[number] and number < len(self.layers) - 1:
                x = F.max_pool2d(x, 2)
        return x
