"""Frames of one clip in the pixel format, range and matrix of another, to be shown beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.imaging.color import rgb_to_yuv
from vsr_cli.imaging.ranges import chroma_range, is_full_range, luma_range
from vsr_cli.imaging.siting import chroma_siting
from vsr_cli.media.pixels.conversion import FULL_CHROMA, regrid_chroma, rgb_units, yuv_units
from vsr_cli.media.pixels.formats import without_alpha
from vsr_cli.media.pixels.tags import conversion_matrix

BACKDROP = 0.5  # the grey that is seen behind a transparent picture


def has_equal_codes(info: ClipInfo, target: ClipInfo) -> bool:
    """True if the same code values in the same place mean the same colour in two clips."""
    form, layout = info.pixel_format, target.pixel_format
    if form != layout or form.has_alpha:
        return False
    if form.family == "gbr":
        return True
    if is_full_range(info) != is_full_range(target):
        return False
    if form.family == "gray":
        return True
    sitings = [chroma_siting(form, clip.color.chroma_location) for clip in (info, target)]
    return conversion_matrix(info) == conversion_matrix(target) and sitings[0] == sitings[1]


def recolored(frame: Frame, info: ClipInfo, target: ClipInfo) -> tuple[Tensor, ...]:
    """The planes of a frame as those of another clip, in the frame's own size.

    What is transparent is laid over grey; primaries and transfer are left alone.

    Args:
        frame: code values.
        info: the clip that it is of.
        target: the clip whose pixel format (without alpha), range, matrix and place of chroma the
            planes have. It is gray only if ``info`` is.

    Returns:
        Float planes, code / (2^bits - 1), neither rounded nor clamped.

    Raises:
        ValueError: a matrix that is not known.
    """
    layout = without_alpha(target.pixel_format)
    if layout.family == "yuv":
        units = _as_yuv(frame, info, target)
    else:
        red, green, blue = _over_backdrop(frame, info)
        units = [green, blue, red] if layout.family == "gbr" else [red]
    return tuple(_levels(unit, target, number) for number, unit in enumerate(units))


def _as_yuv(frame: Frame, info: ClipInfo, target: ClipInfo) -> list[Tensor]:
    """Luma from 0 to 1 and chroma from -0.5 to 0.5, on the grid of the target."""
    source, layout = info.pixel_format, target.pixel_format
    matrix, grid = conversion_matrix(target), source
    if source.family == "yuv" and conversion_matrix(info) == matrix and not source.has_alpha:
        luma, *chroma = yuv_units(frame, info)
    elif source.family == "gray":
        luma, *_ = rgb_units(frame, info)
        size = layout.plane_size(1, width=info.width, height=info.height)
        return [luma, *([torch.zeros(size)] * 2)]
    else:
        luma, *chroma = rgb_to_yuv(*_over_backdrop(frame, info), matrix=matrix)
        grid = FULL_CHROMA
    place = target.color.chroma_location
    return [luma, *(regrid_chroma(plane, info, grid, layout, place) for plane in chroma)]


def _over_backdrop(frame: Frame, info: ClipInfo) -> Sequence[Tensor]:
    """Red, green and blue from 0 to 1, opaque."""
    colors = rgb_units(frame, info)
    if not info.pixel_format.has_alpha:
        return colors
    opacity = frame.planes[-1].to(torch.float32) / info.pixel_format.max_code
    return [color * opacity + BACKDROP * (1 - opacity) for color in colors]


def _levels(unit: Tensor, target: ClipInfo, number: int) -> Tensor:
    layout, is_full = target.pixel_format, is_full_range(target)
    if layout.family == "gbr":
        return unit
    ranges = chroma_range if number and layout.family == "yuv" else luma_range
    low, high = ranges(layout, is_full)
    return (unit * (high - low) + low) / layout.max_code
