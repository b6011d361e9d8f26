"""Values of a field to colours, or to grey codes from which they come back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import MissingExtraError
from vsr_cli.pipeline.fields.values import ValueTally
from vsr_cli.specs.render import RenderSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = (128, 128, 128)  # red, green and blue of what has no value
DIVERGING = frozenset(
    {"PiYG", "PRGn", "BrBG", "PuOr", "RdGy", "RdBu", "RdYlBu", "RdYlGn", "Spectral", "coolwarm"}
    | {"bwr", "seismic", "berlin", "managua", "vanimo"}
)
SUGGESTED = "viridis, cividis, magma, RdBu_r, BrBG, gray"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of values from one end of a range to the other."""

    colors: NDArray[np.uint8]  # (N, 3): red, green, blue
    value_range: tuple[float, float]

    def paint(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W) values as (3, H, W): those beyond the range as its ends, missing ones grey."""
        low, high = self.value_range
        known = np.isfinite(values)
        level = (np.where(known, values, low).astype(np.float64) - low) / (high - low)
        number = len(self.colors)
        index = np.clip(np.floor(level * number), 0, number - 1).astype(np.intp)
        painted = self.colors[index]
        painted[~known] = MISSING
        return np.ascontiguousarray(np.moveaxis(painted, -1, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayCodes:
    """Grey codes that mean values: equal steps from one end of a range to the other.

    The value of a code is ``low + (code - first) * (high - low) / (last - first)``, and encoded
    again it is the same code.
    """

    value_range: tuple[float, float]
    bits: int
    has_missing: bool  # then code 0 is what has no value

    @property
    def ends(self) -> tuple[int, int]:
        """The codes of the ends of the range."""
        return int(self.has_missing), (1 << self.bits) - 1

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """(H, W) values as uint8 or uint16, to the nearest code; what lies beyond is at an end."""
        (low, high), (first, last) = self.value_range, self.ends
        known = np.isfinite(values)
        level = (np.where(known, values, low).astype(np.float64) - low) / (high - low)
        codes = np.floor(np.clip(level, 0, 1) * (last - first) + 0.5) + first
        dtype = np.uint8 if self.bits == 8 else np.uint16
        return np.where(known, codes, 0).astype(dtype)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pass over the steps tells."""

    value_range: tuple[float, float]  # of the colours
    minimum: float | None  # of the values; None: there are none
    maximum: float | None
    has_missing: bool

    @property
    def is_exceeded(self) -> bool:
        """True if values lie beyond the range of the colours."""
        if self.minimum is None or self.maximum is None:
            return False
        return self.minimum < self.value_range[0] or self.maximum > self.value_range[1]


def choose_limits(steps: Iterable[NDArray[Any]], spec: RenderSpec) -> Limits:
    """The range of the colours, the same for all steps.

    Gray takes all values in; other maps leave out the outermost one in a thousand at each end, as
    ``vsr upscale`` does for networks. A map with a light middle has it at zero, if the values lie
    on both sides of it.
    """
    tally, has_missing = ValueTally(), False
    for step in steps:
        tally.add(step)
        has_missing = has_missing or not bool(np.isfinite(step).all())
    low, high = tally.summary().value_range
    if spec.is_gray and tally.low < tally.high:
        low, high = tally.low, tally.high
    if spec.cmap.removesuffix("_r") in DIVERGING and low < 0 < high:
        low, high = -max(-low, high), max(-low, high)
    return Limits(
        spec.value_range or (low, high),
        tally.low if tally.samples else None,
        tally.high if tally.samples else None,
        has_missing,
    )


def find_colors(name: str) -> NDArray[np.uint8]:
    """The colours of one of matplotlib's maps, (N, 3).

    Raises:
        ValueError: there is no such map.
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import colormaps
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    if name not in colormaps:
        known = ", ".join(get_close_matches(name, [*colormaps])) or SUGGESTED
        raise ValueError(f"no colour map is called {name!r}; try {known}")
    chosen = colormaps[name]
    colors: NDArray[np.uint8] = chosen(np.arange(chosen.N), bytes=True)[:, :3]
    return colors
