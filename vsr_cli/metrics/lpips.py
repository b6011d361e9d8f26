"""LPIPS: distance of two pictures in the features of a network that was trained to name objects.

References:
    Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a
    perceptual metric", CVPR 2018, arXiv:1801.03924.
    Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014),
    arXiv:1404.5997 (the AlexNet of torchvision).
    Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition",
    ICLR 2015, arXiv:1409.1556 (VGG-16).

The weights are the user's: those of torchvision's network, and the linear heads of the authors'
package ``lpips`` (its version 0.1), in two files or merged as that package saves them. We differ in
the precision, which is float64. A gray picture counts as three equal channels; its size is kept.
Pixels without a truth (NaN) are filled with its mean in both pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F

from vsr_cli.errors import WeightsError
from vsr_cli.metrics.batch import FramePairs

if TYPE_CHECKING:
    from torch import Tensor

    from vsr_cli.metrics.pair import Image

SHIFT = (-0.030, -0.088, -0.188)  # of RGB in [-1, 1]: ImageNet's means and deviations there
SCALE = (0.458, 0.448, 0.450)
TINY = 1e-10  # added to the length of a vector of features
PADDING = {11: 2, 5: 2, 3: 1}  # of a kernel's size
STRIDE = {11: 4}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network up to its last convolution; after each stage its features are compared."""

    name: str
    stages: tuple[tuple[int, ...], ...]  # torchvision's numbers of the convolutions
    kernel: int  # of the first one
    pool: int  # side of the maximum, stride 2, before those stages that begin with one
    pooled: tuple[int, ...]
    least_side: int  # pixels


BACKBONES = (
    Backbone("AlexNet", ((0,), (3,), (6,), (8,), (10,)), 11, 3, (1, 2), 31),
    Backbone(
        "VGG-16", ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)), 3, 2, (1, 2, 3, 4), 16
    ),
)


@dataclass(frozen=True, slots=True)
class LearnedSimilarity:
    """A backbone and its heads, in float64."""

    backbone: Backbone
    layers: Mapping[int, tuple[Tensor, Tensor]]  # weight and bias of each convolution
    heads: tuple[Tensor, ...]  # (C,) of each stage

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Find the network and the heads among the tensors of one or more files.

        Raises:
            WeightsError: they are not all there, or do not fit each other.
        """
        named = {_plain_name(name): tensor.to(torch.float64) for name, tensor in tensors.items()}
        first = named.get("features.0.weight")
        if first is None:
            raise WeightsError(
                "LPIPS needs a network's features too: give the file of torchvision's AlexNet or "
                "VGG-16 as another --lpips-weights"
            )
        backbone = next((one for one in BACKBONES if one.kernel == first.shape[-1]), None)
        if backbone is None:
            raise WeightsError(f"LPIPS knows AlexNet and VGG-16, none begins with {first.shape}")
        numbers = [number for stage in backbone.stages for number in stage]
        names = [f"features.{number}.{kind}" for number in numbers for kind in ("weight", "bias")]
        heads = [f"head.{index}" for index in range(len(backbone.stages))]
        missing = [name for name in (*names, *heads) if name not in named]
        if missing:
            what = "the heads of the package lpips" if missing[0] in heads else missing[0]
            raise WeightsError(
                f"LPIPS by {backbone.name} lacks {what}: give torchvision's file and the heads "
                f"({'alex' if backbone.kernel == 11 else 'vgg'}.pth of the package lpips)"
            )
        layers = {n: (named[f"features.{n}.weight"], named[f"features.{n}.bias"]) for n in numbers}
        flat = tuple(named[name].flatten() for name in heads)
        for stage, head in zip(backbone.stages, flat, strict=True):
            if len(head) != len(layers[stage[-1]][1]):
                raise WeightsError(
                    f"the heads do not fit {backbone.name}: one is for {len(head)} features where "
                    f"there are {len(layers[stage[-1]][1])}"
                )
        return cls(backbone, layers, flat)

    def on(self, device: torch.device) -> LearnedSimilarity:
        """The same on a device."""
        layers = {n: (w.to(device), b.to(device)) for n, (w, b) in self.layers.items()}
        return replace(self, layers=layers, heads=tuple(head.to(device) for head in self.heads))

    def distance(self, sr: Image, hr: Image, *, border: int = 0) -> float:
        """LPIPS of two images, 0 for identical ones. sr, hr: (H, W) or (3, H, W) float in [0, 1].

        Raises:
            ValueError: the images do not fit each other (see ``FramePairs``), or are too small.
        """
        return float(self.per_frame(FramePairs.of(sr, hr), border=border))

    def per_frame(self, frames: FramePairs, *, border: int) -> torch.Tensor:
        """The LPIPS of each frame, by itself, since features take much memory: (B,).

        Raises:
            ValueError: the frames are too small.
        """
        sr, hr = frames.filled(border)
        if min(sr.shape[-2:]) < self.backbone.least_side:
            side, (height, width) = self.backbone.least_side, sr.shape[-2:]
            raise ValueError(
                f"LPIPS needs at least {side}x{side} pixels inside the border, got {width}x{height}"
            )
        truth = frames.truth.parts.once(
            ("features", border), lambda: [self._features(image) for image in hr]
        )
        with torch.inference_mode():
            pairs = zip(map(self._features, sr), truth, strict=True)
            return torch.stack([self._distance(*pair) for pair in pairs])

    def _distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        squares = [
            torch.einsum("c,chw->hw", head, (x - y).square()).mean()
            for head, x, y in zip(self.heads, first, second, strict=True)
        ]
        return torch.stack(squares).sum()

    @torch.inference_mode()
    def _features(self, image: Tensor) -> list[Tensor]:
        """The features of each stage, of length 1 at each place: (C, H, W)."""
        shift, scale = (image.new_tensor(row).view(3, 1, 1) for row in (SHIFT, SCALE))
        x = (image.expand(3, *image.shape[-2:]) * 2 - 1 - shift) / scale
        found = []
        for index, stage in enumerate(self.backbone.stages):
            if index in self.backbone.pooled:
                x = F.max_pool2d(x, self.backbone.pool, 2)
            for number in stage:
                weight, bias = self.layers[number]
                side = weight.shape[-1]
                x = F.conv2d(x, weight, bias, STRIDE.get(side, 1), PADDING[side]).relu()
            found.append(x / (x.square().sum(0, keepdim=True).sqrt() + TINY))
        return found


def _plain_name(name: str) -> str:
    """A tensor's name as torchvision has it, "head.0" for a linear head; else as it is."""
    name = re.sub(r"^net\.slice\d\.", "features.", name)
    return re.sub(r"^(?:lin|lins\.)(\d)\.model\.1\.weight$", r"head.\1", name)
