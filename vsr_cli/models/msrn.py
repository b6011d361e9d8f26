"""MSRN: blocks of crossed 3x3 and 5x5 branches, and every block's features at the end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, RELU, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, BLOCKS = 64, 8

SPEC = ModelSpec(
    name="msrn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=1 + BLOCKS * (2 + 2) + 1 + 1,  # conv3, two conv5 a block, two conv3 about the shuffle
    paper="Li 2018 (ECCV)",
    build=lambda scale, residual: MSRN(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: MSRN(scale, residual, features=features),
)


class MSRN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Feature conv3(64), eight multi-scale residual blocks, fuse conv1(64) over the features and the
    results of all blocks, upsample conv3(64 s^2) with a pixel shuffle, reconstruct conv3(1):
    5,891,073 parameters at x2.

    Differences from the paper: with ``residual`` the network predicts the difference to the bicubic
    enlargement; without it, the result itself, as in the paper. A copy that is often met has one
    more conv3(64) in its tail (5,928,001 parameters) and shuffles twice by 2 at x4; this is the
    paper's tail, whose table shuffles once by s.

    References:
        Li, Fang, Mei, Zhang, "Multi-scale Residual Network for Image Super-Resolution", ECCV 2018,
        doi:10.1007/978-3-030-01237-3_32.
    """

    def __init__(self, scale: int, residual: bool = True, *, features: int = FEATURES) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = conv(1, features, 3, slope=LINEAR)
        self.block = nn.ModuleList(MultiScaleBlock(features) for _ in range(BLOCKS))
        levels = BLOCKS + 1
        self.fuse = conv(levels * features, features, 1, slope=LINEAR, num_concatenated=levels)
        self.upsample = conv(features, features * scale * scale, 3, slope=LINEAR)
        self.reconstruct = conv(features, 1, 3, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.feature(centred(frames, self.residual))  # (B, 64, H, W)
        levels = [x]
        for block in self.block:
            levels.append(block(levels[-1]))
        x = self.fuse(torch.cat(levels, dim=1))  # (B, 9*64, H, W) to (B, 64, H, W)
        x = F.pixel_shuffle(self.upsample(x), self.scale)  # (B, 64, s*H, s*W)
        x = self.reconstruct(x)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x


class MultiScaleBlock(nn.Module):
    """Add what two crossed branches of 3x3 and 5x5 kernels find: (B, 64, H, W), same size.

    Each branch has two convolutions; the second of each sees the first of both (128 channels).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        both = 2 * features
        self.first_3 = conv(features, features, 3, slope=RELU)
        self.first_5 = conv(features, features, 5, slope=RELU)
        self.second_3 = conv(both, both, 3, slope=RELU, num_concatenated=2)
        self.second_5 = conv(both, both, 5, slope=RELU, num_concatenated=2)
        # Eight blocks add up: together they start with about the variance of what they add to.
        self.fuse = conv(2 * both, features, 1, slope=LINEAR, gain=BLOCKS**-0.5, num_concatenated=2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([F.relu(self.first_3(x)), F.relu(self.first_5(x))], dim=1)  # (B, 128, H, W)
        y = torch.cat([F.relu(self.second_3(y)), F.relu(self.second_5(y))], dim=1)
        return x + self.fuse(y)  # (B, 256, H, W) to (B, 64, H, W)
