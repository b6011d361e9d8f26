"""Clips of different sizes, pixel formats and colours brought to one, so that they can be compared.

The size, matrix, range and place of chroma are those of the largest clip, whose code values are
shown as they were decoded. Depth and chroma are the finest of all clips, so none loses any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from vsr_cli.frames import UNSPECIFIED, ClipInfo, ColorInfo, Frame, PixelFamily, PixelFormat
from vsr_cli.imaging.panels import Planes, black_planes, chroma_step, paste, plane_steps
from vsr_cli.imaging.ranges import is_full_range
from vsr_cli.imaging.resample import enlarge, resize
from vsr_cli.imaging.siting import CENTERED, chroma_siting
from vsr_cli.media.pixels.color_names import matrix_name, primaries_name, transfer_name
from vsr_cli.media.pixels.formats import planar_format
from vsr_cli.media.pixels.orientation import is_quarter_turn, turn_upright, upright_info
from vsr_cli.media.pixels.recolor import has_equal_codes, recolored
from vsr_cli.media.pixels.tags import RGB_MATRIX, conversion_matrix
from vsr_cli.pipeline.transfer import to_codes
from vsr_cli.specs.compare import Resize


def shown_info(info: ClipInfo) -> ClipInfo:
    """The clip as it is shown: upright, if it is turned by quarters."""
    matrix = info.display_matrix
    return upright_info(info) if matrix is not None and is_quarter_turn(matrix) else info


def common_info(infos: Sequence[ClipInfo], *, for_pictures: bool) -> ClipInfo:
    """What all clips are brought to.

    Where YUV and RGB meet it is RGB in picture files and YUV in videos.

    Args:
        infos: the clips as they are shown.
        for_pictures: pictures are written, not a video.
    """
    families: set[PixelFamily] = {info.pixel_format.family for info in infos}
    family: PixelFamily = "yuv" if "yuv" in families else "gbr" if "gbr" in families else "gray"
    if "gbr" in families and for_pictures:
        family = "gbr"
    by_size = sorted(infos, key=lambda info: -info.width * info.height)
    largest = by_size[0]
    model = next((info for info in by_size if info.pixel_format.family == family), largest)
    form = _finest(infos, family)
    one_profile = {info.icc_profile for info in infos}
    return ClipInfo(
        width=largest.width,
        height=largest.height,
        pixel_format=form,
        time_base=largest.time_base,
        color=_color(by_size, model, form),
        sample_aspect_ratio=largest.sample_aspect_ratio,
        hdr=model.hdr,
        matrix=conversion_matrix(model),
        # RGB may become YUV in the file, which is refused of videos.
        origin="pictures" if family == "gbr" else model.origin,
        icc_profile=largest.icc_profile if len(one_profile) == 1 else None,
    )


def color_warnings(names: Sequence[str], infos: Sequence[ClipInfo], common: ClipInfo) -> list[str]:
    """A line for each clip whose colours look different here from what they are, or may do."""
    lines = []
    for name, info in zip(names, infos, strict=True):
        for tag, word in (("primaries", primaries_name), ("transfer", transfer_name)):
            found, shown = getattr(info.color, tag), getattr(common.color, tag)
            if UNSPECIFIED not in (found, shown) and found != shown:
                lines.append(
                    f"{name} has the {tag} {word(found)} and is shown as if they were "
                    f"{word(shown)}: its colours look different from what they are"
                )
        taken, largest = conversion_matrix(info), conversion_matrix(common)
        is_told = info.color.matrix != UNSPECIFIED or info.pixel_format.family != "yuv"
        if common.pixel_format.family == "yuv" and not is_told and taken != largest:
            lines.append(
                f"{name} states no matrix and is taken for {matrix_name(taken)} by its height, the "
                f"largest clip for {matrix_name(largest)}: a player would show them so"
            )
    return lines


def _finest(infos: Sequence[ClipInfo], family: PixelFamily) -> PixelFormat:
    bits = max(info.pixel_format.bits for info in infos)
    if family != "yuv":
        return planar_format(family, bits)
    forms = [info.pixel_format for info in infos if info.pixel_format.family != "gray"]
    shift = min(f.chroma_shift_x for f in forms), min(f.chroma_shift_y for f in forms)
    return planar_format(family, bits, shift)


def _color(by_size: Sequence[ClipInfo], model: ClipInfo, form: PixelFormat) -> ColorInfo:
    """The tags of what is written: the matrix is always told, the size may suggest another."""
    if form.family != "yuv":
        matrix = RGB_MATRIX if form.family == "gbr" else model.color.matrix
        color_range = "full" if form.family == "gbr" else model.color.range
        return replace(model.color, matrix=matrix, range=color_range, chroma_location="unspecified")
    alike = (i for i in by_size if chroma_step(i.pixel_format) == chroma_step(form))
    located = next((info for info in alike if info.pixel_format.family == "yuv"), None)
    location = "unspecified" if located is None else located.color.chroma_location
    return replace(model.color, matrix=conversion_matrix(model), chroma_location=location)


@dataclass(frozen=True, slots=True)
class Fit:
    """How large a clip is shown in the common size, and by which factors it is enlarged."""

    width: int
    height: int
    factors: tuple[float, float]  # down, across
    is_whole: bool  # it covers the common size


def fit_size(info: ClipInfo, common: ClipInfo) -> Fit:
    """The place that a clip takes: all of it, or what keeps the shape of its pixels.

    A low-resolution clip may have been rounded up or down to whole pixels; its factor is whole all
    the same.
    """
    shape = (info.sample_aspect_ratio or 1) / (common.sample_aspect_ratio or Fraction(1))
    down, across = Fraction(common.height, info.height), Fraction(common.width, info.width)
    if abs(across - down * shape) * info.width <= max(Fraction(1), across):
        factors = [float(down), float(across)]
        scale = round(down)
        sizes = ((info.height, common.height), (info.width, common.width))
        if shape == 1 and all(abs(scale * small - large) < scale for small, large in sizes):
            factors = [float(scale)] * 2
        return Fit(common.width, common.height, (factors[0], factors[1]), True)
    scale_down = min(down, across / shape)
    height = min(common.height, max(1, round(info.height * scale_down)))
    width = min(common.width, max(1, round(info.width * scale_down * shape)))
    factors_in = height / info.height, width / info.width
    return Fit(width, height, factors_in, False)


class PanelFitter:
    """Makes the frames of one clip into code values of the common format and size.

    Attributes:
        warning: of a clip of another shape, which has black beside it; else empty.
    """

    def __init__(self, name: str, info: ClipInfo, common: ClipInfo, resize_by: Resize) -> None:
        """``info`` is the clip as it is decoded."""
        self._matrix = info.display_matrix
        self._info = shown_info(info)
        if self._info is info:
            self._matrix = None
        self._common, self._kernel = common, resize_by
        self._is_equal = has_equal_codes(self._info, common)
        self._fit = fit = fit_size(self._info, common)
        self.warning = ""
        if not fit.is_whole:
            self.warning = (
                f"{name} has another shape than the largest clip: it is shown as "
                f"{fit.width}x{fit.height} in {common.width}x{common.height}, with black around it"
            )

    def fit(self, frame: Frame) -> Planes:
        """The frame in the common size: planes of code values."""
        frame = turn_upright(frame, self._matrix)
        is_sized = (self._info.width, self._info.height) == (self._fit.width, self._fit.height)
        form = self._common.pixel_format
        if self._is_equal and is_sized:
            planes: Planes = frame.planes
        else:
            levels = self._levels(frame)
            if not is_sized:
                levels = tuple(self._resized(plane, n) for n, plane in enumerate(levels))
            floats = replace(frame, planes=tuple(plane.clamp(0, 1) for plane in levels))
            planes = next(to_codes([floats], form)).planes
        return planes if self._fit.is_whole else self._framed(planes)

    def _levels(self, frame: Frame) -> Planes:
        if not self._is_equal:
            return recolored(frame, self._info, self._common)
        top = self._common.pixel_format.max_code
        return tuple(plane.to(torch.float32) / top for plane in frame.planes)

    def _resized(self, plane: Tensor, number: int) -> Tensor:
        form, fit = self._common.pixel_format, self._fit
        is_chroma = plane_steps(form)[number] != (1, 1)
        place = self._common.color.chroma_location
        siting = chroma_siting(form, place) if is_chroma else CENTERED
        height, width = form.plane_size(number, width=fit.width, height=fit.height)
        down, across = fit.factors
        scale = int(down)
        is_enough = plane.shape[0] * scale >= height and plane.shape[1] * scale >= width
        if down == across == scale and is_enough:
            large = enlarge(plane[None, None], scale, siting, kernel=self._kernel)
            return large[0, 0, :height, :width]
        return resize(
            plane,
            height=height,
            width=width,
            siting=siting,
            factors=fit.factors,
            kernel=self._kernel,
        )

    def _framed(self, planes: Planes) -> Planes:
        """In the middle of a black picture."""
        common, form = self._common, self._common.pixel_format
        is_full = is_full_range(common)
        canvas = black_planes(form, width=common.width, height=common.height, is_full=is_full)
        down, across = chroma_step(form)
        x = (common.width - self._fit.width) // 2 // across * across
        y = (common.height - self._fit.height) // 2 // down * down
        paste(canvas, planes, form, x=x, y=y)
        return canvas
