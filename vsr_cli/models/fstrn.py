"""FSTRN: five frames by 3D convolutions that are split into space and time, enlarged at the end."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.kernels import KernelName
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, PRELU, near_zero, zero_bias
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.temporal import TemporalUpscaler

WINDOW = 5
FEATURES, BLOCKS = 64, 5
LEAK = 0.2  # negative slope after the first and the last layer
KEPT = 0.3  # share of the features that training keeps
# Space that the transposed convolution loses and gains, to make each side s times as long.
PADDING = {2: (1, 1), 3: (0, 0), 4: (0, 1)}
RADIUS = 1 + BLOCKS + 1 + 1  # feature, blocks, widen, and one of the enlarged pixels' neighbours

SPEC = ModelSpec(
    name="fstrn",
    kind="clip",
    color="luma",
    scales=tuple(PADDING),
    window=WINDOW,
    radius=RADIUS,
    paper="Li 2019, arXiv:1904.02870",
    build=lambda scale, residual: FSTRN(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: FSTRN(scale, residual, features=features),
)


class FSTRN(TemporalUpscaler):
    """Enlarge the middle of five frames. frames: (B, 1, 5, H, W); returns (B, 1, s*H, s*W).

    Feature 3x3x3(64) with LeakyReLU 0.2, five blocks that split a 3D convolution into 1x3x3 and
    3x1x1, a skip over all of them, PReLU, dropout, 3x3x3(256), a transposed 3x3x3(16) of stride
    (1, s, s), 3x3x3(1) with LeakyReLU 0.2, added to the enlarged frame ("cross-space residual");
    801,857 parameters, PReLU slopes apart. Time is padded with zeros, so what a layer makes of a
    frame depends on its place in the window: a stream can share nothing among its windows. Of what
    follows the 3x3x3(256) only the frames that the middle one depends on are computed, three and
    then one; the result is the same.

    Differences from the paper: it has x4 alone. There (and at x3) the transposed convolution lies
    as TensorFlow's SAME puts it, so that at x4 every fourth row and column of it is bias alone; at
    x2 it is centred. The paper's bilinear enlargement is ours in the plain form, with pixel centres
    aligned. With ``residual`` the base is bicubic, the layers see frames about zero, the last one
    is linear and starts near zero, and training drops nothing.

    References:
        Li, He, Du, Zhang, Xu, Tao, "Fast Spatio-Temporal Residual Network for Video
        Super-Resolution", CVPR 2019, arXiv:1904.02870. What it leaves open is as in the authors'
        repository, github.com/lsmale/FSTRN: widths, kernels, LeakyReLU's slope, and a dropout in
        training that keeps 0.3 of the values.
    """

    taps = (WINDOW,)
    radii = (RADIUS,)

    def __init__(self, scale: int, residual: bool = True, *, features: int = FEATURES) -> None:
        super().__init__(scale, residual)
        self.scales = (scale,)
        self.feature = _conv(1, features, (3, 3, 3), slope=LEAK)
        self.block = nn.ModuleList(FastBlock(features) for _ in range(BLOCKS))
        self.fuse_slope = nn.PReLU(features)
        self.dropout = nn.Dropout(0 if residual else 1 - KEPT)
        self.widen = _conv(features, 4 * features, (3, 3, 3), slope=LINEAR)
        lost, gained = PADDING[scale]
        self.upsample = nn.ConvTranspose3d(
            4 * features,
            features // 4,
            3,
            stride=(1, scale, scale),
            padding=(2, lost, lost),  # of time: five frames become three
            output_padding=(0, gained, gained),
        )
        # A pixel of the result sees 27 / s^2 taps in the mean.
        near_zero(self.upsample, std=scale / (27 * 4 * features) ** 0.5)
        self.reconstruct = nn.Conv3d(features // 4, 1, 3, padding=(0, 1, 1))
        nn.init.kaiming_normal_(self.reconstruct.weight, a=LINEAR)
        zero_bias(self.reconstruct)
        if residual:
            near_zero(self.reconstruct)

    def step(self, number: int, codes: Tensor) -> Tensor:
        start = F.leaky_relu(self.feature(codes), LEAK)  # (B, 64, 5, H, W)
        x = start
        for block in self.block:
            x = block(x)
        x = self.dropout(self.fuse_slope(start + x))
        x = self.upsample(self.widen(x))  # (B, 16, 3, s*H, s*W)
        x = self.reconstruct(x).squeeze(2)  # (B, 1, s*H, s*W)
        return x if self.residual else F.leaky_relu(x, LEAK)

    def finish(self, code: Tensor, middle: Tensor) -> Tensor:
        kernel: KernelName = "bicubic" if self.residual else "bilinear"
        return enlarge(middle, self.scale, kernel=kernel) + code


class FastBlock(nn.Module):
    """Add what PReLU, 1x3x3 and 3x1x1 find: (B, 64, T, H, W), same size."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.slope = nn.PReLU(features)
        self.space = _conv(features, features, (1, 3, 3), slope=PRELU)
        self.time = _conv(features, features, (3, 1, 1), slope=LINEAR)
        # Five blocks add up: together they start with about the variance of what they add to.
        self.time.weight.data *= BLOCKS**-0.5

    def forward(self, x: Tensor) -> Tensor:
        return x + self.time(self.space(self.slope(x)))


def _conv(inputs: int, outputs: int, kernel: tuple[int, int, int], *, slope: float) -> nn.Conv3d:
    """A 3D convolution with zero padding that keeps the size, as ``layers.conv`` starts it."""
    time, height, width = (size // 2 for size in kernel)
    layer = nn.Conv3d(inputs, outputs, kernel, padding=(time, height, width))
    nn.init.kaiming_normal_(layer.weight, a=slope)
    return zero_bias(layer)
