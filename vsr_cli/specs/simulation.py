"""What is simulated: the grid, the start, the field, and how values become grey."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

InitialState = Literal["jet", "turbulence"]
SimulatedField = Literal["vorticity", "height", "divergence", "speed"]

FIELD_UNITS: Mapping[SimulatedField, str] = MappingProxyType(
    {"vorticity": "1 / second", "height": "meter", "divergence": "1 / second", "speed": "m / s"}
)
# Physical values at code 0 and at the largest code of a video; fixed, so that two clips of the
# same field can be compared grey by grey. Values beyond are clipped.
FIELD_RANGES: Mapping[SimulatedField, tuple[float, float]] = MappingProxyType(
    {
        "vorticity": (-2.5e-4, 2.5e-4),
        "height": (7500.0, 11500.0),
        "divergence": (-5e-5, 5e-5),
        "speed": (0.0, 120.0),
    }
)
# The days in which nothing happens: the jet has broken up after about eight days, the vortices
# have drawn their first filaments after two.
SPINUP_HOURS: Mapping[InitialState, float] = MappingProxyType({"jet": 192.0, "turbulence": 48.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShallowWaterSpec:
    """One run of the shallow-water equations. The grid is Gaussian: width is twice the height."""

    width: int = 640
    height: int = 320
    frames: int = 120
    interval_min: float = 30.0  # model minutes between two frames
    spinup_hours: float = -1.0  # before the first frame; negative: SPINUP_HOURS[initial]
    initial: InitialState = "jet"
    seed: int = 0
    field: SimulatedField = "vorticity"

    def __post_init__(self) -> None:
        if self.width != 2 * self.height or self.height % 2 or self.height < 16:
            raise ValueError(
                "size must be twice as wide as high, with an even height of at least 16 "
                f"(for example 640x320), got {self.width}x{self.height}"
            )
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")
        if not (math.isfinite(self.interval_min) and self.interval_min > 0):
            raise ValueError(f"interval must be more than 0 minutes, got {self.interval_min}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        if self.initial not in get_args(InitialState):
            raise ValueError(f"initial must be {get_args(InitialState)}, got {self.initial!r}")
        if self.field not in get_args(SimulatedField):
            raise ValueError(f"field must be {get_args(SimulatedField)}, got {self.field!r}")
        if self.spinup_hours < 0:
            object.__setattr__(self, "spinup_hours", SPINUP_HOURS[self.initial])

    @property
    def value_range(self) -> tuple[float, float]:
        """Physical values at code 0 and at the largest code."""
        return FIELD_RANGES[self.field]
