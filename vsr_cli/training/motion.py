"""Clips made of stills, so that networks of five frames can learn from pictures too."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vsr_cli.imaging.resample import resize

FRAMES = 7  # of a clip made of one still
SPEED = 3.0  # pixels of the clip that its middle moves in a frame, at most
ZOOM = 0.02  # relative change of size in a frame, at most
TURN = 0.5  # degrees in a frame, at most
SHRINK = 1.5  # the clip is this much smaller than the still, which hides the interpolation


def moving_clip(still: Tensor, generator: torch.Generator) -> Tensor:
    """A camera's pan, zoom and turn over a still, each at a rate of its own.

    The still is moved at its full size by bicubic interpolation and shrunk afterwards, so all
    frames are equally sharp. What a camera adds (noise, blur) and what moves by itself (a face,
    leaves) is not in it.

    Args:
        still: (1, C, H, W) float in [0, 1].
        generator: draws the motion.

    Returns:
        (7, C, H / 1.5, W / 1.5) in [0, 1].
    """
    height, width = still.shape[-2:]
    draw = torch.rand(4, generator=generator).tolist()
    speed, heading = SHRINK * SPEED * draw[0], 2 * math.pi * draw[1]
    zoom, turn = 1 + ZOOM * (2 * draw[2] - 1), math.radians(TURN * (2 * draw[3] - 1))
    frames = []
    for step in range(-(FRAMES // 2), FRAMES // 2 + 1):
        shift = step * speed * math.cos(heading), step * speed * math.sin(heading)
        moved = _moved(still, zoom**step, step * turn, shift)
        frames.append(
            resize(moved, height=round(height / SHRINK), width=round(width / SHRINK)).clamp(0, 1)
        )
    return torch.cat(frames)


def _moved(still: Tensor, factor: float, angle: float, shift: tuple[float, float]) -> Tensor:
    """A still turned by ``angle`` (radians), ``factor`` times as far away, shifted by pixels x, y.

    (1, C, H, W) to (1, C, H, W); what lies outside of the still is mirrored.
    """
    height, width = still.shape[-2:]
    cosine, sine = factor * math.cos(angle), factor * math.sin(angle)
    # grid_sample counts from -1 to 1 in both directions.
    theta = torch.tensor(
        [
            [cosine, -sine * height / width, 2 * shift[0] / width],
            [sine * width / height, cosine, 2 * shift[1] / height],
        ]
    )
    grid = F.affine_grid(theta[None], [1, 1, height, width], align_corners=False)
    return F.grid_sample(
        still, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
