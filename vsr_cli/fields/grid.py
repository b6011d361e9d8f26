"""The grid of a field: what follows on its edges, how large its cells are, how even its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from vsr_cli.fields.dims import FieldDims, Kind, axis_of, map_pairs
from vsr_cli.fields.maps import map_areas
from vsr_cli.fields.raw import coordinate_values, unpacked
from vsr_cli.fields.refinement import cell_edges, poles, refine_bounds, repeated_columns, row_areas
from vsr_cli.imaging.globe import Edges, Pole

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    from vsr_cli.specs.fields import Boundary

    Maps = tuple[NDArray[np.float64], NDArray[np.float64]]

UNEVEN = 1e-3  # of a step of time
VECTORS = ("eastward", "northward", "x_wind", "y_wind", "_x_velocity", "_y_velocity")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldGrid:
    """What a grid's coordinates tell of it."""

    edges: Edges
    row_areas: NDArray[np.float64] | None = None  # (s*H,) shares of the globe of the parts' rows
    centres: Maps | None = None  # (H, W) each, of a curvilinear grid
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, raw: xarray.Dataset, name: str, dims: FieldDims, scale: int, boundary: Boundary
    ) -> Self:
        """Look at the coordinates of a variable."""
        latitude = _axis(raw, dims.y, "latitude")
        found = cls.from_axes(
            latitude,
            _axis(raw, dims.x, "longitude"),
            scale,
            boundary,
            is_vector=is_vector(str(raw[name].attrs.get("standard_name", ""))),
        )
        return found if latitude is not None else replace(found, centres=_centres(raw, name, dims))

    @classmethod
    def from_axes(
        cls,
        latitude: NDArray[np.float64] | None,
        longitude: NDArray[np.float64] | None,
        scale: int,
        boundary: Boundary,
        *,
        is_vector: bool,
    ) -> Self:
        """Look at the coordinates in degrees; None where rows or columns have none."""
        repeated = None if longitude is None else repeated_columns(longitude)
        across = boundary
        if across == "auto":
            across = "reflect" if repeated is None else "periodic"
        overlap = repeated if repeated and across == "periodic" else 0
        top: Pole = "none"
        bottom: Pole = "none"
        warnings = []
        is_globe = repeated is not None and across == "periodic"
        if latitude is not None and longitude is not None and is_globe:
            top, bottom = poles(latitude)
            if (len(longitude) - overlap) % 2 and (top, bottom) != ("none", "none"):
                warnings.append(
                    "an odd number of longitudes: over a pole the field goes on by its mirror"
                )
                top = bottom = "none"
        edges = Edges(
            across=across,
            top=top,
            bottom=bottom,
            is_vector=is_vector,
            overlap=overlap,
        )
        areas = None
        if latitude is not None:
            areas = row_areas(refine_bounds(cell_edges(latitude), scale))
        return cls(edges=edges, row_areas=areas, warnings=tuple(warnings))

    def areas(self, scale: int) -> Tensor:
        """Areas of the cells of the finer grid, float64 of (s*H, s*W), (s*H, 1) or (1, 1).

        They are of one unit within each cell of the grid, and all 1 where nothing tells them.
        """
        if self.row_areas is not None:
            return torch.from_numpy(self.row_areas)[:, None]
        if self.centres is not None:
            return torch.from_numpy(map_areas(*self.centres, scale))
        return torch.ones(1, 1, dtype=torch.float64)

    @property
    def area_warnings(self) -> tuple[str, ...]:
        """What there is to say where means by area are to be kept."""
        if self.row_areas is not None or self.centres is not None:
            return ()
        return ("no latitudes and longitudes: in a cell's mean its parts count alike",)


def is_vector(standard_name: str) -> bool:
    """True for a component of a vector, which points the other way beyond a pole."""
    return any(word in standard_name for word in VECTORS)


def _axis(raw: xarray.Dataset, dim: str, kind: Kind) -> NDArray[np.float64] | None:
    name = axis_of(raw, dim, kind)
    values = None if name is None else coordinate_values(raw, name)
    return None if values is None or len(values) < 3 or not np.isfinite(values).all() else values


def _centres(raw: xarray.Dataset, name: str, dims: FieldDims) -> Maps | None:
    """Latitude and longitude of every cell, of the first step where they move."""
    pairs = map_pairs(raw, dims)
    if not pairs or min(raw.sizes[dims.y], raw.sizes[dims.x]) < 2:
        return None
    stated = str(raw[name].attrs.get("coordinates", "")).split()
    chosen = next((pair for pair in pairs if pair[0] in stated), pairs[0])
    maps = []
    for part in chosen:
        variable = raw.variables[part]
        first = variable if dims.time not in variable.dims else variable.isel({dims.time: 0})
        values = unpacked(first)
        maps.append(values if first.dims == (dims.y, dims.x) else values.T)
    return maps[0], maps[1]


def is_uneven(raw: xarray.Dataset, time: str | None) -> bool:
    """True if a time axis has steps of different length."""
    if time is None or time not in raw.variables or raw.sizes[time] < 3:
        return False
    if raw[time].dtype.kind not in "fiu":
        return False
    steps = np.diff(raw[time].to_numpy().astype(np.float64))
    return bool(np.ptp(steps) > UNEVEN * np.abs(steps).mean())
