"""The noun of this folder: one variable over time, latitude and longitude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSeries:
    """One variable and its coordinates. T frames of H rows and W columns."""

    name: str
    values: NDArray[np.float32]  # (T, H, W), in ``units``
    time_min: NDArray[np.float64]  # (T,), minutes since the first frame
    latitude: NDArray[np.float64]  # (H,), degrees north
    longitude: NDArray[np.float64]  # (W,), degrees east
    units: str  # as UDUNITS writes them: "s-1"
    long_name: str
    standard_name: str | None = None  # of the CF table; None where it has none
    attributes: Mapping[str, str] = field(default_factory=dict)  # of the file

    def __post_init__(self) -> None:
        axes = (self.time_min, self.latitude, self.longitude)
        expected = tuple(len(axis) for axis in axes)
        if self.values.shape != expected:
            raise ValueError(
                f"values must have one row per time, latitude and longitude {expected}, "
                f"got {self.values.shape}"
            )
