"""2d3d-fast: the 2D and the 3D work in one, all of it at low resolution."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, PRELU, conv, conv3d, near_identity, near_zero
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.temporal import TemporalUpscaler


@dataclass(frozen=True, slots=True)
class StepSize:
    """One step: a convolution over so many neighbours, and convolutions of what it makes."""

    taps: int
    channels: int
    layers: int  # the first one included


SIZES = (StepSize(1, 16, 3), StepSize(5, 32, 4))

SPEC = ModelSpec(
    name="2d3d-fast",
    kind="clip",
    color="luma",
    scales=(2, 3, 4),
    window=1 + sum(size.taps - 1 for size in SIZES),
    radius=sum(size.layers for size in SIZES) + 1,
    paper="ours, after Zhu & Gao and Shi 2016, arXiv:1609.05158",
    build=lambda scale, residual: Fast(scale, residual),
)


class Fast(TemporalUpscaler):
    """Enlarge the middle of five frames. frames: (B, 1, 5, H, W); returns (B, 1, s*H, s*W)."""

    def __init__(
        self, scale: int, residual: bool = True, *, sizes: tuple[StepSize, ...] = SIZES
    ) -> None:
        super().__init__(scale, residual)
        self.taps = tuple(size.taps for size in sizes)
        self.radii = tuple(size.layers for size in sizes)
        self.scales = (1,) * len(sizes)
        inputs = [1, *(size.channels for size in sizes)]
        self.stage = nn.ModuleList(
            FusionStep(given, size) for given, size in zip(inputs, sizes, strict=False)
        )
        self.upsample = conv(inputs[-1], scale * scale, 3, slope=LINEAR)
        if residual:
            near_zero(self.upsample)

    def step(self, number: int, codes: Tensor) -> Tensor:
        result: Tensor = self.stage[number](codes)
        return result

    def finish(self, code: Tensor, middle: Tensor) -> Tensor:
        x = F.pixel_shuffle(self.upsample(code), self.scale)  # (B, 1, s*H, s*W)
        return enlarge(middle, self.scale) + x if self.residual else x


class FusionStep(nn.Module):
    """(B, C, taps, H, W) to (B, C', H, W): fuse over time, then work on the frame that is made."""

    def __init__(self, inputs: int, size: StepSize) -> None:
        super().__init__()
        self.fuse = conv3d(inputs, size.channels, size.taps, slope=PRELU)
        self.fuse_slope = nn.PReLU(size.channels)
        self.map = nn.ModuleList(
            near_identity(conv(size.channels, size.channels, 3, slope=PRELU))
            for _ in range(size.layers - 1)
        )
        self.map_slope = nn.ModuleList(nn.PReLU(size.channels) for _ in range(size.layers - 1))

    def forward(self, codes: Tensor) -> Tensor:
        x: Tensor = self.fuse_slope(self.fuse(codes).squeeze(2))
        for layer, slope in zip(self.map, self.map_slope, strict=True):
            x = slope(layer(x))
        return x
