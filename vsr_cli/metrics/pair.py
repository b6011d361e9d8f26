"""The two images of a comparison: checked, in float64, without their border; and means of them.

Where the truth is NaN there is none: land in a field of the ocean, a gap in a measurement. Such a
pixel is NaN in both images from here on, and counts nowhere: means leave it out, and so they do
with what depends on it, which arithmetic makes NaN: differences across it, windows that touch it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import torch

from vsr_cli.metrics.grids import row_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsr_cli.metrics.grids import GridLike

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

    sr, hr: (H, W), or (3, H, W) for three planes that count as one picture. Both are NaN where
    ``hr`` is.

    Raises:
        ValueError: the sizes differ, an image has another shape, is not of a float type, is not
            finite where there is a truth, or the border leaves no pixel.
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
    first, second = (image.to(torch.float64) for image in pair)
    # One value that is not finite makes the sum so; looking at each takes ten times as long.
    if not (torch.isfinite(first.sum()) and torch.isfinite(second.sum())):
        first = _without_missing(first, second)
    return crop_border(first, border), crop_border(second, border)


def _without_missing(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    """The result, NaN where the truth is."""
    missing = hr.isnan()
    if hr.isinf().any():
        raise ValueError("the truth must be finite, or NaN where there is none, got infinity")
    wrong = ~(sr.isfinite() | missing)
    if wrong.any():
        row, column = wrong.nonzero()[0, -2:].tolist()
        raise ValueError(
            f"an image must be finite where there is a truth, got NaN or infinity at "
            f"{int(wrong.sum())} pixels, the first in row {row}, column {column} from 0"
        )
    return sr.masked_fill(missing, math.nan)


def fill_missing(sr: torch.Tensor, hr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both images with the mean of the truth where there is none, for what needs whole pictures.

    There the error is 0. NaN where nothing is there at all.
    """
    missing = hr.isnan()
    if not missing.any():
        return sr, hr
    mean = float(hr.nanmean())
    return sr.masked_fill(missing, mean), hr.masked_fill(missing, mean)


def check_data_range(data_range: float) -> None:
    """Refuse a peak that is none.

    Raises:
        ValueError: it is not a positive number.
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data range must be a number above 0, got {data_range}")


def area_mean(values: torch.Tensor, *, border: int = 0, grid: GridLike = "plane") -> float:
    """The mean over all pixels, see ``row_weights``. values: (..., H, W), cut by ``border``.

    Pixels that are NaN do not count; NaN where there are no others.
    """
    if grid == "plane":
        return present_mean(values)
    weights = row_weights(values.shape[-2], border=border, grid=grid).to(values.device)
    mean = float((values.mean(-1) @ weights).mean())
    if not math.isnan(mean):
        return mean
    is_there = ~values.isnan()
    total = (values.nan_to_num(0.0).sum(-1) @ weights).sum()
    return float(total / (is_there.sum(-1).to(torch.float64) @ weights).sum())


def present_mean(values: torch.Tensor) -> float:
    """The mean of what is not NaN; NaN where nothing is there."""
    mean = float(values.mean())
    return float(values.nanmean()) if math.isnan(mean) else mean


def relative(error: float, size: float) -> float:
    """An error as a share of what it is an error of; infinite where that is 0, and it is not.

    NaN where one of them is.
    """
    if math.isnan(error) or math.isnan(size):
        return math.nan
    if size > 0:
        return error / size
    return math.inf if error > 0 else 0.0


def _size(image: torch.Tensor) -> str:
    if image.ndim != 2:
        return str(tuple(image.shape))
    return f"{image.shape[1]}x{image.shape[0]}"
