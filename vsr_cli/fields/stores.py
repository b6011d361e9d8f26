"""Files that grow step by step: NetCDF-4 and Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from vsr_cli.errors import MissingExtraError, OutputError
from vsr_cli.fields.copying import copy_variables
from vsr_cli.fields.netcdf import DEFLATE_LEVEL
from vsr_cli.fields.skeleton import Skeleton
from vsr_cli.frames import Context
from vsr_cli.specs import is_zarr

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_VALUES = 1 << 20  # of a grid that is larger, rows and columns are split


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVariable:
    """A field as it is stored."""

    name: str
    dims: tuple[str, ...]  # the grid's are the last two
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    fill: float | None

    @property
    def chunks(self) -> tuple[int, ...]:
        """One step of one series each, and at most so many values of a grid."""
        height, width = self.shape[-2:]
        parts = max(1, -(-height * width // CHUNK_VALUES))
        return (*[1] * (len(self.shape) - 2), max(1, -(-height // parts)), width)


class FieldStore(Context, Protocol):
    """Takes steps of fields; leave its context to close the file."""

    def write(self, name: str, index: tuple[int, ...], values: NDArray[Any]) -> None:
        """Store one step, (H, W) in the variable's own type, at a place in the other dimensions."""

    def annotate(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Add attributes to a field."""


def open_store(
    path: Path, skeleton: Skeleton, variables: list[StoredVariable], target: Path
) -> FieldStore:
    """Write all that is known, and make room for the fields.

    Args:
        path: of the file, as long as it is not complete.
        skeleton: all but the fields.
        variables: the fields.
        target: what messages call the file.

    Raises:
        OutputError: the disk or the format does not play along.
        MissingExtraError: zarr is not installed.
    """
    dataset = skeleton.dataset
    if is_zarr(target) and find_spec("zarr") is None:
        raise MissingExtraError("zarr", "fields")
    encoding: dict[str, dict[str, Any]] = {
        str(name): {} if "_FillValue" in variable.attrs else {"_FillValue": None}
        for name, variable in dataset.variables.items()
    }
    try:
        if is_zarr(target):
            dataset.to_zarr(path, mode="w", encoding=encoding, consolidated=False)
            return ZarrStore(path, variables, target)
        growing = {str(dim) for dim in dataset.encoding.get("unlimited_dims", ())}
        unlimited = [dim for dim in dataset.dims if dim in growing]
        dataset.to_netcdf(path, engine="netcdf4", encoding=encoding, unlimited_dims=unlimited)
        return NetcdfStore(path, skeleton, variables, target)
    except (OSError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise _unwritable(target, error) from error


class NetcdfStore:
    """A NetCDF-4 file."""

    def __init__(
        self, path: Path, skeleton: Skeleton, variables: list[StoredVariable], target: Path
    ) -> None:
        import netCDF4

        self._target = target
        self._file = netCDF4.Dataset(path, "a")
        growing = skeleton.dataset.encoding.get("unlimited_dims", ())
        if skeleton.source is not None:
            copy_variables(skeleton.source, self._file, skeleton.copies)
        for variable in variables:
            for dim, length in zip(variable.dims, variable.shape, strict=True):
                if dim not in self._file.dimensions:
                    self._file.createDimension(dim, None if dim in growing else length)
            made = self._file.createVariable(  # type: ignore[call-overload]  # any type
                variable.name,
                variable.dtype,
                variable.dims,
                compression="zlib",
                complevel=DEFLATE_LEVEL,
                shuffle=True,
                chunksizes=variable.chunks,
                fill_value=variable.fill,
            )
            made.set_auto_maskandscale(False)
            made.setncatts({k: v for k, v in variable.attributes.items() if k != "_FillValue"})

    def write(self, name: str, index: tuple[int, ...], values: NDArray[Any]) -> None:
        try:
            self._file[name][(*index, slice(None), slice(None))] = values
        except (OSError, RuntimeError) as error:
            raise _unwritable(self._target, error) from error

    def annotate(self, name: str, attributes: Mapping[str, Any]) -> None:
        try:
            self._file[name].setncatts(dict(attributes))
        except (OSError, RuntimeError) as error:
            raise _unwritable(self._target, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except (OSError, RuntimeError) as error:
            raise _unwritable(self._target, error) from error


class ZarrStore:
    """A Zarr group."""

    def __init__(self, path: Path, variables: list[StoredVariable], target: Path) -> None:
        import zarr
        from xarray.backends.zarr import FillValueCoder  # how stores of Zarr 3 hold it

        self._target = target
        self._group = zarr.open_group(str(path), mode="r+")
        is_third = self._group.metadata.zarr_format == 3
        for variable in variables:
            attributes = _json(variable.attributes)
            if variable.fill is not None and np.isfinite(variable.fill):
                fill = variable.dtype.type(variable.fill)
                attributes["_FillValue"] = FillValueCoder.encode(fill, variable.dtype)
            if not is_third:
                attributes["_ARRAY_DIMENSIONS"] = list(variable.dims)
            self._group.create_array(
                variable.name,
                shape=variable.shape,
                dtype=variable.dtype,
                chunks=variable.chunks,
                fill_value=variable.fill if variable.fill is not None else _default(variable.dtype),
                attributes=attributes,
                dimension_names=variable.dims if is_third else None,
            )

    def write(self, name: str, index: tuple[int, ...], values: NDArray[Any]) -> None:
        try:
            self._group[name][(*index, slice(None), slice(None))] = values  # type: ignore[index]
        except OSError as error:
            raise _unwritable(self._target, error) from error

    def annotate(self, name: str, attributes: Mapping[str, Any]) -> None:
        try:
            self._group[name].update_attributes(_json(attributes))
        except OSError as error:
            raise _unwritable(self._target, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _json(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {k: np.asarray(v).tolist() for k, v in attributes.items() if k != "_FillValue"}


def _default(dtype: np.dtype[Any]) -> float:
    return float("nan") if dtype.kind == "f" else 0


def _unwritable(path: Path, error: Exception) -> OutputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return OutputError(f"cannot write {path}: {reason}")
