"""SCMSRN and MCMSRN: five scales of features in each block, for photographs of droplets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, PRELU, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, BLOCKS, CASCADED = 64, 4, 4
KERNELS = (1, 3, 5, 7, 9)

SPEC = ModelSpec(
    name="scmsrn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    # conv3, 9 pixels across in each block, conv3 after the shuffle
    radius=1 + BLOCKS * CASCADED + 1,
    paper="Ning 2021, doi:10.3390/make3020023",
    build=lambda scale, residual: SCMSRN(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: SCMSRN(scale, residual, features=features),
)
SPEC_MULTICORE = replace(
    SPEC,
    name="mcmsrn",
    build=lambda scale, residual: SCMSRN(scale, residual, block=MultiCoreBlock),
    of_width=lambda scale, residual, features: SCMSRN(
        scale, residual, features=features, block=MultiCoreBlock
    ),
)


class SCMSRN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Feature conv3(64), four blocks, fuse conv1(64) over the sum of the features and of all blocks,
    upsample conv1(s^2), a pixel shuffle, tanh, reconstruct conv3(1); PReLU with one slope per
    channel before the upsampling. 694,734 parameters at x2; with ``MultiCoreBlock``, which makes it
    MCMSRN, 2,791,886.

    The paper contradicts itself, and this is how it is read here:

    - Its totals (694.5 k and 2791.7 k) fit exactly if 64 channels are shuffled directly at x4 and
      a conv3(4 to 1) follows (694,501 and 2,791,653); that form has no x3. Our conv1(s^2) before
      the shuffle is the W of its Eq. 15.
    - The text calls the global fusion a splicing, Eq. 6 a sum. The sum fits the totals, a
      concatenation (711,118) does not.
    - In the blocks Eq. 12 is a sum, text and figures concatenate; the totals fit the latter.
    - It speaks of an input that is enlarged bicubically, and enlarges inside; we do the latter.
    - It trains for the residual image, of which Eq. 17 knows nothing: with ``residual`` the network
      predicts the difference to the bicubic enlargement, without it the result itself.

    Its images were augmented before they were split, so those it tests on are rotations of those it
    trains on: its figures are no target. Its column of FLOPs is parameters times 17 times 17.

    References:
        Ning, Zhang, Han, Han, Zhang, "Single-Core Multiscale Residual Network for the Super
        Resolution of Liquid Metal Specimen Images", Mach. Learn. Knowl. Extr. 3 (2021),
        doi:10.3390/make3020023.
    """

    def __init__(
        self,
        scale: int,
        residual: bool = True,
        *,
        features: int = FEATURES,
        block: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        make = block or SingleCoreBlock
        self.feature = conv(1, features, 3, slope=PRELU)
        self.feature_slope = nn.PReLU(features)
        self.block = nn.ModuleList(make(features) for _ in range(BLOCKS))
        self.fuse = conv(features, features, 1, slope=PRELU)
        self.fuse_slope = nn.PReLU(features)
        self.upsample = conv(features, scale * scale, 1, slope=LINEAR)
        self.reconstruct = conv(1, 1, 3, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.feature_slope(self.feature(centred(frames, self.residual)))  # (B, 64, H, W)
        total = x
        for block in self.block:
            x = block(x)
            total = total + x
        x = self.fuse_slope(self.fuse(total))  # (B, 64, H, W)
        x = torch.tanh(F.pixel_shuffle(self.upsample(x), self.scale))  # (B, 1, s*H, s*W)
        x = self.reconstruct(x)
        return enlarge(frames, self.scale) + x if self.residual else x


class SingleCoreBlock(nn.Module):
    """Features of five scales, 1 to 9 pixels across: (B, 64, H, W), same size.

    A conv1 and a cascade of four conv3 see the same input; what each of the five gives is
    concatenated and brought back to 64 channels. PReLU after every convolution.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.point = conv(features, features, 1, slope=PRELU)
        self.point_slope = nn.PReLU(features)
        self.cascade = nn.ModuleList(
            conv(features, features, 3, slope=PRELU) for _ in range(CASCADED)
        )
        self.cascade_slope = nn.ModuleList(nn.PReLU(features) for _ in range(CASCADED))
        levels = CASCADED + 1
        self.fuse = conv(levels * features, features, 1, slope=PRELU, num_concatenated=levels)
        self.fuse_slope = nn.PReLU(features)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.point_slope(self.point(x))]
        for layer, slope in zip(self.cascade, self.cascade_slope, strict=True):
            x = slope(layer(x))
            levels.append(x)
        return self.fuse_slope(self.fuse(torch.cat(levels, dim=1)))  # from (B, 5*64, H, W)


class MultiCoreBlock(nn.Module):
    """The same five scales by parallel kernels of 1 to 9 pixels: (B, 64, H, W), same size."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.core = nn.ModuleList(conv(features, features, size, slope=PRELU) for size in KERNELS)
        self.core_slope = nn.ModuleList(nn.PReLU(features) for _ in KERNELS)
        levels = len(KERNELS)
        self.fuse = conv(levels * features, features, 1, slope=PRELU, num_concatenated=levels)
        self.fuse_slope = nn.PReLU(features)

    def forward(self, x: Tensor) -> Tensor:
        cores = zip(self.core, self.core_slope, strict=True)
        levels = [slope(layer(x)) for layer, slope in cores]
        return self.fuse_slope(self.fuse(torch.cat(levels, dim=1)))  # from (B, 5*64, H, W)
