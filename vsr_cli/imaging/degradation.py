"""How a high-resolution frame becomes the low-resolution one that a network is given.

Training and evaluation use the same function, so that a score speaks of the degradation that the
network was trained for.
"""

from __future__ import annotations

from torch import Tensor

from vsr_cli.imaging.resample import shrink


def degrade_bicubic(image: Tensor, scale: int, *, bits: int | None = 8) -> Tensor:
    """Antialiased bicubic shrink, rounded to code values.

    Args:
        image: (..., H, W) in [0, 1].
        scale: whole factor; where it does not divide H or W, the last rows and columns are cut
            (the usual "modcrop"), so that truth and result have the same size.
        bits: depth of the rounding; None keeps float.

    Returns:
        (..., H // scale, W // scale) in [0, 1].

    Raises:
        ValueError: the image is smaller than ``scale`` pixels.
    """
    image = crop_to_multiple(image, scale)
    low = shrink(image, scale).clamp(0, 1)
    if bits is None:
        return low
    top = (1 << bits) - 1
    return (low * top).round() / top


def crop_to_multiple(image: Tensor, scale: int) -> Tensor:
    """Cut the last rows and columns so that ``scale`` divides both sizes of (..., H, W)."""
    height, width = image.shape[-2:]
    if min(height, width) < scale:
        raise ValueError(f"image must be at least {scale}x{scale} pixels, got {width}x{height}")
    return image[..., : height // scale * scale, : width // scale * scale]
