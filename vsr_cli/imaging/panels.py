"""Pictures beside each other: planes of code values cut, magnified, compared and drawn on.

All planes are those of one pixel format; chroma may be smaller than luma. Places are given in luma
pixels, and are multiples of ``chroma_step`` where planes are put.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_cli.frames import PixelFormat
from vsr_cli.imaging.color import rgb_to_yuv, yuv_to_rgb
from vsr_cli.imaging.ranges import chroma_range, luma_range, sample_dtype
from vsr_cli.imaging.resample import resample_chroma
from vsr_cli.imaging.siting import CENTERED, Siting

Planes: TypeAlias = tuple[Tensor, ...]
_MARGIN = 4  # chroma samples around a part that is interpolated; the kernel reaches 2


@dataclass(frozen=True, slots=True)
class Overlay:
    """Something grey that is drawn on a picture."""

    x: int
    y: int
    opacity: Tensor  # (H, W) in [0, 1]; 0 leaves the picture as it is
    light: Tensor  # (H, W), 0 for black and 1 for white


def chroma_step(form: PixelFormat) -> tuple[int, int]:
    """Luma pixels for each sample of chroma, down and across."""
    return 1 << form.chroma_shift_y, 1 << form.chroma_shift_x


def plane_steps(form: PixelFormat) -> tuple[tuple[int, int], ...]:
    """Luma pixels for each sample of every plane, down and across; alpha is left out."""
    if form.family == "gray":
        return ((1, 1),)
    chroma = chroma_step(form) if form.family == "yuv" else (1, 1)
    return (1, 1), chroma, chroma


def black_planes(form: PixelFormat, *, width: int, height: int, is_full: bool) -> Planes:
    """A black picture, of uint8 or uint16 codes."""
    planes = []
    for number in range(len(plane_steps(form))):
        size = form.plane_size(number, width=width, height=height)
        low, _ = _span(form, number, is_full)
        planes.append(torch.full(size, low, dtype=sample_dtype(form)))
    return tuple(planes)


def paste(canvas: Planes, picture: Planes, form: PixelFormat, *, x: int, y: int) -> None:
    """Put a picture onto a canvas that it fits into."""
    for plane, part, (down, across) in zip(canvas, picture, plane_steps(form), strict=True):
        height, width = part.shape
        plane[y // down : y // down + height, x // across : x // across + width] = part


def cut_columns(picture: Planes, form: PixelFormat, first: int, last: int) -> Planes:
    """The columns from ``first`` up to ``last``."""
    steps = plane_steps(form)
    return tuple(
        plane[:, first // across : -(-last // across)]
        for plane, (_, across) in zip(picture, steps, strict=True)
    )


def pad_to_step(picture: Planes, form: PixelFormat) -> Planes:
    """The picture with its last row and column once more where chroma has half a sample there."""
    down, across = chroma_step(form)
    height, width = picture[0].shape
    rows, columns = -height % down, -width % across
    if not (rows or columns):
        return picture
    luma = F.pad(picture[0].float()[None], (0, columns, 0, rows), mode="replicate")[0]
    return (luma.to(picture[0].dtype), *picture[1:])


def magnify(
    picture: Planes,
    form: PixelFormat,
    siting: Siting,
    *,
    box: tuple[int, int, int, int],
    zoom: int,
) -> Planes:
    """A part of a picture, each of its pixels as a square of ``zoom`` x ``zoom``.

    ``box`` is x, y, width and height. Chroma is interpolated bicubically to every pixel first, as a
    screen shows it, and the mean of the enlarged pixels is taken; where the part lies on chroma's
    grid and is not enlarged, its samples are those of the picture.
    """
    x, y, width, height = box
    down, across = chroma_step(form)
    is_aligned = x % across == y % down == 0
    parts = []
    for plane, steps in zip(picture, plane_steps(form), strict=True):
        if steps == (1, 1):
            part = plane[y : y + height, x : x + width]
        elif zoom == 1 and is_aligned:
            part = plane[y // down : -(-(y + height) // down), x // across :]
            part = part[:, : -(-width // across)]
        else:
            full = _full_chroma(plane, siting, steps, box)
            large = _repeat(full, zoom)[None, None]
            part = F.avg_pool2d(large, steps, ceil_mode=True, count_include_pad=False)[0, 0]
            parts.append(part.round_().clamp_(0, form.max_code).to(plane.dtype))
            continue
        parts.append(part if zoom == 1 else _repeat(part.float(), zoom).to(plane.dtype))
    return tuple(parts)


def difference(
    first: Planes, second: Planes, form: PixelFormat, *, is_full: bool, matrix: int, gain: float
) -> Planes:
    """The absolute difference of red, green and blue, amplified: black where there is none.

    Of YUV it is found through its matrix, chroma repeated for the pixels of its sample.
    """
    deltas = [a.float() - b.float() for a, b in zip(first, second, strict=True)]
    black, white = luma_range(form, is_full)
    if form.family != "yuv":
        top = white - black if form.family == "gray" else form.max_code
        lights = [(delta.abs_() * (gain / top)).clamp_(0, 1) for delta in deltas]
        return tuple(_codes(lit, form, n, is_full) for n, lit in enumerate(lights))
    middle, whole = chroma_range(form, is_full)
    height, width = deltas[0].shape
    down, across = chroma_step(form)
    chroma = [
        delta.repeat_interleave(down, 0).repeat_interleave(across, 1)[:height, :width]
        for delta in deltas[1:]
    ]
    scaled = [deltas[0] / (white - black), *(plane / (whole - middle) for plane in chroma)]
    rgb = [(c.abs_() * gain).clamp_(0, 1) for c in yuv_to_rgb(*scaled, matrix=matrix)]
    luma, *colors = rgb_to_yuv(*rgb, matrix=matrix)
    pooled = [
        F.avg_pool2d(c[None, None], (down, across), ceil_mode=True, count_include_pad=False)[0, 0]
        for c in colors
    ]
    return tuple(_codes(unit, form, n, is_full) for n, unit in enumerate((luma, *pooled)))


def draw(canvas: Planes, overlay: Overlay, form: PixelFormat, *, is_full: bool) -> None:
    """Draw onto a canvas, in place; what lies beyond its edges is left out."""
    height, width = canvas[0].shape
    opacity = overlay.opacity[: height - overlay.y, : width - overlay.x]
    light = overlay.light[: height - overlay.y, : width - overlay.x]
    for number, (plane, (down, across)) in enumerate(zip(canvas, plane_steps(form), strict=True)):
        is_color = form.family == "yuv" and number > 0
        cover = opacity
        if is_color:
            pool = {"ceil_mode": True, "count_include_pad": False}
            cover = F.avg_pool2d(opacity[None, None], (down, across), **pool)[0, 0]
        top, left = overlay.y // down, overlay.x // across
        part = plane[top : top + cover.shape[0], left : left + cover.shape[1]]
        low, high = _span(form, number, is_full)
        value = low + (high - low) * (0 if is_color else light)
        mixed = part.float() * (1 - cover) + value * cover
        part.copy_(mixed.round_().clamp_(0, form.max_code).to(plane.dtype))


def _full_chroma(
    plane: Tensor, siting: Siting, steps: tuple[int, int], box: tuple[int, int, int, int]
) -> Tensor:
    """Chroma for each luma pixel of a part, (height, width) float codes."""
    starts, spans = [], []
    x, y, width, height = box
    axes = zip((y, x), (height, width), steps, plane.shape, strict=True)
    for start, span, step, length in axes:
        first = max(0, start // step - _MARGIN)
        last = min(length, -(-(start + span) // step) + _MARGIN)
        starts.append(start - first * step)
        spans.append(slice(first, last))
    part = plane[spans[0], spans[1]].float()
    size = part.shape[0] * steps[0], part.shape[1] * steps[1]
    factors = float(steps[0]), float(steps[1])
    full = resample_chroma(part, size=size, factors=factors, source=siting, target=CENTERED)
    return full[starts[0] : starts[0] + height, starts[1] : starts[1] + width]


def _repeat(plane: Tensor, zoom: int) -> Tensor:
    return plane.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1)


def _span(form: PixelFormat, number: int, is_full: bool) -> tuple[int, int]:
    """The codes of a plane for none and for all of its light or colour."""
    if form.family == "gbr":
        return 0, form.max_code
    ranges = chroma_range if number and form.family == "yuv" else luma_range
    return ranges(form, is_full)


def _codes(unit: Tensor, form: PixelFormat, number: int, is_full: bool) -> Tensor:
    low, high = _span(form, number, is_full)
    codes = unit * (high - low) + low
    return codes.round_().clamp_(0, form.max_code).to(sample_dtype(form))
