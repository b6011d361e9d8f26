"""``ds["TS"].vsr.upscale(scale=2)``: what ``vsr upscale`` does to files, for xarray.

``import vsr_cli.accessor`` gives every ``DataArray`` and ``Dataset`` the attribute ``vsr``. Arrays
of NumPy are computed at once, those of Dask when they are asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vsr_cli.errors import MissingExtraError
from vsr_cli.fields.dataset import choose
from vsr_cli.fields.dims import FieldDims, find_dims
from vsr_cli.fields.grid import FieldGrid, is_uneven
from vsr_cli.fields.output import common_dims, plan_variable
from vsr_cli.fields.packing import FILL_NAMES
from vsr_cli.fields.skeleton import make_skeleton
from vsr_cli.fields.validity import EVERYTHING, limits_of
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.fields.blocks import BlockUpscaler, measure_array, upscale_array
from vsr_cli.pipeline.fields.networks import field_chain, field_settings
from vsr_cli.pipeline.fields.steps import UNEVEN_STEPS, choose_mapping
from vsr_cli.pipeline.fields.values import choose_summary
from vsr_cli.pipeline.loaded import absolute_weights, load_chain_once
from vsr_cli.pipeline.report import chain_name, chain_warnings
from vsr_cli.specs import Boundary, Conserve, FieldSpec, UpscaleSpec, Window

try:
    import xarray
except ImportError as error:
    raise MissingExtraError("xarray", "fields") from error

MEMORY = Path("dataset")  # what errors call it
UNNAMED = "field"
PACKED = ("scale_factor", "add_offset", *FILL_NAMES)
KEPT_ENCODING = ("dtype", *PACKED)  # how a file holds the values; chunks of another grid do not fit


@xarray.register_dataarray_accessor("vsr")  # type: ignore[no-untyped-call]
class ArrayUpscaler:
    """``DataArray.vsr``"""

    def __init__(self, array: xarray.DataArray) -> None:
        self._array = array

    def upscale(
        self,
        *,
        scale: int = 2,
        model: str = UpscaleSpec().model,
        domain: str | None = None,
        weights: Sequence[str | Path] = (),
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        tile: int | None = None,
        consistency: int = 0,
        value_range: tuple[float, float] | None = None,
        boundary: Boundary = "auto",
        conserve: Conserve = "none",
        window: Window = "auto",
    ) -> xarray.DataArray:
        """The field on a finer grid, (..., H, W) as (..., s*H, s*W) in its own unit.

        Rows and columns come last; all else stays as it is, and so do a lazy array's blocks along
        time. The options are those of ``vsr upscale``, and so are the numbers. Without a
        ``value_range`` a lazy array is read once to find it. What a user should know is a warning.

        Raises:
            ValueError: settings that cannot be.
            VsrError: there is no grid, or weights or the device do not play along.
        """
        name = UNNAMED if self._array.name is None else str(self._array.name)
        spec = UpscaleSpec(
            model=model,
            scale=scale,
            domain=domain,
            weights=tuple(map(Path, weights)),
            device=device,
            precision=precision,
            batch_size=batch_size,
            tile=tile,
            consistency=consistency,
        )
        fields = FieldSpec(
            variables=(name,),
            value_range=value_range,
            boundary=boundary,
            conserve=conserve,
            window=window,
        )
        finer = _upscale(self._array.to_dataset(name=name), spec, fields)[name]
        return finer.rename(self._array.name)


@xarray.register_dataset_accessor("vsr")  # type: ignore[no-untyped-call]
class DatasetUpscaler:
    """``Dataset.vsr``"""

    def __init__(self, dataset: xarray.Dataset) -> None:
        self._dataset = dataset

    def upscale(
        self,
        variables: str | Sequence[str] = (),
        *,
        scale: int = 2,
        model: str = UpscaleSpec().model,
        domain: str | None = None,
        weights: Sequence[str | Path] = (),
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        tile: int | None = None,
        consistency: int = 0,
        value_range: tuple[float, float] | None = None,
        boundary: Boundary = "auto",
        conserve: Conserve = "none",
        window: Window = "auto",
    ) -> xarray.Dataset:
        """These variables on a finer grid, and what does not lie on it as it is.

        Without a name it is the only one on a grid. The options are those of ``DataArray.vsr``.

        Raises:
            ValueError: settings that cannot be.
            VsrError: there is no such variable, or weights or the device do not play along.
        """
        spec = UpscaleSpec(
            model=model,
            scale=scale,
            domain=domain,
            weights=tuple(map(Path, weights)),
            device=device,
            precision=precision,
            batch_size=batch_size,
            tile=tile,
            consistency=consistency,
        )
        fields = FieldSpec(
            variables=(variables,) if isinstance(variables, str) else tuple(variables),
            value_range=value_range,
            boundary=boundary,
            conserve=conserve,
            window=window,
        )
        return _upscale(self._dataset, spec, fields)


def _upscale(dataset: xarray.Dataset, spec: UpscaleSpec, fields: FieldSpec) -> xarray.Dataset:
    raw = _with_times_as_numbers(dataset)
    names = [str(array.name) for array in choose(raw, fields.variables, MEMORY)]
    dims = common_dims(raw, names, MEMORY)
    chain = field_chain(spec, fields, load=load_chain_once)
    field_settings(spec)  # refuses a device that is not there before anything is read
    command = f"upscale --model {chain_name(chain)} --scale {chain.scale}"
    skeleton = make_skeleton(raw, names, dims, chain.scale, history=command)
    told = [*chain_warnings(chain, spec.tile)]
    if skeleton.left_out:
        told.append(f"on the grid, but not in the result: {', '.join(skeleton.left_out)}")
    if chain.reach and is_uneven(raw, dims.time):
        told.append(UNEVEN_STEPS)
    finer = skeleton.dataset.assign_coords(
        {
            name: coordinate.variable
            for name, coordinate in dataset.coords.items()
            if name in skeleton.dataset.coords and not {dims.y, dims.x} & {*coordinate.dims}
        }
    )
    finer.encoding = {}
    for name in names:
        variable, more = _upscale_variable(raw, name, chain, spec, fields)
        variable.attrs = skeleton.true_attributes(variable.attrs)
        finer[name] = variable
        told += more
    for text in dict.fromkeys(told):
        warnings.warn(text, UserWarning, stacklevel=3)
    return finer


def _upscale_variable(
    raw: xarray.Dataset, name: str, chain: LoadedChain, spec: UpscaleSpec, fields: FieldSpec
) -> tuple[xarray.Variable, list[str]]:
    """A variable on the finer grid, and warnings."""
    array = raw[name]
    if packed := [key for key in PACKED if key in array.attrs]:
        raise ValueError(
            f"{name} holds packed values ({packed[0]}); open it with mask_and_scale=True"
        )
    encoding, (low, high) = array.encoding, limits_of(array)
    if (low, high) != EVERYTHING:
        array = array.where((array >= low) & (array <= high))
        raw = raw.assign({name: array})
    dims = find_dims(raw, array)
    values = array.transpose(*_outer(array, dims), dims.y, dims.x).data
    summary = choose_summary(fields, lambda: measure_array(values))
    output, told = plan_variable(
        raw, name, chain.scale, summary.value_range, summary.deviation, fields
    )
    grid = FieldGrid.of(raw, name, dims, chain.scale, fields.boundary)
    upscaler = BlockUpscaler(
        spec=_sendable(spec),
        fields=fields,
        mapping=choose_mapping(
            chain,
            grid,
            fields,
            value_range=summary.value_range,
            consistency=spec.consistency,
        ),
        packing=output.packing,
        time_axis=None if dims.time is None else output.stored.dims.index(dims.time),
        context=chain.reach,
    )
    finer = xarray.Variable(
        output.stored.dims, upscale_array(values, upscaler), dict(output.stored.attributes)
    )
    if output.packing.dtype == array.dtype:  # else what a file held would not suit the result
        finer.encoding = {key: encoding[key] for key in KEPT_ENCODING if key in encoding}
    areas = grid.area_warnings if fields.conserve == "mean" else ()
    return finer, [*grid.warnings, *areas, *told]


def _outer(array: xarray.DataArray, dims: FieldDims) -> list[Any]:
    return [dim for dim in array.dims if dim not in (dims.y, dims.x)]


def _sendable(spec: UpscaleSpec) -> UpscaleSpec:
    """The same for a process in another folder."""
    return replace(spec, weights=absolute_weights(spec.weights))


def _with_times_as_numbers(dataset: xarray.Dataset) -> xarray.Dataset:
    """The dataset as a file states it, whose times are numbers: here seconds from the first one."""
    numbers = {}
    for name, index in dataset.indexes.items():
        is_time = isinstance(index, xarray.CFTimeIndex) or index.dtype.kind == "M"
        if is_time and len(index):
            seconds = (index - index[0]).total_seconds()
            numbers[name] = (name, np.asarray(seconds, np.float64), {"axis": "T"})
    return dataset.assign_coords(numbers)
