"""ESPCN: all layers at low resolution, then a pixel shuffle."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, MAPPED = 64, 32

SPEC = ModelSpec(
    name="espcn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=2 + 1 + 1,  # conv5 and two conv3
    paper="Shi 2016, arXiv:1609.05158",
    build=lambda scale, residual: ESPCN(scale, residual),
)


class ESPCN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Feature conv5(64) and map conv3(32) with tanh, upsample conv3(s^2), whose channels a pixel
    shuffle lays out as s x s pixels: 21,284, 22,729 and 24,752 parameters for s = 2, 3 and 4.

    Difference from the paper: with ``residual`` the network predicts the difference to the bicubic
    enlargement; without it, the result itself, as in the paper.

    References:
        Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network", CVPR 2016, arXiv:1609.05158.
    """

    def __init__(self, scale: int, residual: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = conv(1, FEATURES, 5, slope=LINEAR)
        self.map = conv(FEATURES, MAPPED, 3, slope=LINEAR)
        self.upsample = conv(MAPPED, scale * scale, 3, slope=LINEAR)
        if residual:
            near_zero(self.upsample)

    def forward(self, frames: Tensor) -> Tensor:
        x = torch.tanh(self.feature(centred(frames, self.residual)))  # (B, 64, H, W)
        x = torch.tanh(self.map(x))  # (B, 32, H, W)
        x = F.pixel_shuffle(self.upsample(x), self.scale)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x
