"""SRCNN: three convolutions on the bicubic enlargement."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, RELU, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, MAPPED = 64, 32

SPEC = ModelSpec(
    name="srcnn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=6,  # 4 + 2 + 2 enlarged pixels, and two of the bicubic kernel
    paper="Dong 2014, arXiv:1501.00092",
    build=lambda scale, residual: SRCNN(scale, residual),
)
SPEC_915 = replace(
    SPEC,
    name="srcnn-915",
    radius=5,  # 4 + 0 + 2 enlarged pixels, and two of the bicubic kernel
    build=lambda scale, residual: SRCNN(scale, residual, map_kernel=1),
)


class SRCNN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    The frame is enlarged bicubically first; then feature conv9(64), map conv5(32), reconstruct
    conv5(1), ReLU after all but the last: 57,281 parameters. ``map_kernel=1`` is the paper's first
    form, 9-1-5, with 8,129.

    Differences from the paper: with ``residual`` the network predicts the difference to the bicubic
    enlargement; without it, the result itself, as in the paper. The paper starts all layers with a
    deviation of 0.001 and uses no padding; here layers start after He, and the frame keeps its
    size.

    References:
        Dong, Loy, He, Tang, "Image Super-Resolution Using Deep Convolutional Networks", ECCV 2014
        and TPAMI 2016, arXiv:1501.00092.
    """

    def __init__(self, scale: int, residual: bool = True, *, map_kernel: int = 5) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = conv(1, FEATURES, 9, slope=RELU)
        self.map = conv(FEATURES, MAPPED, map_kernel, slope=RELU)
        self.reconstruct = conv(MAPPED, 1, 5, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        bicubic = enlarge(frames, self.scale)  # (B, 1, s*H, s*W)
        x = F.relu(self.feature(centred(bicubic, self.residual)))  # (B, 64, s*H, s*W)
        x = F.relu(self.map(x))  # (B, 32, s*H, s*W)
        x = self.reconstruct(x)  # (B, 1, s*H, s*W)
        return bicubic + x if self.residual else x
