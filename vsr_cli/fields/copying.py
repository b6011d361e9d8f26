"""Variables that are copied by the NetCDF library itself: text, and types of a file's own.

Characters keep their dimensions and strings their form; enumerations, compounds and ragged arrays
come with the types that the file defines. A Zarr store has no such types; characters are strings
there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.fields.dataset import groups_of
from vsr_cli.fields.skeleton import Skeleton
from vsr_cli.specs import is_zarr

if TYPE_CHECKING:
    import netCDF4
    import xarray

NUMBERS = "fiu"
STRINGS = np.dtypes.StringDType()


@dataclass(frozen=True, slots=True)
class FileContents:
    """What xarray does not tell of a file."""

    text: tuple[str, ...] = ()  # variables of characters or strings
    own: tuple[str, ...] = ()  # variables whose type the file defines
    groups: tuple[str, ...] = ()


def look_into(source: Path) -> FileContents:
    """What xarray would change, cannot carry or does not see; to be asked before it has the file.

    A file that is open, opened again and closed can crash the NetCDF library the third time, if
    strings are a coordinate in it (netCDF4 1.7.5, netCDF 4.10.0).
    """
    if is_zarr(source) or not source.exists():
        return FileContents(groups=groups_of(source))
    text, own = [], []
    try:
        import netCDF4

        with netCDF4.Dataset(str(source)) as file:
            for name, variable in file.variables.items():
                datatype: Any = variable.datatype
                if variable.dtype is str or getattr(datatype, "kind", NUMBERS) not in NUMBERS:
                    text.append(name)
                elif not hasattr(datatype, "kind"):
                    own.append(name)
            return FileContents(tuple(text), tuple(own), tuple(map(str, file.groups)))
    except (ImportError, OSError, RuntimeError):  # of another format, or none: xarray tells
        return FileContents()


def split_copies(
    skeleton: Skeleton, contents: FileContents, source: Path, target: Path
) -> Skeleton:
    """Put aside what xarray would change or cannot carry: to be copied, or to be left out."""
    if is_zarr(source):
        return skeleton if is_zarr(target) else replace(skeleton, dataset=_widened(skeleton))
    kept = skeleton.dataset.variables
    text = [name for name in contents.text if name in kept]
    own = [name for name in contents.own if name in kept]
    if is_zarr(target):
        words = {name: _as_words(kept[name]) for name in text}
        dataset = skeleton.dataset.drop_vars([*own, *words]).assign(words)
        return replace(skeleton, dataset=dataset, left_out=[*skeleton.left_out, *own])
    copies = (*text, *own)
    return replace(
        skeleton, dataset=skeleton.dataset.drop_vars(copies), copies=copies, source=source
    )


def _as_words(text: xarray.Variable) -> xarray.Variable:
    """Strings as any reader of Zarr knows them; characters (..., N) are joined to strings (...)."""
    import xarray

    if text.dtype.kind != "S":
        return xarray.Variable(text.dims, text.to_numpy().astype(STRINGS), text.attrs)
    values = np.ascontiguousarray(text.to_numpy())
    length = values.shape[-1] if values.ndim else 1
    joined = values.reshape(*values.shape[:-1], length).view(f"S{length}")[..., 0]
    words = np.strings.decode(joined, "utf-8", "replace").astype(STRINGS)
    return xarray.Variable(text.dims[:-1], words, text.attrs)


def _widened(skeleton: Skeleton) -> xarray.Dataset:
    """NetCDF has no numbers of two bytes with a point."""
    dataset = skeleton.dataset
    halves = [name for name, each in dataset.variables.items() if each.dtype == np.float16]
    return dataset.assign({name: dataset.variables[name].astype(np.float32) for name in halves})


def copy_variables(source: Path, file: netCDF4.Dataset, names: Iterable[str]) -> None:
    """Copy variables into a file that is open for writing, with their dimensions and types.

    Raises:
        OSError, RuntimeError: a library cannot read or write.
    """
    import netCDF4

    with netCDF4.Dataset(str(source)) as original:
        for name in names:
            variable = original.variables[name]
            variable.set_auto_maskandscale(False)
            variable.set_auto_chartostring(False)
            for dim in variable.get_dims():
                if dim.name not in file.dimensions:
                    length = None if dim.isunlimited() else dim.size
                    file.createDimension(dim.name, length)
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            made: Any = file.createVariable(
                name,
                _type_in(file, variable.datatype),
                variable.dimensions,
                fill_value=attributes.pop("_FillValue", None),
            )
            made.set_auto_maskandscale(False)
            made.set_auto_chartostring(False)
            made.setncatts(attributes)
            if variable.size:
                made[...] = variable[...]


def _type_in(file: netCDF4.Dataset, datatype: Any) -> Any:
    """A type of one file in another; it is defined there when it comes for the first time."""
    import netCDF4

    name = getattr(datatype, "name", "")
    if isinstance(datatype, netCDF4.EnumType):
        if name in file.enumtypes:
            return file.enumtypes[name]
        return file.createEnumType(datatype.dtype, name, datatype.enum_dict)
    if isinstance(datatype, netCDF4.VLType) and name:
        if name in file.vltypes:
            return file.vltypes[name]
        return file.createVLType(datatype.dtype, name)
    if isinstance(datatype, netCDF4.CompoundType):
        if name in file.cmptypes:
            return file.cmptypes[name]
        return file.createCompoundType(datatype.dtype, name)
    return datatype
