"""Panels on one picture: where each stands, what it is called, and what lies between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Self

import torch

from vsr_cli.frames import ClipInfo
from vsr_cli.imaging.panels import (
    Overlay,
    Planes,
    black_planes,
    chroma_step,
    cut_columns,
    difference,
    draw,
    magnify,
    pad_to_step,
    paste,
)
from vsr_cli.imaging.ranges import is_full_range
from vsr_cli.imaging.siting import chroma_siting
from vsr_cli.media.pixels.tags import conversion_matrix
from vsr_cli.pipeline.compare.labels import PanelWriter, Strip
from vsr_cli.specs.compare import Box, CompareSpec

LINE = 2  # pixels of white between the parts of a split picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Puts the pictures of a moment, all of the common size, onto one canvas."""

    common: ClipInfo
    spec: CompareSpec
    box: Box  # the part that is shown
    width: int  # of the canvas
    height: int
    strips: tuple[Strip, ...]
    overlays: tuple[Overlay, ...]
    writer: PanelWriter
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, common: ClipInfo, spec: CompareSpec, labels: Sequence[str]) -> Self:
        """Lay out the panels of some clips; ``labels`` are the names of the clips.

        Raises:
            ValueError: the crop lies outside of the picture.
            InputError: the font cannot be read.
        """
        box = _checked_box(spec.crop, common)
        down, across = chroma_step(common.pixel_format)
        width = -(-box.width * spec.zoom // across) * across
        height = -(-box.height * spec.zoom // down) * down
        titles = [*labels]
        if spec.difference:
            titles += [f"|{labels[0]} - {label}| x {spec.gain:g}" for label in labels[1:]]
        strips, size = _strips(spec, len(titles), width, height, (down, across))
        writer = PanelWriter(spec, strips, height, (down, across))
        overlays, warnings = writer.names(titles)
        if spec.layout == "split":
            overlays = [*_lines(strips, height, across), *overlays]
        return cls(
            common=common,
            spec=spec,
            box=box,
            width=size[0],
            height=size[1],
            strips=tuple(strips),
            overlays=tuple(overlays),
            writer=writer,
            warnings=tuple(warnings),
        )

    @property
    def info(self) -> ClipInfo:
        """The canvas as a clip."""
        return replace(self.common, width=self.width, height=self.height)

    def compose(
        self, pictures: Sequence[Planes | None], times_s: Sequence[Fraction | None] = ()
    ) -> Planes:
        """The canvas with a picture of each clip; None: it has not begun, and is black.

        ``times_s`` are those of the pictures, to be written on them if that is asked for.
        """
        form, is_full = self.common.pixel_format, is_full_range(self.common)
        canvas = black_planes(form, width=self.width, height=self.height, is_full=is_full)
        shown = [None if picture is None else self._part(picture) for picture in pictures]
        if self.spec.difference:
            shown += [self._difference(shown[0], other) for other in shown[1:]]
        for picture, strip in zip(shown, self.strips, strict=True):
            if picture is not None:
                part = cut_columns(pad_to_step(picture, form), form, strip.first, strip.last)
                paste(canvas, part, form, x=strip.x, y=strip.y)
        for overlay in (*self.overlays, *self.writer.times(times_s)):
            draw(canvas, overlay, form, is_full=is_full)
        return canvas

    def _part(self, picture: Planes) -> Planes:
        """What is shown of a picture, enlarged."""
        if self.spec.crop is None and self.spec.zoom == 1:
            return picture
        form = self.common.pixel_format
        siting = chroma_siting(form, self.common.color.chroma_location)
        return magnify(picture, form, siting, box=self.box, zoom=self.spec.zoom)

    def _difference(self, first: Planes | None, second: Planes | None) -> Planes | None:
        if first is None or second is None:
            return None
        common = self.common
        return difference(
            first,
            second,
            common.pixel_format,
            is_full=is_full_range(common),
            matrix=conversion_matrix(common),
            gain=self.spec.gain,
        )


def _checked_box(crop: Box | None, common: ClipInfo) -> Box:
    if crop is None:
        return Box(0, 0, common.width, common.height)
    if crop.x + crop.width > common.width or crop.y + crop.height > common.height:
        raise ValueError(
            f"crop {','.join(map(str, crop))} lies outside of the largest clip, which is "
            f"{common.width}x{common.height}"
        )
    return crop


def _strips(
    spec: CompareSpec, number: int, width: int, height: int, step: tuple[int, int]
) -> tuple[list[Strip], tuple[int, int]]:
    """Where the panels stand, and the width and height of the canvas."""
    down, across = step
    if spec.layout == "split":
        shares = [spec.position] if spec.position else [n / number for n in range(1, number)]
        edges = [0, *(round(width * share / across) * across for share in shares), width]
        if any(last - first < across for first, last in pairwise(edges)):
            raise ValueError(f"{width} columns are too few to be split there into {number} parts")
        strips = [Strip(first, 0, first, last) for first, last in pairwise(edges)]
        return strips, (width, height)
    columns = {"row": number, "column": 1}.get(spec.layout, math.ceil(math.sqrt(number)))
    rows = -(-number // columns)
    pitch_x = width + -(-spec.gap // across) * across
    pitch_y = height + -(-spec.gap // down) * down
    places = [divmod(index, columns) for index in range(number)]
    strips = [Strip(column * pitch_x, row * pitch_y, 0, width) for row, column in places]
    return strips, (pitch_x * (columns - 1) + width, pitch_y * (rows - 1) + height)


def _lines(strips: Sequence[Strip], height: int, across: int) -> list[Overlay]:
    width = max(LINE, across)
    white = torch.ones(height, width)
    return [Overlay(strip.x, 0, white, white) for strip in strips[1:]]
