"""Fields as streams along time: a few steps are read at once, whatever the length of the file.

One file may hold several series: a variable with levels or members of an ensemble is one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile
from zlib import error as InflateError

import numpy as np

from vsr_cli.errors import InputError
from vsr_cli.fields.dataset import choose, open_dataset, unreadable
from vsr_cli.fields.dims import FieldDims, axis_of, find_dims
from vsr_cli.fields.refinement import unroll
from vsr_cli.fields.validity import hide_invalid, limits_of

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    Values = NDArray[np.float32] | NDArray[np.float64]
    Axis = NDArray[np.float64]

FIELD_SUFFIXES = (".nc", ".nc4", ".zarr", ".npz")
ARCHIVE_NAME = "frames"  # of the values in an archive of ``vsr simulate``
BLOCK_BYTES = 1 << 24  # that are read at once
# What a damaged archive gives: cut short, packed in an unknown way, encrypted, absurdly large.
ARCHIVE_FAULTS = (
    *(OSError, ValueError, EOFError, BadZipFile, InflateError),
    *(NotImplementedError, RuntimeError, MemoryError),
)
MOST_BLOCKS = 8  # that a chunk of the file may have, to be read as a whole
MOST_READS = 8  # of a larger chunk, each of which unpacks all of it, if that takes MOST_BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldStream:
    """One series of one variable, or of several that belong together, as u and v of a wind.

    Rows and columns are in the file's order.
    """

    path: Path
    place: str  # in further dimensions, as "[lev=500.0]"; "" where there are none
    variables: tuple[str, ...]
    units: str  # as the file says; "" where it does not
    num_frames: int
    height: int
    width: int
    latitude: Axis | None  # (H,) degrees north; None where rows are no circles of latitude
    longitude: Axis | None  # (W,) degrees east, that never jump from one column to the next
    rows_ascend: bool  # the coordinate along y rises from row to row
    read: Callable[[int, int], Values]  # steps from, to: (T, C, H, W)
    block: int  # steps that are read at once
    standard_names: tuple[str, ...] = ()  # of the variables, in CF's words; none: not stated

    @property
    def name(self) -> str:
        """The file's name, and the place in further dimensions."""
        return f"{self.path.name}{self.place}"

    def frames(self) -> Iterator[Values]:
        """The steps in order, (C, H, W) float32 or float64 each; missing values are NaN.

        It can be called again.

        Raises:
            InputError: the file cannot be read.
        """
        for start in range(0, self.num_frames, self.block):
            try:
                block = self.read(start, min(start + self.block, self.num_frames))
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise unreadable(self.path, error) from error
            yield from block


