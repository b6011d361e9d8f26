"""Lanczos interpolation with three lobes; see ``imaging.resample``."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.kernels import KERNELS
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.spec import ModelSpec

SPEC = ModelSpec(
    name="lanczos",
    kind="frame",
    color="luma",
    scales=tuple(range(1, 17)),
    window=1,
    radius=KERNELS["lanczos"].reach,
    paper="Duchon 1979",
    build=lambda scale, residual: Lanczos(scale),
    has_weights=False,
    pads_itself=True,
)


class Lanczos(nn.Module):
    """Upscale each frame. frames: (B, C, H, W) in [0, 1]; returns (B, C, s*H, s*W).

    The sinc within the middle lobe of one three times as wide, as MATLAB's
    ``imresize(..., "lanczos3")``; the weights of a pixel are divided by their sum. The result may
    overshoot [0, 1]; it is clamped when it becomes code values.

    References:
        Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18 (1979),
        doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, frames: Tensor) -> Tensor:
        return enlarge(frames, self.scale, kernel="lanczos")
