"""What pixels stand for: places of a plane, or cells of a map of the globe in latitude, longitude.

References:
    Rasp et al., "WeatherBench 2", Journal of Advances in Modeling Earth Systems 16 (2024),
    doi:10.1029/2023MS004019: cells count by the area between their edges, which lie in the middle
    between two rows. Weights by the cosine of the latitude give rows at a pole no weight at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from vsr_cli.specs import Grid

CPU = torch.device("cpu")
STEP_TOLERANCE = 1e-3  # by which steps of longitude may differ, as a share: coordinates are rounded


@dataclass(frozen=True, slots=True)
class LatLonGrid:
    """Rows and columns by their coordinates, of the globe or a part of it.

    Raises:
        ValueError: there are fewer than two of either, they do not rise or fall from one to the
            next, longitudes are not evenly spaced, or latitudes lie outside of -90 to 90.
    """

    latitude: tuple[float, ...]  # degrees north, one for each row
    longitude: tuple[float, ...]  # degrees east, one for each column

    def __post_init__(self) -> None:
        for name, values in (("latitudes", self.latitude), ("longitudes", self.longitude)):
            steps = [after - before for before, after in pairwise(values)]
            if not steps or not (min(steps) > 0 or max(steps) < 0):
                raise ValueError(f"{name} must be at least two that rise or fall, got {values[:4]}")
        if max(map(abs, self.latitude)) > 90 + STEP_TOLERANCE:
            raise ValueError(f"latitudes must be in -90..90, got {max(self.latitude, key=abs)}")
        steps = [b - a for a, b in pairwise(self.longitude)]
        if max(steps) - min(steps) > STEP_TOLERANCE * abs(self.longitude_step) + 1e-4:
            raise ValueError(
                f"longitudes must be evenly spaced, got steps from {min(steps)} to {max(steps)}"
            )

    @property
    def longitude_step(self) -> float:
        """Degrees from one column to the next, negative where they fall."""
        return (self.longitude[-1] - self.longitude[0]) / (len(self.longitude) - 1)

    @property
    def is_cyclic(self) -> bool:
        """True if the first column follows on the last one, all around the globe."""
        step = abs(self.longitude_step)
        return abs(step * len(self.longitude) - 360) < step / 2


GridLike: TypeAlias = "Grid | LatLonGrid"


def latitudes(height: int) -> torch.Tensor:
    """The latitudes of the rows of a global map, in radians: (H,) float64, rows of equal height."""
    rows = torch.arange(height, dtype=torch.float64)
    return math.pi * (0.5 - (rows + 0.5) / height)


def radians(grid: GridLike, height: int, width: int) -> tuple[torch.Tensor, float]:
    """The latitude of each row, (H,) float64, and the step of longitude between two columns.

    The plane has neither: it is taken for a map of the globe.
    """
    if not isinstance(grid, LatLonGrid):
        return latitudes(height), 2 * math.pi / width
    rows = torch.deg2rad(torch.tensor(grid.latitude, dtype=torch.float64))
    return rows, math.radians(grid.longitude_step)


def row_weights(
    rows: int,
    *,
    border: int = 0,
    grid: GridLike = "plane",
    device: torch.device = CPU,
) -> torch.Tensor:
    """How much a pixel of each row counts: (rows,) float64 with a sum of 1, on the device.

    On the plane all count the same. On the ``sphere`` the picture is a map of the whole globe in
    latitude and longitude, of whose rows ``border`` were cut at each pole, and a pixel counts by
    its area. A ``LatLonGrid`` has the latitudes of the rows before they were cut.

    Raises:
        ValueError: the grid has another number of rows.
    """
    return _row_weights(rows, border, grid, device)


@lru_cache(maxsize=8)
def _row_weights(rows: int, border: int, grid: GridLike, device: torch.device) -> torch.Tensor:
    if grid == "plane":
        return torch.full((rows,), 1 / rows, dtype=torch.float64, device=device)
    area = _row_areas(rows + 2 * border, grid)[border : border + rows]
    return (area / area.sum()).to(device)


def zonal_waves(grid: GridLike) -> bool:
    """True if rows are whole circles of latitude, whose waves can be counted."""
    return grid.is_cyclic if isinstance(grid, LatLonGrid) else grid == "sphere"


def _row_areas(rows: int, grid: GridLike) -> torch.Tensor:
    """The area of a cell in each row, up to a factor: (rows,) float64."""
    if not isinstance(grid, LatLonGrid):
        return torch.cos(latitudes(rows))
    if len(grid.latitude) != rows:
        raise ValueError(f"the grid has {len(grid.latitude)} latitudes for {rows} rows")
    edges = torch.deg2rad(torch.tensor(_edges(grid.latitude), dtype=torch.float64))
    return torch.sin(edges).diff().abs()


def _edges(latitude: tuple[float, ...]) -> list[float]:
    """The edges of cells: midway between two rows, outside as far as inside.

    Those within half a row of a pole, as of Gaussian latitudes, or beyond it lie at the pole.
    """
    inner = [(a + b) / 2 for a, b in pairwise(latitude)]
    outer = []
    for row, edge in ((latitude[0], inner[0]), (latitude[-1], inner[-1])):
        reach = abs(row - edge)
        is_polar = abs(row) + 2 * reach > 90
        outer.append(math.copysign(90.0, row) if is_polar else 2 * row - edge)
    return [outer[0], *inner, outer[1]]
