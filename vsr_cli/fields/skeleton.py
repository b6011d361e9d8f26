"""Fields on a finer grid: a file like the source, written step by step.

What does not lie on the grid is copied as it is stored; coordinates of the grid are refined;
variables on it that are not upscaled are left out, and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsr_cli.fields.dims import FieldDims
from vsr_cli.fields.finer import finer_coordinates
from vsr_cli.fields.netcdf import CONVENTIONS, history_line
from vsr_cli.fields.references import global_attributes, outside_names, true_attributes
from vsr_cli.specs import MAX_PIXELS

if TYPE_CHECKING:
    import xarray


@dataclass(slots=True)
class Skeleton:
    """The output but for its fields.

    Attributes:
        dataset: what is copied or refined, as it is stored.
        left_out: variables on the grid that are not upscaled, and others that cannot be copied.
        copies: variables of a NetCDF file that are copied without xarray.
        source: where these are.
        outside: variables of other files, whose cells are those of the source.
    """

    dataset: xarray.Dataset
    left_out: list[str] = field(default_factory=list)
    copies: tuple[str, ...] = ()
    source: Path | None = None
    outside: frozenset[str] = frozenset()

    def true_attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a field without names of variables that are not here."""
        return true_attributes(attributes, self.left_out, self.outside)


def make_skeleton(
    raw: xarray.Dataset, names: Sequence[str], dims: FieldDims, scale: int, *, history: str
) -> Skeleton:
    """Copy and refine what surrounds the fields.

    Args:
        raw: the source as it is stored: nothing is unpacked, no time is decoded.
        names: of the variables that are upscaled.
        dims: of these.
        scale: of both sides of the grid.
        history: what is done, for the attribute of that name.

    Raises:
        OutputError: a coordinate cannot be refined.
        ValueError: the grid would have more cells than a picture may have pixels.
    """
    import xarray

    _check_size(scale * raw.sizes[dims.y], scale * raw.sizes[dims.x])
    grid = {dims.y, dims.x}
    kept: dict[str, xarray.Variable] = {}
    left_out = []
    finer = finer_coordinates(raw, dims, scale)
    for key, variable in raw.variables.items():
        name = str(key)
        if name in names:
            continue
        on_grid = grid & {str(dim) for dim in variable.dims}
        if not on_grid:
            kept[name] = variable
        elif name in finer:
            kept[name] = finer[name]
        else:
            left_out.append(name)
    line, before = history_line(history), raw.attrs.get("history")
    outside = outside_names(raw.attrs)
    for name, variable in kept.items():
        kept[name] = variable.copy(deep=False)
        kept[name].attrs = true_attributes(variable.attrs, left_out, outside)
    stated = global_attributes(raw.attrs, left_out, [raw[name].attrs for name in names])
    attributes = {**stated, "history": f"{line}\n{before}" if before else line}
    attributes.setdefault("Conventions", CONVENTIONS)
    coords = {name: kept.pop(name) for name in list(kept) if name in raw.coords}
    dataset = xarray.Dataset(kept, coords=coords, attrs=attributes)
    dataset.encoding["unlimited_dims"] = raw.encoding.get("unlimited_dims", set())
    return Skeleton(dataset, left_out, outside=outside)


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"the grid would be {width}x{height}, {width * height:,} cells, of at most "
            f"{MAX_PIXELS:,}; try a smaller scale, or cut the field into parts"
        )
