"""VDSR: twenty convolutions that correct the bicubic enlargement."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, RELU, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, LAYERS = 64, 20

SPEC = ModelSpec(
    name="vdsr",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=LAYERS // 2 + 2,  # one enlarged pixel per layer, and two of the bicubic kernel
    paper="Kim 2016, arXiv:1511.04587",
    build=lambda scale, residual: VDSR(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: VDSR(scale, residual, features=features),
)


class VDSR(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Twenty conv3 of 64 channels with ReLU after all but the last, 665,921 parameters, see the
    bicubic enlargement and predict what it lacks. The scale is in the enlargement alone, so one
    set of weights serves x2, x3 and x4.

    Difference from the paper: none without ``residual``, since the paper's own form adds the input
    too. With it the layers see the enlargement about zero, and the last one starts near zero.
    The paper trains one network on all scales with its gradient clipped to theta / learning rate.

    References:
        Kim, Lee, Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks",
        CVPR 2016, arXiv:1511.04587.
    """

    def __init__(self, scale: int, residual: bool = True, *, features: int = FEATURES) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = conv(1, features, 3, slope=RELU)
        self.map = nn.ModuleList(conv(features, features, 3, slope=RELU) for _ in range(LAYERS - 2))
        self.reconstruct = conv(features, 1, 3, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        bicubic = enlarge(frames, self.scale)  # (B, 1, s*H, s*W)
        x = F.relu(self.feature(centred(bicubic, self.residual)))  # (B, 64, s*H, s*W)
        for layer in self.map:
            x = F.relu(layer(x))
        return bicubic + self.reconstruct(x)  # (B, 1, s*H, s*W)
