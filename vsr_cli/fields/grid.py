"""The grid of a field: what follows on its edges, how large its cells are, how even its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import torch
from torch import Tensor

from vsr_cli.fields.dataset import FieldDims, is_coordinate
from vsr_cli.fields.raw import coordinate_values
from vsr_cli.fields.refinement import cell_edges, is_cyclic, poles, refine_bounds, row_areas
from vsr_cli.imaging.globe import Edges

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    from vsr_cli.specs.fields import Boundary

UNEVEN = 1e-3  # of a step of time
VECTORS = ("eastward", "northward", "x_wind", "y_wind", "_x_velocity", "_y_velocity")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldGrid:
    """What a grid's coordinates tell of it."""

    edges: Edges
    areas: Tensor | None  # (s*H,) float64: shares of the globe of the rows of the finer grid
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, raw: xarray.Dataset, name: str, dims: FieldDims, scale: int, boundary: Boundary
    ) -> Self:
        """Look at the coordinates of a variable."""
        return cls.from_axes(
            _axis(raw, dims.y, "latitude"),
            _axis(raw, dims.x, "longitude"),
            scale,
            boundary,
            is_vector=is_vector(str(raw[name].attrs.get("standard_name", ""))),
        )

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
        goes_round = longitude is not None and is_cyclic(longitude)
        across = boundary
        if across == "auto":
            across = "periodic" if goes_round else "reflect"
        top = bottom = "none"
        warnings = []
        if latitude is not None and longitude is not None and goes_round and across == "periodic":
            top, bottom = poles(latitude)
            if len(longitude) % 2 and (top, bottom) != ("none", "none"):
                warnings.append(
                    "an odd number of longitudes: over a pole the field goes on by its mirror"
                )
                top = bottom = "none"
        edges = Edges(
            across=across,
            top=top,  # type: ignore[arg-type]  # as ``poles`` has it
            bottom=bottom,  # type: ignore[arg-type]
            is_vector=is_vector,
        )
        areas = None
        if latitude is not None:
            areas = torch.from_numpy(row_areas(refine_bounds(cell_edges(latitude), scale)))
        return cls(edges=edges, areas=areas, warnings=tuple(warnings))

    def row_areas(self, num_rows: int) -> Tensor:
        """Weights of the rows of the finer grid: all 1 where they are no circles of latitude."""
        if self.areas is None:
            return torch.ones(num_rows, dtype=torch.float64)
        return self.areas


def is_vector(standard_name: str) -> bool:
    """True for a component of a vector, which points the other way beyond a pole."""
    return any(word in standard_name for word in VECTORS)


def _axis(
    raw: xarray.Dataset, dim: str, kind: Literal["latitude", "longitude"]
) -> NDArray[np.float64] | None:
    if dim not in raw.variables or not is_coordinate(raw, dim, kind):
        return None
    values = coordinate_values(raw, dim)
    return values if len(values) > 2 and np.isfinite(values).all() else None


def is_uneven(raw: xarray.Dataset, time: str | None) -> bool:
    """True if a time axis has steps of different length."""
    if time is None or time not in raw.variables or raw.sizes[time] < 3:
        return False
    if raw[time].dtype.kind not in "fiu":
        return False
    steps = np.diff(raw[time].to_numpy().astype(np.float64))
    return bool(np.ptp(steps) > UNEVEN * np.abs(steps).mean())
