"""How a high-resolution frame becomes the low-resolution one that a network is given.

Training and evaluation use the same function, so that a score speaks of the degradation that the
network was trained for.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.imaging.resample import shrink, shrink_axis

WHOLE = 0.01  # codes; a value this near to a code is that code (float32 at 16 bits: 0.004)


def degrade_bicubic(
    image: Tensor, scale: int, *, bits: int | None = 8, each_axis: bool = False
) -> Tensor:
    """Antialiased bicubic shrink, rounded to code values, half upwards.

    With ``each_axis`` it rounds after the rows and again after the columns, as MATLAB's
    ``imresize`` does with pictures of whole numbers: the low-resolution images of Set5 and Set14
    that MATLAB made come out equal. That adds a fifth to the rounding noise of the input (0.229
    codes rms in the place of 0.190 on a climate clip) and nothing to the task, so it is for
    comparison with published figures alone.

    Args:
        image: (..., H, W) in [0, 1].
        scale: whole factor; where it does not divide H or W, the last rows and columns are cut
            (the usual "modcrop"), so that truth and result have the same size.
        bits: depth of the rounding; None keeps float.
        each_axis: round between the axes too.

    Returns:
        (..., H // scale, W // scale) in [0, 1], of the input's dtype.

    Raises:
        ValueError: the image is smaller than ``scale`` pixels.
    """
    image = crop_to_multiple(image, scale)
    if bits is None:
        return shrink(image, scale).clamp(0, 1)
    top = (1 << bits) - 1
    codes = image.to(torch.float64) * top
    whole = codes.round()
    codes = torch.where((codes - whole).abs() < WHOLE, whole, codes)  # ties stay ties
    for dim in (-2, -1):
        codes = shrink_axis(codes, scale, dim=dim)
        if each_axis or dim == -1:
            codes = codes.add_(0.5).floor_().clamp_(0, top)
    return (codes / top).to(image.dtype)


def degrade_frame(
    frame: Frame, pixel_format: PixelFormat, scale: int, *, each_axis: bool = False
) -> Frame:
    """A frame of code values, shrunk and rounded to the depth it had; see ``degrade_bicubic``."""
    top, bits = pixel_format.max_code, pixel_format.bits
    planes = tuple(
        (
            degrade_bicubic(plane.to(torch.float32) / top, scale, bits=bits, each_axis=each_axis)
            * top
        )
        .round()
        .to(torch.int32)
        .to(plane.dtype)
        for plane in frame.planes
    )
    return replace(frame, planes=planes)


def crop_to_multiple(image: Tensor, scale: int) -> Tensor:
    """Cut the last rows and columns so that ``scale`` divides both sizes of (..., H, W)."""
    height, width = image.shape[-2:]
    if min(height, width) < scale:
        raise ValueError(f"image must be at least {scale}x{scale} pixels, got {width}x{height}")
    return image[..., : height // scale * scale, : width // scale * scale]
