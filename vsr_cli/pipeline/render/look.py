"""How a field looks: as colours with a legend below, or as grey codes alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vsr_cli.fields import FieldStream
from vsr_cli.frames import ClipInfo, ColorInfo, PixelFormat
from vsr_cli.media.pixels.formats import planar_format
from vsr_cli.media.pixels.tags import RGB_MATRIX
from vsr_cli.pipeline.render.colors import GrayCodes, Limits, Palette
from vsr_cli.pipeline.render.labels import LEAST_WIDTH, LabelStrip
from vsr_cli.specs import RenderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Planes = Sequence[NDArray[Any]]  # (H, W) codes each

COMFORTABLE = 640  # pixels of the longer side, to which smaller grids are enlarged


class Look(Protocol):
    """Makes pictures of values."""

    name: str  # of the field, with its place in further dimensions
    scale: int  # pixels of a side of a cell
    warnings: list[str]

    def info(self, num_frames: int) -> ClipInfo:
        """The clip that so many pictures are."""

    def planes(self, values: NDArray[Any], step: int) -> Planes:
        """The picture of a step (H, W), NaN where missing."""


class GrayLook:
    """Grey codes that mean values; see ``GrayCodes``."""

    def __init__(self, stream: FieldStream, spec: RenderSpec, limits: Limits) -> None:
        self.name, self.scale = stream.variables[0] + stream.place, spec.scale or 1
        self.warnings = []
        if limits.is_exceeded:
            self.warnings.append("values beyond the range are at its ends: they do not come back")
        self._stream, self._spec = stream, spec
        self._codes = GrayCodes(
            value_range=limits.value_range, bits=spec.bits, has_missing=limits.has_missing
        )

    def info(self, num_frames: int) -> ClipInfo:
        """The clip that so many pictures are; its comment says what codes mean."""
        codes = self._codes
        comment = {
            **_describe(self.name, self._stream, codes.value_range),
            "codes": codes.ends,
            "missing_code": 0 if codes.has_missing else None,
            "cell": self.scale,
        }
        size = self._stream.width * self.scale, self._stream.height * self.scale
        form, color = planar_format("gray", codes.bits), ColorInfo(range="full")
        return _clip(self._spec, num_frames, size, form, color, comment)

    def planes(self, values: NDArray[Any], step: int) -> Planes:
        """The picture of a step (H, W), NaN where missing."""
        del step
        return (_laid(self._codes.encode(values), self._stream, self.scale),)


class ColorLook:
    """Colours of a map, and a legend."""

    def __init__(
        self,
        stream: FieldStream,
        spec: RenderSpec,
        palette: Palette,
        times: tuple[str, ...] | None,
    ) -> None:
        """``times`` are those of the steps in words; without them steps are counted."""
        self.name, self.warnings = stream.variables[0] + stream.place, []
        longer = max(stream.height, stream.width)
        self.scale = spec.scale or max(1, -(-COMFORTABLE // longer))
        self._stream, self._spec, self._palette, self._times = stream, spec, palette, times
        width = self.scale * stream.width
        title = self.name + (f" ({stream.units})" if stream.units else "")
        self._strip = LabelStrip(palette, title, width) if spec.has_labels else None
        if self._strip is not None and width < LEAST_WIDTH:
            self._strip = None
            self.warnings.append(
                f"{width} columns are too few for letters; try --scale, or --no-labels"
            )

    def info(self, num_frames: int) -> ClipInfo:
        """The clip that so many pictures are."""
        comment = {
            **_describe(self.name, self._stream, self._palette.value_range),
            "cmap": self._spec.cmap,
            "cell": self.scale,
        }
        width, height = self._stream.width * self.scale, self._stream.height * self.scale
        height += 0 if self._strip is None else self._strip.height
        form, color = planar_format("gbr", 8), ColorInfo(range="full", matrix=RGB_MATRIX)
        return _clip(self._spec, num_frames, (width, height), form, color, comment)

    def planes(self, values: NDArray[Any], step: int) -> Planes:
        """The picture of a step (H, W), NaN where missing."""
        picture = _laid(self._palette.paint(values), self._stream, self.scale)
        if self._strip is not None:
            time = f"step {step}" if self._times is None else self._times[step]
            picture = np.concatenate([picture, self._strip.draw(time)], 1)
        red, green, blue = picture
        return green, blue, red


def _laid(picture: NDArray[Any], stream: FieldStream, scale: int) -> NDArray[Any]:
    """(..., H, W) with north at the top, each cell a square of pixels."""
    upright = picture[..., ::-1, :] if stream.rows_ascend else picture
    return upright.repeat(scale, -2).repeat(scale, -1)


def _describe(
    name: str, stream: FieldStream, value_range: tuple[float, float]
) -> dict[str, object]:
    return {"field": name, "units": stream.units, "value_range": list(value_range)}


def _clip(
    spec: RenderSpec,
    num_frames: int,
    size: tuple[int, int],
    form: PixelFormat,
    color: ColorInfo,
    comment: dict[str, object],
) -> ClipInfo:
    return ClipInfo(
        width=size[0],
        height=size[1],
        pixel_format=form,
        time_base=1 / spec.rate,
        color=color,
        frame_rate=spec.rate,
        num_frames=num_frames,
        duration_s=float(num_frames / spec.rate),
        metadata={"comment": json.dumps(comment)},
        origin="pictures",  # RGB may become YUV in the file, which is refused of videos
    )
