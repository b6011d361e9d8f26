"""SRnet3D: the 3D stage of the main model."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.layers import centred, rectified
from vsr_cli.models.spec import ModelSpec

WINDOW = 5
LAST_STD = 1e-4  # start of the last layer in the residual form
RADIUS = 2 + 2 + 2 + 1  # 3x5x5, two 3x3x3 maps, two 3x3x3 fusions, conv3

SPEC = ModelSpec(
    name="srnet3d",
    kind="clip",
    color="luma",
    scales=(1,),
    window=WINDOW,
    radius=RADIUS,
    paper="Zhu & Gao, after Kim 2018, arXiv:1812.09079",
    build=lambda scale, residual: SRNet3D(residual),
)


class SRNet3D(nn.Module):
    """Refine the middle of five frames. frames: (B, 1, 5, H, W) in [0, 1]; returns (B, 1, H, W).

    Seven 3D convolutions and a 2D one, 63,129 parameters: 3x5x5(32), 3x1x1(8), 2 x 3x3x3(8),
    3x1x1(32), then two 3x3x3(32) that use up the time axis (5 to 3 to 1 frames), and conv3(1).
    ReLU after every layer but the last.

    Differences from the paper: its table fixes the number of taps, we read 3x5x5 as (T, H, W). Its
    two last 3D convolutions use up two pixels a side as well, here space is padded by replication,
    so that the frame keeps its size. It has ReLU on the last layer too; with ``residual`` that
    layer is linear, since it predicts the (signed) difference to the middle frame.

    References:
        Zhu, Gao, "Reconstruction of High Resolution Images Using Deep Learning" (layer table of
        the 3D model), after Kim, Lim, Na, Kim, "3DSRnet: Video Super-resolution using 3D
        Convolutional Neural Networks", 2018, arXiv:1812.09079.
    """

    def __init__(self, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        self.feature = nn.Conv3d(1, 32, (3, 5, 5), padding=(1, 2, 2))
        self.shrink = nn.Conv3d(32, 8, (3, 1, 1), padding=(1, 0, 0))
        self.map = nn.ModuleList(nn.Conv3d(8, 8, 3, padding=1) for _ in range(2))
        self.expand = nn.Conv3d(8, 32, (3, 1, 1), padding=(1, 0, 0))
        self.fuse = nn.ModuleList(
            nn.Conv3d(32, 32, 3, padding=(0, 1, 1), padding_mode="replicate") for _ in range(2)
        )
        self.reconstruct = nn.Conv2d(32, 1, 3, padding=1)
        _initialise(self)

    def forward(self, frames: Tensor) -> Tensor:
        x = rectified(self.feature, centred(frames, self.residual))  # (B, 32, 5, H, W)
        x = rectified(self.shrink, x)  # (B, 8, 5, H, W)
        for conv in self.map:
            x = rectified(conv, x)
        x = rectified(self.expand, x)  # (B, 32, 5, H, W)
        for conv in self.fuse:
            x = rectified(conv, x)  # (B, 32, 3, H, W), then (B, 32, 1, H, W)
        x = self.reconstruct(x.squeeze(2))  # (B, 1, H, W)
        return frames[:, :, WINDOW // 2] + x if self.residual else F.relu(x)


def _initialise(model: SRNet3D) -> None:
    """He initialisation keeps the narrow ReLU layers alive; the residual starts near zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if model.residual:
        nn.init.normal_(model.reconstruct.weight, std=LAST_STD)