@contextmanager
def open_fields(path: Path, variables: Sequence[str] = ()) -> Iterator[tuple[FieldStream, ...]]:
    """Open a NetCDF file, a Zarr store, or a NumPy archive of ``vsr simulate``.

    Without ``variables`` the file must hold one alone that lies on a grid. Without a time
    dimension there is one step. An archive is read as a whole.

    Raises:
        InputError: the file cannot be read, holds no such variable, or several of them do not lie
            on one grid.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    if path.suffix.lower() == ".npz":
        yield (_archive_stream(path, variables),)
        return
    with open_dataset(path) as dataset:
        arrays = choose(dataset, variables, path)
        for array in arrays:
            if not array.size:
                sizes = ", ".join(f"{dim} {length}" for dim, length in array.sizes.items())
                raise InputError(f"{path}: {array.name} is empty ({sizes})")
        shapes = {tuple(array.sizes.items()) for array in arrays}
        units = {str(array.attrs.get("units", "")) for array in arrays}
        if len(shapes) > 1 or len(units) > 1:
            what = "dimensions" if len(shapes) > 1 else "units"
            raise InputError(f"{path}: {', '.join(variables)} differ in their {what}")
        dims = find_dims(dataset, arrays[0])
        indices = product(*(range(arrays[0].sizes[dim]) for dim in dims.others))
        places = [dict(zip(dims.others, index, strict=True)) for index in indices]
        yield tuple(_stream(path, dataset, arrays, dims, place) for place in places)


def _stream(
    path: Path,
    dataset: xarray.Dataset,
    arrays: list[xarray.DataArray],
    dims: FieldDims,
    place: dict[str, int],
) -> FieldStream:
    first = arrays[0]
    chosen = [array.isel(place) for array in arrays]
    limits = [limits_of(array) for array in arrays]
    order = [dim for dim in (dims.time, dims.y, dims.x) if dim is not None]
    num_frames = 1 if dims.time is None else first.sizes[dims.time]
    height, width = first.sizes[dims.y], first.sizes[dims.x]

    def read(start: int, stop: int) -> Values:
        steps = {} if dims.time is None else {dims.time: slice(start, stop)}
        parts = []
        for array, valid in zip(chosen, limits, strict=True):
            values = array.isel(steps).transpose(*order).to_numpy()
            values = hide_invalid(as_floats(values), valid)
            parts.append(values.reshape(-1, 1, height, width))
        return as_floats(parts[0] if len(parts) == 1 else np.concatenate(parts, 1))

    north, east = axis_of(dataset, dims.y, "latitude"), axis_of(dataset, dims.x, "longitude")
    rows = _axis(dataset, north or dims.y)
    is_map = north is not None and east is not None
    return FieldStream(
        path=path,
        place="".join(f"[{dim}={_shown(dataset, dim, index)}]" for dim, index in place.items()),
        variables=tuple(str(array.name) for array in arrays),
        units=str(first.attrs.get("units", "")),
        num_frames=num_frames,
        height=height,
        width=width,
        latitude=rows if is_map else None,
        longitude=unroll(_axis(dataset, east)) if is_map and east else None,
        rows_ascend=rows is None or bool(rows[-1] > rows[0]),
        read=read,
        block=_block_steps(first, dims, len(arrays) * height * width * 8),
        standard_names=tuple(str(array.attrs.get("standard_name", "")) for array in arrays),
    )


def _block_steps(array: xarray.DataArray, dims: FieldDims, frame_bytes: int) -> int:
    """How many steps are read at once: whole chunks of the file, unless they are too large."""
    steps = max(1, BLOCK_BYTES // frame_bytes)
    chunks: Any = array.encoding.get("chunksizes") or array.encoding.get("chunks")
    if not chunks or dims.time is None:
        return steps
    chunk = int(chunks[array.dims.index(dims.time)])
    if chunk * frame_bytes > MOST_BLOCKS * BLOCK_BYTES:
        return min(max(steps, -(-chunk // MOST_READS)), MOST_BLOCKS * steps)
    return chunk * max(1, steps // chunk)


def _axis(dataset: xarray.Dataset, name: str) -> Axis | None:
    """A coordinate, if there is one of numbers."""
    if name not in dataset.variables or dataset[name].dtype.kind not in "fiu":
        return None
    return dataset[name].to_numpy().astype(np.float64)


def _shown(dataset: xarray.Dataset, dim: str, index: int) -> str:
    return str(dataset[dim].to_numpy()[index] if dim in dataset.variables else index)


def as_floats(values: NDArray[Any]) -> Values:
    """Values of float32 or float64 as they are, others as float64."""
    if values.dtype in (np.float32, np.float64):
        return values
    whole: NDArray[np.float64] = values.astype(np.float64)
    return whole


def _archive_stream(path: Path, variables: Sequence[str]) -> FieldStream:
    names = tuple(variables) or (ARCHIVE_NAME,)
    try:
        with np.load(path) as archive:
            for name in names:
                if name not in archive:
                    known = ", ".join(archive.files)
                    raise InputError(f"{path} has no array {name!r}: there are {known}")
            arrays = [archive[name] for name in names]
            latitude, longitude, units = (archive.get(key) for key in ("lat", "lon", "units"))
    except ARCHIVE_FAULTS as error:
        why = str(error) or "it ends too early"
        raise InputError(f"{path} cannot be read as a NumPy archive: {why}") from error
    shape = arrays[0].shape
    for name, values in zip(names, arrays, strict=True):
        if values.ndim not in (2, 3) or values.dtype.kind not in "fiu" or values.shape != shape:
            raise InputError(f"{path}: {name} must be numbers of (T, H, W), got {values.shape}")
    height, width = shape[-2:]
    stacked = as_floats(np.stack([one.reshape(-1, height, width) for one in arrays], 1))
    is_map = latitude is not None and longitude is not None
    is_map = is_map and (np.shape(latitude), np.shape(longitude)) == ((height,), (width,))
    return FieldStream(
        path=path,
        place="",
        variables=names,
        units="" if units is None else str(units),
        num_frames=len(stacked),
        height=height,
        width=width,
        latitude=np.asarray(latitude, np.float64) if is_map else None,
        longitude=np.asarray(longitude, np.float64) if is_map else None,
        rows_ascend=not is_map or bool(np.ravel(latitude)[-1] > np.ravel(latitude)[0]),
        read=lambda start, stop: stacked[start:stop],
        block=max(1, len(stacked)),
    )
