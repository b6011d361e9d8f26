"""Frames in the colours of another clip: what is seen stays the same."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import ColorRange, Colorspace

from vsr_cli.frames import ChromaLocation, ClipInfo, ColorInfo, Frame
from vsr_cli.frames import ColorRange as Range
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.recolor import has_equal_codes, recolored
from vsr_cli.media.pixels.shown import shown_rgb

COLORS = ((200, 40, 60), (16, 180, 90), (30, 60, 220), (128, 128, 128), (255, 255, 255), (0, 0, 0))
SIDE = 64  # pixels; FFmpeg's scaler writes in vectors
ROUNDING = 3  # codes: one of 8 bits of luma and two of chroma, rounded twice


def _info(
    name: str,
    matrix: int = 1,
    color_range: Range = "limited",
    place: ChromaLocation = "left",
    side: int = 8,
) -> ClipInfo:
    form = require_planar(name)
    color = ColorInfo(range=color_range, matrix=matrix, chroma_location=place)
    if form.family == "gbr":
        color = ColorInfo(range="full", matrix=0)
    known = matrix if form.family == "yuv" else 2
    return ClipInfo(side, side, form, Fraction(1, 25), color, matrix=known)


def _codes(levels: tuple[torch.Tensor, ...], info: ClipInfo) -> Frame:
    top = info.pixel_format.max_code
    dtype = torch.uint8 if info.pixel_format.bits == 8 else torch.uint16
    planes = tuple((level * top).round().clamp(0, top).to(dtype) for level in levels)
    return Frame(planes, pts=0)


def _ffmpeg_frame(color: tuple[int, int, int], name: str, space: int, full: bool) -> Frame:
    """A picture of one colour, converted by FFmpeg's scaler."""
    rgb = np.empty((SIDE, SIDE, 3), np.uint8)
    rgb[:] = color
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format=name,
        dst_colorspace=Colorspace(space),
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
    )
    form = require_planar(name)
    planes = []
    for index, plane in enumerate(picture.planes):
        height, width = form.plane_size(index, width=SIDE, height=SIDE)
        dtype = np.uint8 if form.bits == 8 else np.uint16
        view = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype().itemsize)
        planes.append(torch.from_numpy(view[:height, :width].copy()))
    return Frame(tuple(planes), pts=0)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("target", ["yuv420p", "yuv444p10le", "gbrp"])
@pytest.mark.parametrize(
    ("name", "matrix", "space", "full"),
    [
        ("yuv420p", 6, 5, False),
        ("yuv420p", 1, 1, False),
        ("yuv422p10le", 6, 5, False),
        ("yuv444p", 1, 1, True),
        ("gbrp", 0, 1, True),
    ],
)
def test_colour_stays_what_it_is(
    color: tuple[int, int, int], target: str, name: str, matrix: int, space: int, full: bool
) -> None:
    source = _info(name, matrix, "full" if full else "limited", side=SIDE)
    frame = _ffmpeg_frame(color, name, space, full)
    found = _info(target, side=SIDE)
    shown = shown_rgb(_codes(recolored(frame, source, found), found), found)
    assert np.abs(shown.astype(int) - color).max() <= ROUNDING


def test_gray_becomes_the_same_gray() -> None:
    source = _info("gray", color_range="full")
    frame = Frame((torch.full((8, 8), 77, dtype=torch.uint8),), pts=0)
    for name in ("yuv420p", "gbrp"):
        found = _info(name)
        shown = shown_rgb(_codes(recolored(frame, source, found), found), found)
        assert np.abs(shown.astype(int) - 77).max() <= 1


def test_what_is_transparent_lies_over_grey() -> None:
    source = _info("gbrap")
    planes = [torch.full((8, 8), code, dtype=torch.uint8) for code in (0, 0, 255, 0)]
    found = _info("gbrp")
    for alpha, color in ((0, (128, 128, 128)), (255, (255, 0, 0)), (51, (153, 102, 102))):
        planes[3].fill_(alpha)
        shown = shown_rgb(_codes(recolored(Frame(tuple(planes), 0), source, found), found), found)
        assert np.abs(shown.astype(int) - color).max() <= 1


def test_chroma_moves_to_the_place_of_the_target() -> None:
    ramp = (40 + 16 * torch.arange(4)).to(torch.uint8).expand(4, 4).contiguous()
    frame = Frame((torch.zeros(8, 8, dtype=torch.uint8), ramp, ramp), pts=0)
    left, center = _info("yuv420p", place="left"), _info("yuv420p", place="center")
    moved = recolored(frame, left, center)[1] * 255
    # Half a pixel to the right is a quarter of a sample: 4 of 16 codes, away from the border.
    assert torch.allclose(moved[:, 1:3], ramp[:, 1:3] + 4.0, atol=0.5)


def test_equal_codes_need_equal_meaning() -> None:
    clip = _info("yuv420p", 1)
    assert has_equal_codes(clip, clip)
    others = (
        _info("yuv420p", 6),
        _info("yuv420p", 1, "full"),
        _info("yuv422p", 1),
        _info("yuv420p10le", 1),
        _info("yuv420p", 1, place="center"),
        _info("yuva420p", 1),
    )
    assert not any(has_equal_codes(other, clip) for other in others)
    assert not has_equal_codes(_info("gray"), _info("gray", color_range="full"))
    assert has_equal_codes(_info("gbrp"), _info("gbrp"))
