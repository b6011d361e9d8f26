"""Iterative back-projection, the oldest reconstruction; see ``imaging.backprojection``."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.imaging.backprojection import back_project
from vsr_cli.imaging.kernels import KERNELS
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.spec import ModelSpec

ITERATIONS = 10  # PSNR rises to the eighth, by 0.01 dB from the fifth on (Set5, x2 to x4)
REACH = 3  # pixels of the input on each side by which a round sees further

SPEC = ModelSpec(
    name="ibp",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=KERNELS["bicubic"].reach + REACH * ITERATIONS,
    paper="Irani & Peleg 1991",
    build=lambda scale, residual: IterativeBackProjection(scale),
    has_weights=False,
    pads_itself=True,
)


class IterativeBackProjection(nn.Module):
    """Upscale each frame. frames: (B, C, H, W) in [0, 1]; returns (B, C, s*H, s*W) in [0, 1].

    A bicubic enlargement, ten times degraded (antialiased bicubic) and corrected by its enlarged
    error, so that it then degrades to ``frames`` to about 0.001. No parameters.

    Differences from the paper: it has several shifted images of one scene and averages their
    errors, here there is one; its blur is measured and its back-projection kernel chosen for speed
    against noise, here both are the bicubic kernel of ``imresize``; and each round ends in [0, 1].

    References:
        Irani, Peleg, "Improving Resolution by Image Registration", CVGIP: Graphical Models and
        Image Processing 53 (1991), doi:10.1016/1049-9652(91)90045-L.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, frames: Tensor) -> Tensor:
        return back_project(enlarge(frames, self.scale), frames, ITERATIONS)
