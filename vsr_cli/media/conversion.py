"""Frames of one pixel format as another: as RGB samples, or as planes of another layout."""

from __future__ import annotations

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.color import yuv_to_rgb
from vsr_cli.imaging.resample import upsample_chroma
from vsr_cli.imaging.siting import chroma_siting
from vsr_cli.media.deep import Samples
from vsr_cli.media.encoder import conversion_matrix
from vsr_cli.media.planes import PictureConverter, convert_gray, make_picture, read_planes
from vsr_cli.media.tags import tag_picture

_BLACK, _WHITE, _CHROMA_SPAN = 16, 235, 224  # of limited range, at 8 bits


def to_rgb(frame: Frame, info: ClipInfo, *, bits: int) -> Samples:
    """Samples (H, W, C) of full range, uint8 or uint16; C is 1 for gray, 3, or 4 with alpha.

    YUV is converted in float32 by the clip's own matrix and range, its chroma interpolated
    bicubically from where it lies: the scaler of FFmpeg shows white as 65283 of 65535 at 16 bits.

    Raises:
        ValueError: the clip's matrix is one that is not known.
    """
    source = info.pixel_format
    colors = frame.planes[: 3 if source.family != "gray" else 1]
    if source.family == "yuv":
        channels = _from_yuv(colors, info)
    elif source.family == "gbr":
        channels = [_unit(colors[index], 0, source.max_code) for index in (2, 0, 1)]
    else:
        channels = [_unit(colors[0], *_luma_range(info))]
    if source.has_alpha:
        channels.append(_unit(frame.planes[-1], 0, source.max_code))
    top = (1 << bits) - 1
    codes = torch.stack(channels, dim=-1).mul_(top).round_().clamp_(0, top)
    samples: Samples = codes.to(torch.int32).to(torch.uint8 if bits == 8 else torch.uint16).numpy()
    return samples


def to_layout(
    frame: Frame, info: ClipInfo, layout: PixelFormat, converter: PictureConverter
) -> tuple[Tensor, ...]:
    """The planes of a frame in another gray or YUV format, of the same range where both are YUV."""
    source = info.pixel_format
    if source == layout:
        return frame.planes
    if source.family == "gray":
        full = info.color.range == "full"
        return convert_gray(frame.planes[0], source, layout, full_range=full)
    picture = make_picture(frame.planes, source, width=info.width, height=info.height)
    tag_picture(picture, info.color)
    picture = converter.convert(picture, layout.name, matrix=conversion_matrix(info))
    return read_planes(picture, layout, converter)


def _from_yuv(planes: tuple[Tensor, ...], info: ClipInfo) -> list[Tensor]:
    source = info.pixel_format
    siting = chroma_siting(source, info.color.chroma_location)
    factors = 1 << source.chroma_shift_y, 1 << source.chroma_shift_x
    step = 1 << (source.bits - 8)
    span = source.max_code if info.color.range == "full" else _CHROMA_SPAN * step
    middle = 1 << (source.bits - 1)
    chroma = [
        upsample_chroma(
            _unit(plane, middle, middle + span),
            size=(info.height, info.width),
            factors=factors,
            siting=siting,
        )
        for plane in planes[1:]
    ]
    luma = _unit(planes[0], *_luma_range(info))
    return list(yuv_to_rgb(luma, *chroma, matrix=conversion_matrix(info)))


def _luma_range(info: ClipInfo) -> tuple[int, int]:
    """The codes of black and white; YUV without a tag is of limited range, gray of full range."""
    source, color_range = info.pixel_format, info.color.range
    if color_range == "full" or (source.family == "gray" and color_range == "unspecified"):
        return 0, source.max_code
    step = 1 << (source.bits - 8)
    return _BLACK * step, _WHITE * step


def _unit(plane: Tensor, low: int, high: int) -> Tensor:
    """Codes as floats, 0 for ``low`` and 1 for ``high``."""
    return (plane.to(torch.float32) - low) / (high - low)
