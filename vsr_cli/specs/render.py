"""How a field is shown as a video or a picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from vsr_cli.specs.fields import check_value_range
from vsr_cli.specs.media import MAX_RATE

GRAY = "gray"  # the map whose codes are values; all others are for eyes
Bits = Literal[8, 16]
MAX_ENLARGEMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSpec:
    """Which field is shown, in which colours, and how large."""

    variable: str | None = None  # None: the only one that lies on a grid
    series: int | None = None  # of several levels or members; None: there is one alone
    cmap: str = "viridis"  # matplotlib's name, or gray
    value_range: tuple[float, float] | None = None  # at the ends of the map; None: measured
    at: int | None = None  # the step that is shown, -1: the last one; None: all of them
    rate: Fraction = Fraction(24)  # steps per second
    scale: int | None = None  # each cell becomes a square of so many pixels; None: by size
    has_labels: bool = True  # colour bar, unit and time; gray has none
    bits: Bits = 8  # of gray

    def __post_init__(self) -> None:
        check_value_range(self.value_range)
        if not 0 < self.rate <= MAX_RATE:
            raise ValueError(f"rate must be above 0 and at most {MAX_RATE}, got {self.rate}")
        if self.scale is not None and not 1 <= self.scale <= MAX_ENLARGEMENT:
            raise ValueError(f"scale must be 1 to {MAX_ENLARGEMENT}, got {self.scale}")
        if self.series is not None and self.series < 0:
            raise ValueError(f"series are counted from 0, got {self.series}")
        if self.bits not in get_args(Bits):
            raise ValueError(f"bits must be 8 or 16, got {self.bits}")
        if self.bits != 8 and not self.is_gray:
            raise ValueError(f"--bits {self.bits} is for --cmap gray; colours have 8 bits")

    @property
    def is_gray(self) -> bool:
        """True where codes are values."""
        return self.cmap == GRAY
