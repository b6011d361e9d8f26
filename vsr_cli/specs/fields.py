"""How fields of physical values are upscaled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, get_args

from vsr_cli.specs.address import Address, ending

Boundary = Literal["auto", "periodic", "reflect", "replicate"]
Conserve = Literal["none", "mean"]
Window = Literal["auto", "none"]
FIELD_ENDINGS = (".nc", ".nc4", ".zarr")  # of files of fields, read and written


def is_field(path: PurePath) -> bool:
    """True if a path names a file of fields, by its ending; addresses of servers may have none."""
    return ending(path) in FIELD_ENDINGS or (isinstance(path, Address) and not ending(path))


def is_zarr(path: PurePath) -> bool:
    """True if a path names a Zarr store."""
    return ending(path) == ".zarr"


def check_value_range(value_range: tuple[float, float] | None) -> None:
    """Refuse what is no range of values; None is one that is measured.

    Raises:
        ValueError: the first value is not below the second one, or one of them is not finite.
    """
    if value_range is not None:
        low, high = value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"--value-range is LOW,HIGH with LOW below HIGH, got {low},{high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """What is upscaled of a file of fields, and how its values and its edges are taken."""

    variables: tuple[str, ...] = ()  # none: the only one that lies on a grid
    value_range: tuple[float, float] | None = None  # that networks see as 0 to 1; None: measured
    boundary: Boundary = "auto"  # across; auto: periodic where longitudes go round, else reflect
    conserve: Conserve = "none"
    window: Window = "auto"  # none: each step by itself, without the networks of several steps

    def __post_init__(self) -> None:
        check_value_range(self.value_range)
        for name, kind in (("boundary", Boundary), ("conserve", Conserve), ("window", Window)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name} must be {get_args(kind)}, got {getattr(self, name)!r}")
        if len(set(self.variables)) != len(self.variables) or "" in self.variables:
            raise ValueError(f"variables must have different names, got {self.variables}")
