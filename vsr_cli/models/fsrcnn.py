"""FSRCNN: the 2D stage of the main model."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.spec import ModelSpec

FEATURES, SHRUNK, MAPPINGS = 56, 12, 4
CENTRE = 0.5  # subtracted in the residual form, so that zero padding is mid-grey
UPSAMPLE_STD = 1e-3  # start of the last layer, as in the paper

SPEC = ModelSpec(
    name="fsrcnn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=2 + MAPPINGS + 2,  # conv5, four conv3, and 9 taps that lie the stride apart
    paper="Dong 2016, arXiv:1608.00367",
    build=lambda scale, residual: FSRCNN(scale, residual),
)


class FSRCNN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Five parts: feature conv5(56), shrink conv1(12), mapping 4 x conv3(12), expand conv1(56),
    upsample deconv9(1) of stride s; PReLU with one slope per channel after all but the last.
    12,637 parameters for one luma channel, PReLU slopes apart.

    Difference from the paper: with ``residual`` the network predicts the difference to the bicubic
    enlargement (which trains faster and is safe in low precision); without it, the paper's form.

    References:
        Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network",
        ECCV 2016, arXiv:1608.00367. It is the 2D stage of "Reconstruction of High Resolution
        Images Using Deep Learning" (Zhu, Gao), which uses ReLU throughout and names no widths;
        we keep FSRCNN's own PReLU and (56, 12, 4).
    """

    def __init__(self, scale: int, residual: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.feature = _conv(1, FEATURES, 5)
        self.feature_slope = nn.PReLU(FEATURES)
        self.shrink = _conv(FEATURES, SHRUNK, 1)
        self.shrink_slope = nn.PReLU(SHRUNK)
        self.map = nn.ModuleList(_conv(SHRUNK, SHRUNK, 3) for _ in range(MAPPINGS))
        self.map_slope = nn.ModuleList(nn.PReLU(SHRUNK) for _ in range(MAPPINGS))
        self.expand = _conv(SHRUNK, FEATURES, 1)
        self.expand_slope = nn.PReLU(FEATURES)
        self.upsample = nn.ConvTranspose2d(
            FEATURES, 1, 9, stride=scale, padding=4, output_padding=scale - 1
        )
        nn.init.normal_(self.upsample.weight, std=UPSAMPLE_STD)
        if self.upsample.bias is not None:
            nn.init.zeros_(self.upsample.bias)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames - CENTRE if self.residual else frames
        x = self.feature_slope(self.feature(x))  # (B, 56, H, W)
        x = self.shrink_slope(self.shrink(x))  # (B, 12, H, W)
        for conv, slope in zip(self.map, self.map_slope, strict=True):
            x = slope(conv(x))
        x = self.expand_slope(self.expand(x))  # (B, 56, H, W)
        x = self.upsample(x)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(conv.weight, a=0.25)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
