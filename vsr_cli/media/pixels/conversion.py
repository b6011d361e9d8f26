"""Frames of one pixel format as another: as RGB samples, or as planes of another layout.

All in float32 by the clip's own matrix and range, chroma interpolated bicubically from where it
lies to where it belongs. FFmpeg's scaler takes left-sited chroma for centred, which shifts it by
half a luma sample, and shows white as 65283 of 65535 at 16 bits (8.1, measured).
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsr_cli.frames import ChromaLocation, ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.color import rgb_to_yuv, yuv_to_rgb
from vsr_cli.imaging.ranges import chroma_range, is_full_range, luma_range, sample_dtype
from vsr_cli.imaging.resample import resample_chroma
from vsr_cli.imaging.siting import chroma_siting
from vsr_cli.media.pictures.deep import Samples
from vsr_cli.media.pixels.planes import convert_gray
from vsr_cli.media.pixels.tags import conversion_matrix, written_color

FULL_CHROMA = PixelFormat("", "yuv", 8)  # a sample for every pixel


def to_rgb(frame: Frame, info: ClipInfo, *, bits: int) -> Samples:
    """Samples (H, W, C) of full range, uint8 or uint16; C is 1 for gray, 3, or 4 with alpha.

    Raises:
        ValueError: the clip's matrix is one that is not known.
    """
    if info.pixel_format.family == "gray":
        channels = [_unit(frame.planes[0], *luma_range(info.pixel_format, is_full_range(info)))]
    else:
        channels = list(rgb_units(frame, info))
    if info.pixel_format.has_alpha:
        channels.append(_unit(frame.planes[-1], 0, info.pixel_format.max_code))
    top = (1 << bits) - 1
    codes = torch.stack(channels, dim=-1).mul_(top).round_().clamp_(0, top)
    samples: Samples = codes.to(torch.uint8 if bits == 8 else torch.uint16).numpy()
    return samples


def to_layout(frame: Frame, info: ClipInfo, layout: PixelFormat) -> tuple[Tensor, ...]:
    """The planes of a frame in another layout, with the range and matrix of ``written_color``.

    Raises:
        ValueError: the clip's matrix is one that is not known.
    """
    source = info.pixel_format
    if source == layout:
        return frame.planes
    if source.family == "gray" and layout.family != "gbr":
        full = info.color.range == "full"
        return convert_gray(frame.planes[0], source, layout, full_range=full)
    if layout.family == "gbr":
        red, green, blue = rgb_units(frame, info)
        planes = [_codes(plane, layout, 0, layout.max_code) for plane in (green, blue, red)]
    else:
        planes = _to_yuv(frame, info, layout)
    if layout.has_alpha:
        planes.append(_alpha(frame, source, layout))
    return tuple(planes)


def _to_yuv(frame: Frame, info: ClipInfo, layout: PixelFormat) -> list[Tensor]:
    """Luma, and chroma if the layout has it, of the codes that ``written_color`` names."""
    is_full = written_color(info, layout).range == "full"
    if info.pixel_format.family == "gbr":
        units = rgb_to_yuv(*rgb_units(frame, info), matrix=conversion_matrix(info))
        grid = FULL_CHROMA
    else:
        units, grid = yuv_units(frame, info), info.pixel_format
    luma = _codes(units[0], layout, *luma_range(layout, is_full))
    if layout.family == "gray":
        return [luma]
    low, high = chroma_range(layout, is_full)
    chroma = (regrid_chroma(plane, info, grid, layout) for plane in units[1:])
    return [luma, *(_codes(plane, layout, low, high) for plane in chroma)]


def rgb_units(frame: Frame, info: ClipInfo) -> tuple[Tensor, ...]:
    """Red, green and blue, 1 for all of it; of gray three times the same."""
    source = info.pixel_format
    if source.family == "gbr":
        return tuple(_unit(frame.planes[index], 0, source.max_code) for index in (2, 0, 1))
    if source.family == "gray":
        return (_unit(frame.planes[0], *luma_range(source, is_full_range(info))),) * 3
    luma, *chroma = yuv_units(frame, info)
    chroma = [regrid_chroma(plane, info, source, FULL_CHROMA) for plane in chroma]
    return yuv_to_rgb(luma, *chroma, matrix=conversion_matrix(info))


def yuv_units(frame: Frame, info: ClipInfo) -> tuple[Tensor, ...]:
    """Luma from 0 to 1 and chroma from -0.5 to 0.5, each on its own grid."""
    source, is_full = info.pixel_format, is_full_range(info)
    low, high = chroma_range(source, is_full)
    return (
        _unit(frame.planes[0], *luma_range(source, is_full)),
        *(_unit(plane, low, high) for plane in frame.planes[1:3]),
    )


def regrid_chroma(
    plane: Tensor,
    info: ClipInfo,
    old: PixelFormat,
    new: PixelFormat,
    location: ChromaLocation | None = None,
) -> Tensor:
    """A chroma plane of a clip on the grid of another YUV format, for a picture of the same size.

    ``location`` is where chroma lies on the new grid, as the clip states of the old one by default.
    """
    before = info.color.chroma_location
    return resample_chroma(
        plane,
        size=new.plane_size(1, width=info.width, height=info.height),
        factors=(
            2.0 ** (old.chroma_shift_y - new.chroma_shift_y),
            2.0 ** (old.chroma_shift_x - new.chroma_shift_x),
        ),
        source=chroma_siting(old, before),
        target=chroma_siting(new, location or before),
    )


def _alpha(frame: Frame, source: PixelFormat, layout: PixelFormat) -> Tensor:
    """The frame's alpha, or one that hides nothing."""
    if not source.has_alpha:
        return torch.full_like(frame.planes[0], layout.max_code, dtype=sample_dtype(layout))
    return _codes(_unit(frame.planes[-1], 0, source.max_code), layout, 0, layout.max_code)


def _unit(plane: Tensor, low: int, high: int) -> Tensor:
    """Codes as floats, 0 for ``low`` and 1 for ``high``."""
    return (plane.to(torch.float32) - low) / (high - low)


def _codes(plane: Tensor, layout: PixelFormat, low: int, high: int) -> Tensor:
    codes = (plane * (high - low) + low).round_().clamp_(0, layout.max_code)
    return codes.to(sample_dtype(layout))
