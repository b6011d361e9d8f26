"""The nearest pixel: every pixel becomes a square; see ``imaging.resample``."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.spec import ModelSpec

SPEC = ModelSpec(
    name="nearest",
    kind="frame",
    color="luma",
    scales=tuple(range(1, 17)),
    window=1,
    radius=0,
    paper="Keys 1981",
    build=lambda scale, residual: Nearest(scale),
    has_weights=False,
    pads_itself=True,
)


class Nearest(nn.Module):
    """Upscale each frame. frames: (B, C, H, W) in [0, 1]; returns (B, C, s*H, s*W).

    MATLAB's ``imresize(..., "nearest")``: its box kernel, pixel centres aligned, half-way between
    two pixels the later one. At a whole scale it repeats each pixel.

    References:
        Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29
        (1981), doi:10.1109/TASSP.1981.1163711, which compares this kernel with its own.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, frames: Tensor) -> Tensor:
        return enlarge(frames, self.scale, kernel="nearest")
