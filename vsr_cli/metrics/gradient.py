"""Error of the gradient, by which edges and fronts are judged.

References:
    Stengel, Glaws, Hettinger, King, "Adversarial super-resolution of climatological wind and solar
    data", Proceedings of the National Academy of Sciences 117 (2020), doi:10.1073/pnas.1918964117,
    which compares distributions of gradients. Ours compares place by place: the root of the mean
    squared difference of the two gradients, as a share of the root mean square of the truth's.

Differences are central, so the outermost pixels have none, nor those beside one without a truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.grids import radians
from vsr_cli.metrics.pair import relative

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image


def gradient_error(sr: Image, hr: Image, *, border: int = 0, grid: GridLike = "plane") -> float:
    """Normalised root mean squared error of the gradient; 0 at best, 1 for a result of one grey.

    sr, hr: (H, W) or (3, H, W) float in [0, 1]. On the ``sphere`` gradients are per length and not
    per pixel, and count by area. Infinite where the truth is of one grey and the result is not.

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``), or are below 3 x 3
            pixels.
    """
    return float(gradient_error_per_frame(FramePairs.of(sr, hr), border=border, grid=grid))


def gradient_error_per_frame(frames: FramePairs, *, border: int, grid: GridLike) -> torch.Tensor:
    """The error of the gradient of each frame: (B,)."""
    sr, hr = frames.inside(border)
    height, width = sr.shape[-2:]
    if min(height, width) < 3:
        raise ValueError(f"a gradient needs at least 3x3 pixels, got {width}x{height}")
    full = (height + 2 * border, width + 2 * border)

    def size(images: torch.Tensor) -> torch.Tensor:
        square = _squared_gradient(images, full, border, grid)
        return frames.mean(square, border=border + 1, grid=grid)

    of_truth = frames.truth.parts.once(("gradient", border, grid), lambda: size(hr))
    return relative(size(sr - hr), of_truth).sqrt()


def _squared_gradient(
    image: torch.Tensor, full: tuple[int, int], border: int, grid: GridLike
) -> torch.Tensor:
    """The squared length of the gradient: (..., H, W) to (..., H - 2, W - 2)."""
    along_y = (image[..., 2:, 1:-1] - image[..., :-2, 1:-1]) / 2
    along_x = (image[..., 1:-1, 2:] - image[..., 1:-1, :-2]) / 2
    if grid != "plane":
        rows, step = radians(grid, *full)
        rows = rows[border : full[0] - border].to(image.device)
        along_y = along_y * 2 / (rows[2:] - rows[:-2])[:, None]  # per radian
        along_x = along_x / (step * torch.cos(rows[1:-1]))[:, None]
    return along_y.square() + along_x.square()
