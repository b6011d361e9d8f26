"""Interpolation in the place of a network: nearest, bilinear, bicubic, the yardstick, Lanczos."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.kernels import KERNELS, KernelName
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.spec import ModelSpec


def _spec(kernel: KernelName, *, radius: int, paper: str = "Keys 1981") -> ModelSpec:
    return ModelSpec(
        name=kernel,
        kind="frame",
        color="luma",
        scales=tuple(range(1, 17)),
        window=1,
        radius=radius,
        paper=paper,
        build=lambda scale, residual: Interpolation(scale, kernel),
        has_weights=False,
        pads_itself=True,
    )


NEAREST = _spec("nearest", radius=0)  # at a whole scale it repeats each pixel
BILINEAR = _spec("bilinear", radius=KERNELS["bilinear"].reach)
BICUBIC = _spec("bicubic", radius=KERNELS["bicubic"].reach)
LANCZOS = _spec("lanczos", radius=KERNELS["lanczos"].reach, paper="Duchon 1979")


class Interpolation(nn.Module):
    """Upscale each frame. frames: (B, C, H, W) in [0, 1]; returns (B, C, s*H, s*W).

    MATLAB's ``imresize`` with "nearest", "bilinear", "bicubic" or "lanczos3": pixel centres are
    aligned, and the weights of a pixel are divided by their sum; see ``imaging.resample``. Bicubic
    and Lanczos may overshoot [0, 1]; results are clamped when they become code values.

    References:
        Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29
        (1981), doi:10.1109/TASSP.1981.1163711, which compares its kernel with the first two.
        Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18 (1979),
        doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2: the sinc within the middle lobe of one
        three times as wide.
    """

    def __init__(self, scale: int, kernel: KernelName) -> None:
        super().__init__()
        self.scale, self.kernel = scale, kernel

    def forward(self, frames: Tensor) -> Tensor:
        return enlarge(frames, self.scale, kernel=self.kernel)
