"""What models get of a field that is scored, and what they make of it: as ``vsr upscale`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.fields.grid import FieldGrid, is_vector
from vsr_cli.imaging.degradation import degrade_field
from vsr_cli.pipeline.evaluate.contender import Contender
from vsr_cli.pipeline.evaluate.field_truth import FieldClip, field_kernel, tensors
from vsr_cli.pipeline.fields.networks import field_settings
from vsr_cli.pipeline.fields.steps import choose_mapping, enlarge_steps
from vsr_cli.pipeline.fields.values import summarise
from vsr_cli.specs import EvaluateSpec, FieldSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Axis = NDArray[np.float64] | None

PLAIN = FieldSpec()  # the options of fields that an evaluation leaves as they are


class LowField:
    """A series (C, h, w) as it is given, or the truth made smaller."""

    def __init__(self, clip: FieldClip, spec: EvaluateSpec, scale: int) -> None:
        self._clip, self._spec, self._scale = clip, spec, scale
        self._shrink: Callable[[Tensor], Tensor] | None = None
        stream = clip.truth
        self._latitude, self._longitude = stream.latitude, stream.longitude
        if clip.given:
            stream = clip.given[0]
            self._latitude, self._longitude = stream.latitude, stream.longitude
        else:
            self._shrink = partial(degrade_field, scale=scale, kernel=field_kernel(spec))
            self._latitude = _block_means(stream.latitude, scale)
            self._longitude = _block_means(stream.longitude, scale)
        names = clip.truth.standard_names or ("",) * len(clip.truth.variables)
        self._vectors = [is_vector(name) for name in names]
        self._ranges: list[tuple[float, float]] = []

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each step of the truth, and what models get of it: float64, NaN where missing."""
        given = (tensors(one) for one in self._clip.given)
        for truth, *low in zip(tensors(self._clip.truth), *given, strict=True):
            yield truth, low[0] if low else self._smaller(truth)

    def enlarge(self, steps: Iterable[Tensor], part: int, contender: Contender) -> Iterator[Tensor]:
        """What a model makes of one component: (h, w) to (H, W) float64, without gaps."""
        if contender.chain is None:
            raise ValueError("there is no model to enlarge a field by")
        settings = field_settings(contender.spec)
        frames = iter(steps)
        first = next(frames)
        grid = FieldGrid.from_axes(
            self._latitude,
            self._longitude,
            self._scale,
            PLAIN.boundary,
            is_vector=self._vectors[part],
        )
        mapping = choose_mapping(
            contender.chain,
            grid,
            PLAIN,
            value_range=self._range(part),
            consistency=settings.consistency,
        )
        size = first.shape[0], first.shape[1]
        values = (step.numpy() for step in _chained(first, frames))
        mapping = replace(mapping, keeps_gaps=False)
        for finer, _ in enlarge_steps(values, size, contender.chain, settings, mapping):
            yield finer

    def _range(self, part: int) -> tuple[float, float]:
        """The values that networks see as 0 to 1; measured of what they get, once."""
        if self._spec.value_range is not None:
            return self._spec.value_range
        if not self._ranges:
            parts = range(len(self._clip.truth.variables))
            self._ranges = [
                summarise(low[number].numpy() for _, low in self.pairs()).value_range
                for number in parts
            ]
        return self._ranges[part]

    def _smaller(self, truth: Tensor) -> Tensor:
        if self._shrink is None:
            raise InputError(f"nothing is given for {self._clip.truth.name}")
        return torch.stack([self._shrink(plane) for plane in truth])


def _chained(first: Tensor, others: Iterator[Tensor]) -> Iterator[Tensor]:
    yield first
    yield from others


def _block_means(axis: Axis, scale: int) -> Axis:
    """Coordinates of cells of ``scale`` cells each; what is left at the end falls away."""
    if axis is None:
        return None
    number = len(axis) // scale
    means: NDArray[np.float64] = axis[: number * scale].reshape(number, scale).mean(1)
    return means
