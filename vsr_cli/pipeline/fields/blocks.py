"""Fields as arrays in memory, and as the lazy ones of Dask, which are upscaled block by block.

Dask itself is not imported: its arrays are asked by their own methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.fields.packing import Packing
from vsr_cli.pipeline.fields.networks import field_chain, field_settings
from vsr_cli.pipeline.fields.steps import enlarge_steps
from vsr_cli.pipeline.fields.values import FieldMapping, FieldSummary, ValueTally, summarise
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.specs import FieldSpec, UpscaleSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = 2  # dimensions at the end of an array: rows and columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUpscaler:
    """All that a block needs to be upscaled, on whatever machine that is."""

    spec: UpscaleSpec
    fields: FieldSpec
    mapping: FieldMapping
    packing: Packing  # of the result's type
    time_axis: int | None  # of the array; None: there is one step alone
    context: int  # steps before and after a step on which its result depends

    def __call__(
        self, block: NDArray[Any], *, start: int = 0, length: int | None = None
    ) -> NDArray[Any]:
        """Upscale a part of an array, (..., H, W) to (..., s*H, s*W).

        Of the time axis ``length`` steps from ``start`` on come back; the others are there for
        their neighbours. Networks are loaded once in a process, and each call has its own.

        Raises:
            ValueError, VsrError: the networks cannot be had here, or not the device.
        """
        chain = field_chain(self.spec, self.fields, load=load_chain_once)
        settings = field_settings(self.spec)
        series = self._as_series(block)
        stop = series.shape[-3] if length is None else start + length
        height, width = block.shape[-GRID:]
        scale = self.mapping.scale
        outer = series.shape[:-3]
        finer = np.empty((*outer, stop - start, scale * height, scale * width), self.packing.dtype)
        for place in np.ndindex(outer):
            size = height, width
            steps = enlarge_steps(iter(series[place]), size, chain, settings, self.mapping)
            for step, (values, _) in enumerate(islice(steps, start, stop)):
                finer[(*place, step)] = self.packing.pack(values.numpy())
        if self.time_axis is None:
            return finer[..., 0, :, :]
        return np.ascontiguousarray(np.moveaxis(finer, -3, self.time_axis))

    def _as_series(self, block: NDArray[Any]) -> NDArray[Any]:
        """(..., T, H, W)"""
        if self.time_axis is None:
            return block[..., None, :, :]
        return np.moveaxis(block, self.time_axis, -3)


def upscale_array(values: Any, upscaler: BlockUpscaler) -> Any:
    """An array (..., H, W) as (..., s*H, s*W): at once, or lazily if it is one of Dask.

    Blocks of a lazy array stay as long as they are along time and what lies beside it. Each one
    reads as many steps of its neighbours as windows of several steps need, so that the result does
    not depend on where blocks begin.
    """
    if not is_lazy(values):
        return upscaler(values)
    grid = dict.fromkeys(range(values.ndim - GRID, values.ndim), -1)
    whole = values.rechunk(grid)
    if upscaler.time_axis is None:
        return _lazily(whole, upscaler)
    parts = [
        _lazily(part, upscaler, start=start, length=length)
        for part, start, length in _overlapping(whole, upscaler.time_axis, upscaler.context)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, upscaler.time_axis)


def is_lazy(values: Any) -> bool:
    """True for an array of Dask."""
    return hasattr(values, "map_blocks") and hasattr(values, "rechunk")


def measure_array(values: Any) -> FieldSummary:
    """What one pass over an array (..., H, W) tells of its values; of a lazy one block by block."""
    if not is_lazy(values):
        return summarise(values[place] for place in np.ndindex(values.shape[:-GRID]))
    whole = values.rechunk(dict.fromkeys(range(values.ndim - GRID, values.ndim), -1))
    ones = tuple((1,) * len(lengths) for lengths in whole.chunks)
    none = np.empty((0,) * values.ndim, object)
    tallies = whole.map_blocks(_tally_block, dtype=object, chunks=ones, meta=none)
    total = ValueTally()
    for tally in tallies.compute().flat:
        total.merge(tally)
    return total.summary()


def _tally_block(block: NDArray[Any]) -> NDArray[Any]:
    """What a block tells, as an array of one element."""
    tally = ValueTally()
    for place in np.ndindex(block.shape[:-GRID]):
        tally.add(block[place])
    held = np.empty((1,) * block.ndim, object)
    held[...] = tally
    return held


def _overlapping(whole: Any, axis: int, context: int) -> Iterator[tuple[Any, int, int]]:
    """The parts along an axis with their neighbours, where each begins in itself, and its length.

    A part is one block, however short its neighbours are.
    """
    lengths = [length for length in whole.chunks[axis] if length]
    before = (slice(None),) * axis
    for end, length in zip(accumulate(lengths), lengths, strict=True):
        first = max(0, end - length - context)
        part = whole[(*before, slice(first, min(end + context, whole.shape[axis])))]
        yield part.rechunk({axis: -1}), end - length - first, length


def _lazily(part: Any, upscaler: BlockUpscaler, **steps: int) -> Any:
    scale, chunks = upscaler.mapping.scale, list(part.chunks)
    if upscaler.time_axis is not None:
        chunks[upscaler.time_axis] = (steps["length"],)
    chunks[-GRID:] = [(scale * side,) for side in part.shape[-GRID:]]
    dtype = upscaler.packing.dtype
    none = np.empty((0,) * part.ndim, dtype)
    return part.map_blocks(upscaler, **steps, dtype=dtype, chunks=tuple(chunks), meta=none)
