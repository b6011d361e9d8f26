"""In what a score of a physical field is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The unit of a score: none, that of the values, its square, or that of the values per length.
UnitKind = Literal["", "value", "square", "rate"]

VELOCITIES = ("m s-1", "m/s", "m s^-1", "m s**-1", "meter second-1")


@dataclass(frozen=True, slots=True)
class FieldUnits:
    """The unit of a field's values, as its file says it ("" where it does not), and of lengths."""

    value: str
    length: Literal["m", "px"]

    def of(self, kind: UnitKind) -> str:
        """The unit of a score; "" where it has none, or none is known."""
        if kind == "rate":
            is_known = self.value in VELOCITIES and self.length == "m"
            return "s-1" if is_known else f"{self.value or '1'}/{self.length}"
        if kind == "square":
            return f"({self.value})²" if self.value else ""
        return self.value if kind == "value" else ""
