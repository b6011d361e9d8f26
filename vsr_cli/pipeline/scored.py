"""What is scored of a frame: code values of luma, or of red, green and blue.

A clip of gray or YUV has luma in its first plane; for RGB it is computed as MATLAB's ``rgb2ycbcr``
does, and rounded to the depth of the picture.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.color import rgb_to_luma
from vsr_cli.specs import Channel


def white_code(clip: ClipInfo, truth: ClipInfo) -> float:
    """The code value of ``clip`` that counts as the largest one of the truth.

    A depth of b bits has ``2**(b - 8)`` times the codes of 8 bits for the same picture; in full
    range, which is that of RGB too, it has ``2**b - 1`` for white.
    """
    found, wanted = clip.pixel_format, truth.pixel_format
    is_full = "full" in (clip.color.range, truth.color.range)
    if is_full or found.family == "gbr":
        return found.max_code
    return wanted.max_code * 2.0 ** (found.bits - wanted.bits)


def luma(frame: Frame, pixel_format: PixelFormat, white: float | None = None) -> Tensor:
    """The luma of a frame of code values, not rounded: (H, W) float64 in [0, 1].

    ``white`` is the code value that becomes 1, by default the largest one.
    """
    top = white or pixel_format.max_code
    if pixel_format.family != "gbr":
        return frame.planes[0].to(torch.float64) / top
    green, blue, red = (plane.to(torch.float64) / top for plane in frame.planes[:3])
    return rgb_to_luma(red, green, blue)


def scored_luma(frame: Frame, pixel_format: PixelFormat, white: float | None = None) -> Tensor:
    """The luma of a frame of code values, rounded to its depth: (H, W) float64 in [0, 1]."""
    values = luma(frame, pixel_format, white)
    if pixel_format.family != "gbr":
        return values
    return (values * pixel_format.max_code).round() / pixel_format.max_code


def scored_picture(
    frame: Frame, pixel_format: PixelFormat, channel: Channel, white: float | None = None
) -> Tensor:
    """What is scored of a frame of code values, float64 in [0, 1].

    Luma as ``scored_luma``, or of RGB clips red, green and blue: (3, H, W).
    """
    if channel == "luma":
        return scored_luma(frame, pixel_format, white)
    green, blue, red = (plane.to(torch.float64) for plane in frame.planes[:3])
    return torch.stack([red, green, blue]) / (white or pixel_format.max_code)


def luma_plane(frame: Frame, pixel_format: PixelFormat, white: float, to: torch.device) -> Frame:
    """A frame of code values as its luma alone, float in [0, 1] on a device."""
    return replace(frame, planes=(luma(frame, pixel_format, white).float().to(to),))


def rgb_planes(frame: Frame, pixel_format: PixelFormat, white: float, to: torch.device) -> Frame:
    """As ``luma_plane``, but all of G, B and R."""
    planes = tuple((plane.to(torch.float64) / white).float().to(to) for plane in frame.planes[:3])
    return replace(frame, planes=planes)


def needed_planes(frame: Frame, pixel_format: PixelFormat) -> Frame:
    """A frame without the planes that luma does not depend on; of RGB it has all three."""
    return replace(frame, planes=frame.planes[: 3 if pixel_format.family == "gbr" else 1])
