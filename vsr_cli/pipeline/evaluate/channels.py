"""What is scored of a frame: code values of luma, of red, green and blue, or of each plane.

A clip of gray or YUV has luma in its first plane; for RGB it is computed as MATLAB's ``rgb2ycbcr``
does, and rounded to the depth of the picture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.color import rgb_to_luma
from vsr_cli.media.pixels.conversion import to_layout
from vsr_cli.specs import Channel

Pictures: TypeAlias = dict[str, Tensor]


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


def scored_pictures(
    frame: Frame, info: ClipInfo, channel: Channel, white: float | None = None
) -> Pictures:
    """What is scored of a frame of code values, float64 in [0, 1], by the name of the plane.

    ``luma`` is one picture (H, W) without a name, as ``scored_luma``; ``rgb`` one of (3, H, W), of
    YUV by the clip's matrix and range, rounded to its depth; ``planes`` are those of the format,
    "y", "u" and "v" or "r", "g" and "b", chroma in its own size.

    Raises:
        ValueError: the clip's matrix is one that is not known.
    """
    pixel_format = info.pixel_format
    top = white or pixel_format.max_code
    if channel == "luma":
        return {"": scored_luma(frame, pixel_format, white)}
    if channel == "rgb" and pixel_format.family != "gbr":
        colors = rgb_format(pixel_format)
        frame = replace(frame, planes=to_layout(frame, info, colors))
        pixel_format, top = colors, colors.max_code
    planes = [plane.to(torch.float64) / top for plane in frame.planes[:3]]
    if pixel_format.family == "gbr":
        planes = [planes[2], planes[0], planes[1]]
    if channel == "rgb":
        return {"": torch.stack(planes)}
    names = "rgb" if pixel_format.family == "gbr" else "yuv"
    return dict(zip(names, planes, strict=False))  # gray has the first one alone


def rgb_format(source: PixelFormat) -> PixelFormat:
    """Planes of G, B and R of the same depth."""
    return PixelFormat("gbrp" if source.bits == 8 else f"gbrp{source.bits}le", "gbr", source.bits)


def luma_plane(frame: Frame, pixel_format: PixelFormat, white: float, to: torch.device) -> Frame:
    """A frame of code values as its luma alone, float in [0, 1] on a device."""
    return replace(frame, planes=(luma(frame, pixel_format, white).float().to(to),))


def all_planes(frame: Frame, pixel_format: PixelFormat, white: float, to: torch.device) -> Frame:
    """As ``luma_plane``, but all that the frame has: G, B and R, or Y, U and V."""
    planes = tuple((plane.to(torch.float64) / white).float().to(to) for plane in frame.planes)
    return replace(frame, planes=planes)


def needed_planes(frame: Frame, pixel_format: PixelFormat, channel: Channel = "luma") -> Frame:
    """A frame without alpha, and without the planes that its luma does not depend on, if so asked.

    RGB has all three in any case.
    """
    is_whole = pixel_format.family == "gbr" or channel != "luma"
    return replace(frame, planes=frame.planes[: 3 if is_whole else 1])
