"""The two images of a comparison: checked, in float64, without their border; and means of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsr_cli.specs import Grid

    # float64 is exact; float32 is widened, and so keeps the rounding that it came with.
    Image: TypeAlias = torch.Tensor | NDArray[np.float64] | NDArray[np.float32]


def crop_border(image: torch.Tensor, border: int) -> torch.Tensor:
    """Remove ``border`` pixels at each of the four sides. image: (..., H, W).

    Raises:
        ValueError: the border is negative or leaves no pixel.
    """
    height, width = image.shape[-2:]
    top = (min(height, width) - 1) // 2
    if not 0 <= border <= top:
        raise ValueError(f"border must be in 0..{top} for {width}x{height} pixels, got {border}")
    return image[..., border : height - border, border : width - border]


def image_pair(sr: Image, hr: Image, *, border: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The two images as float64 tensors without their border, on their own device.

    sr, hr: (H, W), or (3, H, W) for three planes that count as one picture.

    Raises:
        ValueError: the sizes differ, an image has another shape, is not of a float type or not
            finite, or the border leaves no pixel.
    """
    pair = torch.as_tensor(sr), torch.as_tensor(hr)
    if pair[0].shape != pair[1].shape:
        raise ValueError(
            "the images must have the same size, got "
            f"{_size(pair[0])} and {_size(pair[1])}; crop the ground truth to a multiple of scale"
        )
    for image in pair:
        if image.ndim != 2 and not (image.ndim == 3 and image.shape[0] == 3):
            raise ValueError(f"an image must be (H, W) or (3, H, W), got {tuple(image.shape)}")
        if not image.is_floating_point():
            raise ValueError(
                f"an image must be float in [0, 1], got {image.dtype}; divide by 2**bits - 1"
            )
        if not torch.isfinite(image).all():
            raise ValueError("an image must be finite, got NaN or infinity")
    first, second = (crop_border(image.to(torch.float64), border) for image in pair)
    return first, second


def check_data_range(data_range: float) -> None:
    """Refuse a peak that is none.

    Raises:
        ValueError: it is not a positive number.
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data range must be a number above 0, got {data_range}")


def latitudes(height: int) -> torch.Tensor:
    """The latitudes of the rows of a global map, in radians: (H,) float64, rows of equal height."""
    rows = torch.arange(height, dtype=torch.float64)
    return math.pi * (0.5 - (rows + 0.5) / height)


def row_weights(rows: int, *, border: int = 0, grid: Grid = "plane") -> torch.Tensor:
    """How much a pixel of each row counts: (rows,) float64 with a sum of 1.

    On the plane all count the same. On the sphere the picture is a map of the whole globe in
    latitude and longitude, of whose rows ``border`` were cut at each pole, and a pixel counts by
    its area, which is proportional to the cosine of its latitude.
    """
    if grid == "plane":
        return torch.full((rows,), 1 / rows, dtype=torch.float64)
    area = torch.cos(latitudes(rows + 2 * border))[border : border + rows]
    return area / area.sum()


def area_mean(values: torch.Tensor, *, border: int = 0, grid: Grid = "plane") -> float:
    """The mean over all pixels, see ``row_weights``. values: (..., H, W), cut by ``border``."""
    if grid == "plane":
        return float(values.mean())
    weights = row_weights(values.shape[-2], border=border, grid=grid).to(values.device)
    return float((values.mean(-1) @ weights).mean())


def relative(error: float, size: float) -> float:
    """An error as a share of what it is an error of; infinite where that is 0, and it is not."""
    if size > 0:
        return error / size
    return math.inf if error > 0 else 0.0


def _size(image: torch.Tensor) -> str:
    if image.ndim != 2:
        return str(tuple(image.shape))
    return f"{image.shape[1]}x{image.shape[0]}"
