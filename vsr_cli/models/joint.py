"""2d3d-joint: the 2D and the 3D stage of the main model as one graph."""

from __future__ import annotations

from torch import Tensor, nn

from vsr_cli.models.fsrcnn import FSRCNN
from vsr_cli.models.fsrcnn import RADIUS as FRAME_RADIUS
from vsr_cli.models.fsrcnn import SPEC as FRAME_SPEC
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.srnet3d import RADIUS as CLIP_RADIUS
from vsr_cli.models.srnet3d import SPEC as CLIP_SPEC
from vsr_cli.models.srnet3d import SRNet3D
from vsr_cli.models.temporal import TemporalUpscaler

SCALES = FRAME_SPEC.scales
PARTS = {FRAME_SPEC.name: "frame", CLIP_SPEC.name: "clip"}  # network and attribute

SPEC = ModelSpec(
    name="2d3d-joint",
    kind="clip",
    color="luma",
    scales=SCALES,
    window=CLIP_SPEC.window,
    radius=FRAME_RADIUS + -(-CLIP_RADIUS // min(SCALES)),
    paper="Zhu & Gao, after Kim 2018, arXiv:1812.09079",
    build=lambda scale, residual: Joint2D3D(scale, residual),
)


class Joint2D3D(TemporalUpscaler):
    """Enlarge the middle of five frames. frames: (B, 1, 5, H, W); returns (B, 1, s*H, s*W).

    FSRCNN enlarges each frame, SRnet3D refines the middle one of five enlarged; 75,766 parameters,
    trained end to end. The first step packs the frames of a window into the batch, so that one
    network sees them all, and a stream enlarges each frame once, however many windows hold it.
    Unlike in the chain fsrcnn+srnet3d, what passes from one stage to the other is not held in
    [0, 1], and its border is not mirrored anew.

    References:
        Zhu, Gao, "Reconstruction of High Resolution Images Using Deep Learning" ("two in one"),
        which does not say how it packs the frames.
    """

    taps = (1, CLIP_SPEC.window)
    radii = (FRAME_RADIUS, CLIP_RADIUS)

    def __init__(self, scale: int, residual: bool = True) -> None:
        super().__init__(scale, residual)
        self.scales = (scale, 1)
        self.frame: nn.Module = FSRCNN(scale, residual)
        self.clip: nn.Module = SRNet3D(residual)

    def prepare(self, frames: Tensor) -> Tensor:
        return frames

    def step(self, number: int, codes: Tensor) -> Tensor:
        result: Tensor = self.frame(codes[:, :, 0]) if number == 0 else self.clip(codes)
        return result

    def finish(self, code: Tensor, middle: Tensor) -> Tensor:
        return code
