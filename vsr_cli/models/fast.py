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


SIZES = (StepSize(3, 24, 3), StepSize(3, 32, 3))

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
    """Enlarge the middle of five frames. frames: (B, 1, 5, H, W); returns (B, 1, s*H, s*W).

    Two steps fuse three neighbours each: a 3x3x3 convolution that uses up the time axis, and two
    conv3 of what it makes; 24 channels in the first step, 32 in the second, PReLU with one slope
    per channel. Then upsample conv3(s^2), whose channels a pixel shuffle lays out as s x s pixels,
    over the bicubic enlargement. 51,508 parameters at x2. A stream does each step once for each
    frame, however many windows hold it, at the low resolution.

    Chosen on jet_100 and turbulence_100 among forms of about the same cost, each trained for 2,500
    steps at x2 (4 windows of 44x44, branches, seed 0). Steps are taps x channels x layers; ms are
    CPU time for 320x160 to 640x320 on one thread of an EPYC with AVX-512, fp32 and bf16.

    | steps                | parameters | kMAC | dB    | ms       |
    |----------------------|------------|------|-------|----------|
    | 3x24x3 3x32x3        | 51,508     | 12.8 | 52.77 | 60 / 61  |
    | 1x16x3 5x32x4        | 56,772     | 14.2 | 52.74 | 69 / 47  |
    | 5x32x6               | 48,868     | 12.2 | 52.73 | 41 / 26  |
    | 1x8x2 5x32x5         | 50,364     | 12.6 | 52.71 | 57 / 40  |
    | 3x16x3 3x32x4        | 47,844     | 11.9 | 52.70 | 53 / 51  |
    | 5x24x10              | 48,844     | 12.2 | 52.66 | 67 / 122 |
    | 1x16x2 3x24x2 3x32x2 | 49,252     | 12.3 | 52.58 | 73 / 78  |

    The second would pass 60,000 parameters at x4.

    References:
        Zhu & Gao and Kim et al. 2018, arXiv:1812.09079, for five frames and 3D convolutions; Shi et
        al., CVPR 2016, arXiv:1609.05158, for the sub-pixel layer. That frames are fused in two
        steps of three is as in Tassano et al., "FastDVDnet", CVPR 2020, arXiv:1907.01361.
    """

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
