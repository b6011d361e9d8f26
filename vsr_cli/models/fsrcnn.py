"""FSRCNN: the 2D stage of the main model, and its small form."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import PRELU, centred, conv, deconv
from vsr_cli.models.spec import ModelSpec

SIZES = 56, 12, 4  # feature channels, shrunk channels, mapping layers
SMALL_SIZES = 32, 5, 1
RADIUS = 2 + SIZES[2] + 2  # conv5, four conv3, and 9 taps that lie the stride apart

SPEC = ModelSpec(
    name="fsrcnn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=RADIUS,
    paper="Dong 2016, arXiv:1608.00367",
    build=lambda scale, residual: FSRCNN(scale, residual),
)
SPEC_SMALL = replace(
    SPEC,
    name="fsrcnn-s",
    radius=2 + SMALL_SIZES[2] + 2,
    build=lambda scale, residual: FSRCNN(scale, residual, sizes=SMALL_SIZES),
)


class FSRCNN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Five parts: feature conv5(56), shrink conv1(12), mapping 4 x conv3(12), expand conv1(56),
    upsample deconv9(1) of stride s; PReLU with one slope per channel after all but the last.
    12,637 parameters for one luma channel, PReLU slopes apart. ``SMALL_SIZES`` are those of
    FSRCNN-s, which has 4,012.

    Difference from the paper: with ``residual`` the network predicts the difference to the bicubic
    enlargement (which trains faster and is safe in low precision); without it, the paper's form.

    References:
        Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network",
        ECCV 2016, arXiv:1608.00367. It is the 2D stage of "Reconstruction of High Resolution
        Images Using Deep Learning" (Zhu, Gao), which uses ReLU throughout and names no widths;
        we keep FSRCNN's own PReLU and (56, 12, 4).
    """

    def __init__(
        self, scale: int, residual: bool = True, *, sizes: tuple[int, int, int] = SIZES
    ) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        features, shrunk, mappings = sizes
        self.feature = conv(1, features, 5, slope=PRELU)
        self.feature_slope = nn.PReLU(features)
        self.shrink = conv(features, shrunk, 1, slope=PRELU)
        self.shrink_slope = nn.PReLU(shrunk)
        self.map = nn.ModuleList(conv(shrunk, shrunk, 3, slope=PRELU) for _ in range(mappings))
        self.map_slope = nn.ModuleList(nn.PReLU(shrunk) for _ in range(mappings))
        self.expand = conv(shrunk, features, 1, slope=PRELU)
        self.expand_slope = nn.PReLU(features)
        self.upsample = deconv(features, 1, 9, stride=scale)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.feature_slope(self.feature(centred(frames, self.residual)))  # (B, 56, H, W)
        x = self.shrink_slope(self.shrink(x))  # (B, 12, H, W)
        for layer, slope in zip(self.map, self.map_slope, strict=True):
            x = slope(layer(x))
        x = self.expand_slope(self.expand(x))  # (B, 56, H, W)
        x = self.upsample(x)  # (B, 1, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x
