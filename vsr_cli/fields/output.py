"""How upscaled variables are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import InputError
from vsr_cli.fields.dims import FieldDims, find_dims
from vsr_cli.fields.packing import FILL_NAMES, Packing
from vsr_cli.fields.stores import StoredVariable
from vsr_cli.fields.validity import EVERYTHING, final_ranges, valid_limits, without_ranges
from vsr_cli.specs import FieldSpec

if TYPE_CHECKING:
    import xarray

EXACT = 1e-6  # of the standard deviation, to which means are kept
HALF_STEP = 2.0**-24  # of a number in float32, at most, lost by rounding


@dataclass(frozen=True, slots=True)
class FieldOutput:
    """One variable of the output."""

    stored: StoredVariable
    packing: Packing
    time: str | None
    stated: Mapping[str, Any]  # attributes of the source

    @property
    def final_attributes(self) -> dict[str, Any]:
        """What can be said of the values when all are written."""
        return final_ranges(self.packing, self.stated)

    def place(self, series: dict[str, int], step: int) -> tuple[int, ...]:
        """Where a step of a series lies, in the dimensions before the grid's."""
        known = {**series, **({} if self.time is None else {self.time: step})}
        return tuple(known[dim] for dim in self.stored.dims[:-2])


def common_dims(raw: xarray.Dataset, names: Sequence[str], path: Path) -> FieldDims:
    """The dimensions of the grid, which must be the same for all variables.

    Raises:
        InputError: they lie on different grids.
    """
    found = [find_dims(raw, raw[name]) for name in names]
    if len({(dims.y, dims.x) for dims in found}) > 1:
        raise InputError(f"{path}: {', '.join(names)} lie on different grids; upscale them apart")
    return found[0]


def plan_variable(
    raw: xarray.Dataset,
    name: str,
    scale: int,
    value_range: tuple[float, float],
    deviation: float,
    fields: FieldSpec,
) -> tuple[FieldOutput, list[str]]:
    """How a variable is stored: as it was, unless means could not be kept in its type."""
    array, dims = raw[name], find_dims(raw, raw[name])
    attributes: dict[str, Any] = dict(array.attrs)
    packing, warnings = _plan_packing(array, attributes, value_range, deviation, fields)
    outer = tuple(str(dim) for dim in array.dims if dim not in (dims.y, dims.x))
    sizes = array.sizes
    shape = (*(sizes[dim] for dim in outer), scale * sizes[dims.y], scale * sizes[dims.x])
    attributes["vsr_value_range"] = np.array(value_range)
    fill = attributes.get("_FillValue")
    fill = packing.fill_attribute if fill is None and packing.is_new_fill else fill
    fill = None if fill is None else float(np.ravel(fill)[0])
    stored = StoredVariable(
        name=name,
        dims=(*outer, dims.y, dims.x),
        shape=shape,
        dtype=packing.dtype,
        attributes=without_ranges(attributes),
        fill=fill,
    )
    return FieldOutput(stored, packing, dims.time, attributes), warnings


def _plan_packing(
    array: xarray.DataArray,
    attributes: dict[str, Any],
    value_range: tuple[float, float],
    deviation: float,
    fields: FieldSpec,
) -> tuple[Packing, list[str]]:
    """In which type numbers are stored, and a line for each thing to be told of it.

    What has never meant anything goes from ``attributes``.
    """
    name, warnings = array.name, []
    packing = Packing.of(array.dtype, attributes)
    for key in FILL_NAMES:  # of another type than the packed numbers: it has never meant anything
        if key in attributes and packing.is_packed and not packing.numbers(attributes[key]):
            del attributes[key]
    if valid_limits(packing, attributes) != EVERYTHING:
        packing.need_fill()  # for what lies outside
    if "flag_meanings" in attributes:
        warnings.append(f"{name} holds categories (flag_meanings), and they become numbers between")
    if packing.dtype == np.float16:  # which NetCDF does not have
        packing.dtype = np.dtype(np.float32)
        warnings.append(f"{name} is float16; it is written in float32")
    if fields.conserve == "mean" and packing.is_packed:
        warnings.append(
            f"{name} is packed in steps of {packing.scale:g}: means are kept to half of that"
        )
    elif fields.conserve == "mean" and _is_too_coarse(value_range, deviation):
        packing.dtype = np.dtype(np.float64)
        if array.dtype != packing.dtype:
            warnings.append(f"{name} is written in float64: {array.dtype} would not keep its means")
    return packing, warnings


def _is_too_coarse(value_range: tuple[float, float], deviation: float) -> bool:
    """True if rounding to float32 moves means by more than they may be off."""
    return HALF_STEP * max(map(abs, value_range)) > EXACT * deviation / 2
