"""Refine3D: a 3D stage of ours behind any 2D stage, at a quarter of its pixels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.layers import LINEAR, PRELU, centred, conv, conv3d, near_identity, near_zero
from vsr_cli.models.spec import ModelSpec

WINDOW = 5
UNIT = 2  # pixels of a side that become channels
FUSED = (16, 32)  # channels behind each of the two 3D convolutions, which use up the time axis
LAYERS = 2  # convolutions of the middle frame behind them

SPEC = ModelSpec(
    name="refine3d",
    kind="clip",
    color="luma",
    scales=(1,),
    window=WINDOW,
    # one unit for each convolution, and the rest of the unit that the pixel itself is in
    radius=(len(FUSED) + LAYERS + 1) * UNIT + UNIT - 1,
    unit=UNIT,
    paper="ours, after Zhu & Gao and Kim 2018, arXiv:1812.09079",
    build=lambda scale, residual: Refine3D(residual),
)


class Refine3D(nn.Module):
    """Refine the middle of five frames. frames: (B, 1, 5, H, W) in [0, 1]; returns (B, 1, H, W).

    It has the place of SRnet3D, at a fifteenth of its cost: each 2x2 pixels become four channels of
    one, 3x3x3(16) and 3x3x3(32) use up the time axis (5 to 3 to 1 frames), 2 x conv3(32) and
    conv3(4) make the four pixels again; PReLU with one slope per channel after all but the last.
    35,252 parameters, PReLU slopes apart. Sides that are odd are continued by one pixel.

    What a pixel gets depends on its place in the 2x2 pixels, so tiles start at even pixels
    (``SPEC.unit``). Without ``residual`` the result is not added to the middle frame.

    References:
        The pixels of a unit as channels are the inverse of the sub-pixel layer of Shi et al., CVPR
        2016, arXiv:1609.05158; window and place are those of ``srnet3d``.
    """

    def __init__(self, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        channels = FUSED[-1]
        widths = [UNIT * UNIT, *FUSED]
        self.fuse = nn.ModuleList(
            conv3d(given, made, 3, slope=PRELU) for given, made in zip(widths, FUSED, strict=False)
        )
        self.fuse_slope = nn.ModuleList(nn.PReLU(made) for made in FUSED)
        self.map = nn.ModuleList(
            near_identity(conv(channels, channels, 3, slope=PRELU)) for _ in range(LAYERS)
        )
        self.map_slope = nn.ModuleList(nn.PReLU(channels) for _ in range(LAYERS))
        self.reconstruct = conv(channels, UNIT * UNIT, 3, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        x = centred(frames, self.residual)
        x = F.pad(x, (0, width % UNIT, 0, height % UNIT, 0, 0), mode="replicate")
        x = F.pixel_unshuffle(x[:, 0], UNIT)  # (B, 5*4, H/2, W/2)
        x = x.unflatten(1, (WINDOW, UNIT * UNIT)).transpose(1, 2)  # (B, 4, 5, H/2, W/2)
        for layer, slope in zip(self.fuse, self.fuse_slope, strict=True):
            x = slope(layer(x))  # (B, 16, 3, H/2, W/2), then (B, 32, 1, H/2, W/2)
        x = x.squeeze(2)
        for layer, slope in zip(self.map, self.map_slope, strict=True):
            x = slope(layer(x))
        x = F.pixel_shuffle(self.reconstruct(x), UNIT)[..., :height, :width]  # (B, 1, H, W)
        return frames[:, :, WINDOW // 2] + x if self.residual else x
