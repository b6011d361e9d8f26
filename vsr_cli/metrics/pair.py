"""The two images of a comparison: checked, in float64, without their border."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    """The two images as float64 tensors of (H - 2 border, W - 2 border), on their own device.

    Raises:
        ValueError: the sizes differ, an image is not (H, W), not of a float type or not finite,
            or the border leaves no pixel.
    """
    pair = torch.as_tensor(sr), torch.as_tensor(hr)
    if pair[0].shape != pair[1].shape:
        raise ValueError(
            "the images must have the same size, got "
            f"{_size(pair[0])} and {_size(pair[1])}; crop the ground truth to a multiple of scale"
        )
    for image in pair:
        if image.ndim != 2:
            raise ValueError(f"an image must be (H, W), got {tuple(image.shape)}")
        if not image.is_floating_point():
            raise ValueError(
                f"an image must be float in [0, 1], got {image.dtype}; divide by 2**bits - 1"
            )
        if not torch.isfinite(image).all():
            raise ValueError("an image must be finite, got NaN or infinity")
    first, second = (crop_border(image.to(torch.float64), border) for image in pair)
    return first, second


def _size(image: torch.Tensor) -> str:
    if image.ndim != 2:
        return str(tuple(image.shape))
    return f"{image.shape[1]}x{image.shape[0]}"
