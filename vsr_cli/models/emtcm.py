"""EMTCM: FSRCNN's hourglass with nine residual blocks at its waist."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import PRELU, centred, conv, deconv
from vsr_cli.models.spec import ModelSpec

FEATURES, SHRUNK, BLOCKS = 56, 12, 9

SPEC = ModelSpec(
    name="emtcm",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=2 + BLOCKS + 2,  # conv5, nine conv3, and 9 taps that lie the stride apart
    paper="Yang 2021, doi:10.3390/electronics10192434",
    build=lambda scale, residual: EMTCM(scale, residual),
)


class EMTCM(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Feature conv5(56), shrink conv1(12), nine residual blocks of one conv3(12) each within one long
    skip, expand conv1(56), upsample deconv9(1) of stride s; PReLU with one slope per channel after
    all but the last. 19,177 parameters: 18,944 weights and 233 biases.

    Differences from the paper: it writes its nine middle layers as ``9Conv(1,12,12)``, kernels of
    1x1; only 3x3 fits its count, 1.89 M in a table that is a hundred times too large throughout
    (SRCNN stands there with 5.73 M; 57,281 is right). With ``residual`` the network predicts the
    difference to the bicubic enlargement; without it, the result itself, as in the paper. Its loss
    is (1 - SSIM) + 0.0001 of a cross-entropy; it is trained for x3, then the upsampling alone for
    x2 and x4. Its 34.05 dB on BSD200 are no target.

    References:
        Yang, Wei, Bai, Zuo, Sun, Chen, "An Effective Multi-Task Two-Stage Network with the
        Cross-Scale Training Strategy for Multi-Scale Image Super Resolution", Electronics 10
        (2021), doi:10.3390/electronics10192434.
    """

    def __init__(self, scale: int, residual: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = conv(1, FEATURES, 5, slope=PRELU)
        self.feature_slope = nn.PReLU(FEATURES)
        self.shrink = conv(FEATURES, SHRUNK, 1, slope=PRELU)
        self.shrink_slope = nn.PReLU(SHRUNK)
        # Nine blocks add up: together they start with about the variance of what they add to.
        self.map = nn.ModuleList(
            conv(SHRUNK, SHRUNK, 3, slope=PRELU, gain=BLOCKS**-0.5) for _ in range(BLOCKS)
        )
        self.map_slope = nn.ModuleList(nn.PReLU(SHRUNK) for _ in range(BLOCKS))
        self.expand = conv(SHRUNK, FEATURES, 1, slope=PRELU)
        self.expand_slope = nn.PReLU(FEATURES)
        self.upsample = deconv(FEATURES, 1, 9, stride=scale)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.feature_slope(self.feature(centred(frames, self.residual)))  # (B, 56, H, W)
        start = x = self.shrink_slope(self.shrink(x))  # (B, 12, H, W)
        for layer, slope in zip(self.map, self.map_slope, strict=True):
            x = x + slope(layer(x))
        x = self.expand_slope(self.expand(start + x))  # (B, 56, H, W)
        x = self.upsample(x)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x
