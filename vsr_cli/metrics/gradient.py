"""Error of the gradient, by which edges and fronts are judged.

References:
    Stengel, Glaws, Hettinger, King, "Adversarial super-resolution of climatological wind and solar
    data", Proceedings of the National Academy of Sciences 117 (2020), doi:10.1073/pnas.1918964117,
    which compares distributions of gradients. Ours compares place by place: the root of the mean
    squared difference of the two gradients, as a share of the root mean square of the truth's.

Differences are central, so the outermost pixels have none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.pair import area_mean, image_pair, latitudes, relative

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image
    from vsr_cli.specs import Grid


def gradient_error(sr: Image, hr: Image, *, border: int = 0, grid: Grid = "plane") -> float:
    """Normalised root mean squared error of the gradient; 0 at best, 1 for a result of one grey.

    sr, hr: (H, W) or (3, H, W) float in [0, 1]. On the ``sphere`` gradients are per length and not
    per pixel, and count by area. Infinite where the truth is of one grey and the result is not.

    Raises:
        ValueError: the images do not fit each other (see ``image_pair``), or are below 3 x 3
            pixels.
    """
    first, second = image_pair(sr, hr, border=border)
    height, width = first.shape[-2:]
    if min(height, width) < 3:
        raise ValueError(f"a gradient needs at least 3x3 pixels, got {width}x{height}")
    full = (height + 2 * border, width + 2 * border)
    squares = (_squared_gradient(image, full, border, grid) for image in (first - second, second))
    error, size = (area_mean(square, border=border + 1, grid=grid) for square in squares)
    return math.sqrt(relative(error, size))


def _squared_gradient(
    image: torch.Tensor, full: tuple[int, int], border: int, grid: Grid
) -> torch.Tensor:
    """The squared length of the gradient: (..., H, W) to (..., H - 2, W - 2)."""
    along_y = (image[..., 2:, 1:-1] - image[..., :-2, 1:-1]) / 2
    along_x = (image[..., 1:-1, 2:] - image[..., 1:-1, :-2]) / 2
    if grid == "sphere":
        height, width = full
        circle = torch.cos(latitudes(height))[border + 1 : height - border - 1, None]
        along_y = along_y * height / math.pi  # per radian
        along_x = along_x * width / (2 * math.pi) / circle.to(image.device)
    return along_y.square() + along_x.square()
