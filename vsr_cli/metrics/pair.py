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
    check_shapes(*pair)
    first, second = map(in_float64, pair)
    if not (is_finite(first) and is_finite(second)):
        check_truth(second)
        first = without_missing(first, second)
    return crop_border(first, border), crop_border(second, border)


def check_shapes(sr: torch.Tensor, hr: torch.Tensor, *, planes: int = 3) -> None:
    """Refuse what is no pair of images.

    Raises:
        ValueError: the sizes differ, or they are neither (H, W) nor (planes, H, W).
    """
    if sr.shape != hr.shape:
        raise ValueError(
            "the images must have the same size, got "
            f"{_size(sr)} and {_size(hr)}; crop the ground truth to a multiple of scale"
        )
    if sr.ndim != 2 and not (sr.ndim == 3 and sr.shape[0] == planes):
        raise ValueError(f"an image must be (H, W) or ({planes}, H, W), got {tuple(sr.shape)}")


def in_float64(image: torch.Tensor) -> torch.Tensor:
    """An image of a float type in float64.

    Raises:
        ValueError: it is of code values.
    """
    if not image.is_floating_point():
        raise ValueError(
            f"an image must be float in [0, 1], got {image.dtype}; divide by 2**bits - 1"
        )
    return image.to(torch.float64)


def is_finite(image: torch.Tensor) -> bool:
    """True if all values are finite; waits for the device.

    One that is not makes the sum so; looking at each takes ten times as long.
    """
    return bool(torch.isfinite(image.sum()))


def check_truth(hr: torch.Tensor) -> None:
    """Refuse a truth with infinite values.

    Raises:
        ValueError: it has.
    """
    if hr.isinf().any():
        raise ValueError("the truth must be finite, or NaN where there is none, got infinity")


def without_missing(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    """The result, NaN where the truth is. (..., H, W) both.

    Raises:
        ValueError: it is not finite where there is a truth.
    """
    missing = hr.isnan()
    wrong = ~(sr.isfinite() | missing)
    if wrong.any():
        row, column = wrong.nonzero()[0, -2:].tolist()
        raise ValueError(
            f"an image must be finite where there is a truth, got NaN or infinity at "
            f"{int(wrong.sum())} pixels, the first in row {row}, column {column} from 0"
        )
    return sr.masked_fill(missing, math.nan)


def fill_missing(images: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    """Images with the mean of their truth where there is none, for what needs whole pictures.

    Both (B, C, H, W). Where result and truth are filled their error is 0; a frame of which nothing
    is there stays NaN.
    """
    mean = hr.nanmean((1, 2, 3), keepdim=True)
    return torch.where(hr.isnan(), mean, images)


def check_data_range(data_range: float) -> None:
    """Refuse a peak that is none.

    Raises:
        ValueError: it is not a positive number.
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data range must be a number above 0, got {data_range}")


def area_means(
    values: torch.Tensor, *, has_gaps: bool, border: int = 0, grid: GridLike = "plane"
) -> torch.Tensor:
    """The mean over all pixels of each frame, see ``row_weights``: (B, C, H, W) to (B,).

    ``values`` are cut by ``border``. Where they have gaps, pixels that are NaN do not count; NaN
    where there are no others.
    """
    if grid == "plane":
        return values.nanmean((1, 2, 3)) if has_gaps else values.mean((1, 2, 3))
    weights = row_weights(values.shape[-2], border=border, grid=grid, device=values.device)
    if not has_gaps:
        return (values.mean(-1) @ weights).mean(-1)
    total = values.nan_to_num(0.0).sum(-1) @ weights
    share = (~values.isnan()).sum(-1).to(torch.float64) @ weights
    return total.sum(-1) / share.sum(-1)


def relative(error: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Errors as a share of what they are errors of; infinite where that is 0, and they are not.

    NaN where one of them is.
    """
    return torch.where((error == 0) & (size == 0), 0.0, error / size)


def _size(image: torch.Tensor) -> str:
    if image.ndim != 2:
        return str(tuple(image.shape))
    return f"{image.shape[1]}x{image.shape[0]}"
