"""Frames of result and truth in batches, and what metrics need of them, computed once.

What depends on the truth alone is there once for all results that are compared with it, what
depends on both once for all metrics of a result. All of it stays on the device of the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import torch

from vsr_cli.metrics.pair import (
    area_means,
    check_shapes,
    check_truth,
    crop_border,
    fill_missing,
    in_float64,
    is_finite,
    without_missing,
)

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image

Part = TypeVar("Part")


class FrameParts:
    """What several metrics, or several results, need of the same frames; each part has a name."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, Any] = {}

    def once(self, name: Hashable, compute: Callable[[], Part]) -> Part:
        """The part of that name; ``compute`` gives the same whoever asks, and the first one does.

        The name holds all settings on which the part depends. What depends on frames before these
        is the same too: results beside one truth take the same frames in the same order.
        """
        if name not in self._parts:
            self._parts[name] = compute()
        return cast("Part", self._parts[name])


class TruthFrames:
    """Some frames of the truth, one after the other, for all results beside them."""

    def __init__(self, images: torch.Tensor) -> None:
        """Check them. images: (B, C, H, W) float in [0, 1], NaN where there is no truth.

        Raises:
            ValueError: they are not of a float type, or infinite somewhere.
        """
        self.images = in_float64(images)  # (B, C, H, W)
        self.has_gaps = not is_finite(self.images)
        if self.has_gaps:
            check_truth(self.images)
        self.parts = FrameParts()

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor], name: Hashable) -> TruthFrames:
        """The same frames in another unit or place, once for each name."""

        def change_all() -> TruthFrames:
            other = copy(self)  # what was checked stays so
            other.images, other.parts = change(self.images), FrameParts()
            return other

        return self.parts.once(name, change_all)

    def missing(self, border: int) -> torch.Tensor:
        """The share of pixels without a truth inside a border: (B,)."""
        if not self.has_gaps:
            return self.images.new_zeros(len(self.images))
        is_missing = crop_border(self.images, border).isnan()
        return is_missing.to(torch.float64).mean((1, 2, 3))


class FramePairs:
    """Some frames of a result with those of the truth; NaN in both where there is no truth."""

    def __init__(self, sr: torch.Tensor, truth: TruthFrames) -> None:
        """Check them. sr: (B, C, H, W) float in [0, 1], of the size and on the device of the truth.

        Raises:
            ValueError: the result is not of a float type, or not finite where there is a truth.
        """
        images = in_float64(sr)
        if truth.has_gaps or not is_finite(images):
            images = without_missing(images, truth.images)
        self.sr, self.truth = images, truth
        self.parts = FrameParts()

    @classmethod
    def of(cls, sr: Image, hr: Image, *, planes: int = 3) -> Self:
        """One frame of each: (H, W), or (planes, H, W) where several count as one picture.

        Raises:
            ValueError: as the class, or the images have different sizes or another shape.
        """
        pair = torch.as_tensor(sr), torch.as_tensor(hr)
        check_shapes(*pair, planes=planes)
        first, second = (image.reshape(1, -1, *image.shape[-2:]) for image in pair)
        return cls(first, TruthFrames(second))

    def __len__(self) -> int:
        return len(self.sr)

    @property
    def has_gaps(self) -> bool:
        """True if a frame of the truth has gaps."""
        return self.truth.has_gaps

    @property
    def device(self) -> torch.device:
        return self.sr.device

    def inside(self, border: int, *, is_ring: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Result and truth without their border, (B, C, H, W) each; of rings rows alone are cut.

        Raises:
            ValueError: the border leaves no pixel.
        """
        pair = self.sr, self.truth.images
        first, second = (crop_border(images, border) for images in pair)
        if is_ring:
            rows = slice(border, border + first.shape[-2])
            first, second = (images[..., rows, :] for images in pair)
        return first, second

    def filled(self, border: int, *, is_ring: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``inside``, with the frame's mean of the truth where there is none."""
        sr, hr = self.inside(border, is_ring=is_ring)
        if not self.has_gaps:
            return sr, hr
        name = ("filled", border, is_ring)
        return fill_missing(sr, hr), self.truth.parts.once(name, lambda: fill_missing(hr, hr))

    def mean(self, values: torch.Tensor, *, border: int, grid: GridLike) -> torch.Tensor:
        """The mean of each frame of what was computed of them: see ``area_means``."""
        return area_means(values, has_gaps=self.has_gaps, border=border, grid=grid)

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor], name: Hashable) -> FramePairs:
        """The same frames in another unit or place, once for each name."""

        def change_all() -> FramePairs:
            other = copy(self)
            other.sr, other.truth = change(self.sr), self.truth.mapped(change, name)
            other.parts = FrameParts()
            return other

        return self.parts.once(name, change_all)

    def on_host(self) -> FramePairs:
        """The same frames in memory of the CPU, for what computes only there."""
        return self if self.device.type == "cpu" else self.mapped(torch.Tensor.cpu, "host")
