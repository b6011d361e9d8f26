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
from vsr_cli.pipeline.fields.provenance import describe_run
from vsr_cli.pipeline.fields.steps import UNEVEN_STEPS, choose_mapping
from vsr_cli.pipeline.fields.values import choose_summary
from vsr_cli.pipeline.loaded import absolute_weights, load_chain_once
from vsr_cli.pipeline.report import chain_warnings
from vsr_cli.specs import (
    DEFAULT_SCALE,
    Boundary,
    Conserve,
    FieldSpec,
    Precision,
    UpscaleSpec,
    Window,
)

try:
    import xarray
except ImportError as error:
    raise MissingExtraError("xarray", "fields") from error

USUAL, USUAL_FIELD = UpscaleSpec(), FieldSpec()
MEMORY = Path("dataset")  # what errors call it
UNNAMED = "field"
PACKED = ("scale_factor", "add_offset", *FILL_NAMES)
KEPT_ENCODING = ("dtype", *PACKED)  # how a file holds the values; chunks of another grid do not fit


@xarray.register_dataarray_accessor("vsr")  # type: ignore[no-untyped-call]
@xarray.register_dataset_accessor("vsr")  # type: ignore[no-untyped-call]
class FieldUpscaler:
    """``DataArray.vsr`` and ``Dataset.vsr``"""

    def __init__(self, data: xarray.DataArray | xarray.Dataset) -> None:
        self._data = data

    def upscale(
        self,
        variables: str | Sequence[str] = (),
        *,
        scale: int = DEFAULT_SCALE,
        model: str = USUAL.model,
        domain: str | None = USUAL.domain,
        weights: Sequence[str | Path] = USUAL.weights,
        device: str = USUAL.device,
        precision: Precision = USUAL.precision,
        batch_size: int | None = USUAL.batch_size,
        tile: int | None = USUAL.tile,
        consistency: int = USUAL.consistency,
        value_range: tuple[float, float] | None = USUAL_FIELD.value_range,
        boundary: Boundary = USUAL_FIELD.boundary,
        conserve: Conserve = USUAL_FIELD.conserve,
        window: Window = USUAL_FIELD.window,
    ) -> xarray.DataArray | xarray.Dataset:
        """The field on a finer grid, (..., H, W) as (..., s*H, s*W) in its own unit; of its kind.

        Rows and columns come last; all else stays as it is, and so do a lazy array's blocks along
        time. Of a dataset these ``variables`` are upscaled, without a name the only one on a grid,
        and what does not lie on the grid is kept; an array is one variable, which needs no name.
        The options are those of ``vsr upscale``, and so are the numbers. Without a ``value_range``
        a lazy array is read once to find it. What a user should know is a warning.

        Raises:
            ValueError: settings that cannot be, or a name beside an array.
            VsrError: no grid, no such variable; weights or the device do not play along.
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
        return _upscale(self._data, spec, fields)


def _upscale(
    data: xarray.DataArray | xarray.Dataset, spec: UpscaleSpec, fields: FieldSpec
) -> xarray.DataArray | xarray.Dataset:
    """The same kind on a finer grid; warnings are those of the user's own line."""
    if isinstance(data, xarray.Dataset):
        finer, told = _upscale_dataset(data, spec, fields)
        result: xarray.DataArray | xarray.Dataset = finer
    else:
        if fields.variables:
            raise ValueError(f"an array is one variable; leave {', '.join(fields.variables)} out")
        name = UNNAMED if data.name is None else str(data.name)
        named = replace(fields, variables=(name,))
        finer, told = _upscale_dataset(data.to_dataset(name=name), spec, named)
        result = finer[name].rename(data.name)
    for text in dict.fromkeys(told):
        warnings.warn(text, UserWarning, stacklevel=3)
    return result


def _upscale_dataset(
    dataset: xarray.Dataset, spec: UpscaleSpec, fields: FieldSpec
) -> tuple[xarray.Dataset, list[str]]:
    """A dataset on the finer grid, and warnings."""
    raw = _with_times_as_numbers(dataset)
    names = [str(array.name) for array in choose(raw, fields.variables, MEMORY)]
    dims = common_dims(raw, names, MEMORY)
    chain = field_chain(spec, fields, load=load_chain_once)
    settings = field_settings(spec)  # refuses a device that is not there before anything is read
    command = describe_run(chain, settings, spec, fields, names)
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
    return finer, told


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
