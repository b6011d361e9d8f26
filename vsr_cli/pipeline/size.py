"""How large the output becomes, and the stage for sizes that no network gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.imaging.resample import resize
from vsr_cli.models.load import available_scales
from vsr_cli.pipeline.settings import StageSettings, batched
from vsr_cli.specs import DEFAULT_SCALE, UpscaleSpec

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class OutputSize:
    """The networks enlarge by ``scale``; interpolation does the rest."""

    scale: int
    width: int
    height: int

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def choose_size(spec: UpscaleSpec, info: ClipInfo) -> OutputSize:
    """The output's size, and the smallest scale of the model that reaches it.

    A scale between two whole numbers gives sides rounded to whole pixels, halves up.
    Where only a height or a width is asked for, the other side keeps the picture's shape, rounded
    to an even number. Where both are, the shape of a pixel changes, so that what is shown keeps
    its own.

    Raises:
        ValueError: the size is smaller than that of the clip.
    """
    if spec.width is None and spec.height is None:
        ratio = Fraction(spec.scale or DEFAULT_SCALE)
        if ratio.denominator == 1:
            scale = ratio.numerator
            return OutputSize(scale, info.width * scale, info.height * scale)
        width, height = (floor(side * ratio + _HALF) for side in (info.width, info.height))
        return OutputSize(_scale_for(spec, ratio), width, height)
    width = spec.width or _even(Fraction(info.width * (spec.height or 1), info.height))
    height = spec.height or _even(Fraction(info.height * width, info.width))
    if width < info.width or height < info.height:
        raise ValueError(
            f"the output must not be smaller than the clip, which is {info.width}x{info.height}; "
            f"got {width}x{height}"
        )
    ratio = max(Fraction(width, info.width), Fraction(height, info.height))
    return OutputSize(int(spec.scale or _scale_for(spec, ratio)), width, height)


def output_info(info: ClipInfo, size: OutputSize) -> ClipInfo:
    """The clip as it will be written: of another size, all else as it was."""
    across, down = Fraction(size.width, info.width), Fraction(size.height, info.height)
    shape = info.sample_aspect_ratio
    if across != down and not _is_rounding(info, size):
        shape = (shape or 1) * down / across
    matrix = info.display_matrix
    if matrix is not None:
        # The last row moves the picture, in pixels; a quarter turn swaps its sides.
        turned = abs(matrix[1]) > abs(matrix[0])
        first, second = (down, across) if turned else (across, down)
        matrix = (*matrix[:6], round(matrix[6] * first), round(matrix[7] * second), matrix[8])
    return replace(
        info,
        width=size.width,
        height=size.height,
        sample_aspect_ratio=shape,
        display_matrix=matrix,
    )


def fit_frames(
    frames: Iterable[Frame], info: ClipInfo, size: OutputSize, settings: StageSettings
) -> Iterator[Frame]:
    """Bring float frames of ``scale`` times the clip's size to the output's, each plane in place.

    The kernel is that of the model, if it is an interpolation, else bicubic; where frames shrink,
    it is antialiased (but for ``nearest``).
    """
    enlarged = (info.height * size.scale, info.width * size.scale)
    if enlarged == (size.height, size.width):
        yield from frames
        return
    factors = size.height / enlarged[0], size.width / enlarged[1]
    for frame in frames:
        planes = []
        for number, plane in enumerate(frame.planes):
            height, width = settings.pixel_format.plane_size(
                number, width=size.width, height=size.height
            )
            siting = settings.plane_siting(number)
            resized = batched(
                lambda image, height=height, width=width, siting=siting: resize(  # type: ignore[misc]
                    image,
                    height=height,
                    width=width,
                    siting=siting,
                    factors=factors,
                    kernel=settings.kernel,
                ),
                [plane],
                is_bounded=settings.is_bounded,
            )
            planes.append(resized[0])
        yield replace(frame, planes=tuple(planes))


def _scale_for(spec: UpscaleSpec, ratio: Fraction) -> int:
    """The smallest scale that reaches the ratio, else the largest one that there is."""
    scales = available_scales(spec.model, domain=spec.domain, weights=spec.weights)
    return min((scale for scale in scales if scale >= ratio), default=max(scales))


def _even(length: Fraction) -> int:
    return max(2, 2 * round(length / 2))


def _is_rounding(info: ClipInfo, size: OutputSize) -> bool:
    """True if the shape differs by no more than rounding one side to an even number."""
    exact = Fraction(info.width * size.height, info.height)
    return abs(exact - size.width) <= 1 or (
        abs(Fraction(info.height * size.width, info.width) - size.height) <= 1
    )
