"""Colour tags and the display matrix: between FFmpeg's code points and ours."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import av
from av.video.codeccontext import VideoCodecContext

from vsr_cli.frames import UNSPECIFIED, ClipInfo, ColorInfo, ColorRange, PixelFormat

RGB_MATRIX, BT709, BT601 = 0, 1, 6  # code points of the matrix
_HD_LINES = 720  # from here up an untagged clip is taken for BT.709
_RANGES: Mapping[int, ColorRange] = MappingProxyType({0: "unspecified", 1: "limited", 2: "full"})
_RANGE_CODES: Mapping[ColorRange, int] = MappingProxyType({v: k for k, v in _RANGES.items()})


def read_color(picture: av.VideoFrame, context: VideoCodecContext) -> ColorInfo:
    """The tags of a decoded picture, with those of its stream where the picture has none."""
    full = picture.format.name.startswith("yuvj")
    return ColorInfo(
        range="full" if full else _RANGES[picture.color_range or context.color_range],
        matrix=_first_stated(picture.colorspace, context.colorspace),
        primaries=_first_stated(picture.color_primaries, context.color_primaries),
        transfer=_first_stated(picture.color_trc, context.color_trc),
    )


def tag_encoder(context: VideoCodecContext, color: ColorInfo) -> None:
    """Write the tags into the encoder; what is unspecified stays so."""
    context.color_range = _RANGE_CODES[color.range]
    context.colorspace = color.matrix
    context.color_primaries = color.primaries
    context.color_trc = color.transfer


def tag_picture(picture: av.VideoFrame, color: ColorInfo) -> None:
    """Write the tags into one picture: some encoders look there, not at the stream."""
    picture.color_range = _RANGE_CODES[color.range]
    picture.colorspace = color.matrix
    picture.color_primaries = color.primaries
    picture.color_trc = color.transfer


def read_display_matrix(picture: av.VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers by which a player turns and mirrors the picture; None: as it is stored."""
    data = picture.side_data.get("DISPLAYMATRIX")
    return None if data is None else struct.unpack("=9i", bytes(data))  # type: ignore[call-overload]


def clip_matrix(color: ColorInfo, *, height: int) -> int:
    """The clip's matrix, or for one that states none BT.709 from 720 lines up, else BT.601."""
    if color.matrix not in (UNSPECIFIED, RGB_MATRIX):
        return color.matrix
    return BT709 if height >= _HD_LINES else BT601


def conversion_matrix(info: ClipInfo) -> int:
    """The matrix of a conversion between YUV and RGB."""
    if info.matrix in (UNSPECIFIED, RGB_MATRIX):
        return clip_matrix(info.color, height=info.height)
    return info.matrix


def written_color(info: ClipInfo, layout: PixelFormat) -> ColorInfo:
    """The tags of the encoded clip: the clip's own, unless RGB becomes YUV or the reverse."""
    source = info.pixel_format.family
    if source == "gbr" and layout.family == "yuv":
        return replace(info.color, range="limited", matrix=conversion_matrix(info))
    if source == "yuv" and layout.family == "gbr":
        return replace(info.color, range="full", matrix=RGB_MATRIX)
    return info.color


def _first_stated(*codes: int) -> int:
    return next((code for code in codes if code != UNSPECIFIED), UNSPECIFIED)
