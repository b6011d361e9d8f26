"""Plain: convolutions of 3x3 and a pixel shuffle, over the bicubic enlargement."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, PRELU, centred, conv, near_identity, near_zero
from vsr_cli.models.spec import ModelSpec

SIZES = 32, 6  # channels, and convolutions before the one that makes the pixels
SMALL_SIZES = 16, 4

SPEC = ModelSpec(
    name="plain",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=SIZES[1] + 1,
    paper="ours, after Shi 2016, arXiv:1609.05158",
    build=lambda scale, residual: Plain(scale, residual),
)
SPEC_SMALL = replace(
    SPEC,
    name="plain-s",
    radius=SMALL_SIZES[1] + 1,
    build=lambda scale, residual: Plain(scale, residual, sizes=SMALL_SIZES),
)


class Plain(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    A stack of conv3 of ``sizes`` = (channels, layers), PReLU with one slope per channel after each,
    and upsample conv3(s^2), whose channels a pixel shuffle lays out as s x s pixels.

    References:
        The sub-pixel layer is that of Shi et al., "Real-Time Single Image and Video
        Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016,
        arXiv:1609.05158; that nothing but 3x3 is needed, of the networks that train with more
        branches, see ``training.reparameterised``.
    """

    def __init__(
        self, scale: int, residual: bool = True, *, sizes: tuple[int, int] = SIZES
    ) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        channels, layers = sizes
        self.feature = conv(1, channels, 3, slope=PRELU)
        self.feature_slope = nn.PReLU(channels)
        self.map = nn.ModuleList(
            near_identity(conv(channels, channels, 3, slope=PRELU)) for _ in range(layers - 1)
        )
        self.map_slope = nn.ModuleList(nn.PReLU(channels) for _ in range(layers - 1))
        self.upsample = conv(channels, scale * scale, 3, slope=LINEAR)
        if residual:
            near_zero(self.upsample)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.feature_slope(self.feature(centred(frames, self.residual)))  # (B, C, H, W)
        for layer, slope in zip(self.map, self.map_slope, strict=True):
            x = slope(layer(x))
        x = F.pixel_shuffle(self.upsample(x), self.scale)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x
