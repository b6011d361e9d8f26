"""Values as a file stores them: floats, or whole numbers with a scale and an offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILL_NAMES = ("_FillValue", "missing_value")
# What the NetCDF library takes for "never written" where a variable names no fill value.
UNWRITTEN = {
    "i2": -32767,
    "u2": 65535,
    "i4": -2147483647,
    "u4": 4294967295,
    "i8": -9223372036854775806,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}


@dataclass(slots=True)
class Packing:
    """How CF packs a variable: ``stored * scale + offset``; what is missing is a fill value.

    No value that is there is ever stored as a number that means "missing": it takes the next one.

    Attributes:
        fill: the number that is written where a value is missing; None: NaN.
        avoided: all numbers that readers take for missing.
        clipped: values so far that the stored type could not hold, and that lie at its end now.
        lowest, highest: of the numbers stored so far, without those that mean "missing".
    """

    dtype: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0
    fill: float | None = None
    avoided: tuple[float, ...] = ()
    clipped: int = 0
    is_unsigned: bool = False  # whole numbers that stand for unsigned ones (``_Unsigned``)
    is_new_fill: bool = False  # the source does not name it
    lowest: float = np.inf
    highest: float = -np.inf

    @classmethod
    def of(cls, dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> Self:
        """What a variable's attributes say. Whole numbers without a fill value have no missing."""
        is_unsigned = attributes.get("_Unsigned") == "true" and dtype.kind == "i"
        packing = cls(
            dtype=dtype.newbyteorder("="),
            is_unsigned=is_unsigned,
            scale=float(np.ravel(attributes.get("scale_factor", 1.0))[0]),
            offset=float(np.ravel(attributes.get("add_offset", 0.0))[0]),
        )
        stated = [attributes[name] for name in FILL_NAMES if name in attributes]
        found = [number for attribute in stated for number in packing.numbers(attribute)]
        is_nan = dtype.kind == "f" and bool(stated) and bool(np.isnan(np.ravel(stated[0])[0]))
        packing.fill = None if is_nan or not found else found[0]
        if "_FillValue" not in attributes:
            found += packing.numbers(UNWRITTEN.get(f"{dtype.kind}{dtype.itemsize}"))
        packing.avoided = tuple(dict.fromkeys(found))
        return packing

    @property
    def is_packed(self) -> bool:
        return self.dtype.kind in "iu"

    @property
    def fill_attribute(self) -> Any:
        """``_FillValue`` of the stored type, None where it needs none."""
        if self.fill is None:
            return None
        return np.array([self.fill]).astype(self.meant).view(self.dtype)[0]

    @property
    def meant(self) -> np.dtype[Any]:
        """The type whose numbers are stored."""
        return np.dtype(f"u{self.dtype.itemsize}") if self.is_unsigned else self.dtype

    def need_fill(self) -> None:
        """Let values be missing, also where the file names no number for that."""
        if self.is_packed and self.fill is None:
            self.fill = self._limits[0] if self.meant.kind == "i" else self._limits[1]
            self.avoided = (*self.avoided, self.fill)
            self.is_new_fill = True

    def numbers(self, attribute: Any) -> list[float]:
        """The numbers of an attribute that the stored type can hold; a NaN is none of them."""
        found: list[float] = []
        for value in [] if attribute is None else np.ravel(attribute):
            if np.asarray(value).dtype.kind not in "fiu" or not np.isfinite(value):
                continue
            if self.is_unsigned and value < 0:
                value = int(value) + (1 << 8 * self.dtype.itemsize)
            if self.is_packed:
                limits = np.iinfo(self.meant)
                if not (limits.min <= value <= limits.max and value == int(value)):
                    continue
                found.append(float(value))
            else:
                found.append(float(np.asarray(value).astype(self.dtype)))
        return found

    def pack(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Physical values, NaN where missing, as they are stored."""
        missing = np.isnan(values)
        exact = (values - self.offset) / self.scale
        exact = np.where(missing, self._limits[0], exact)
        stored = self._stored(exact)
        for number in self.avoided:
            hit = stored == number
            if hit.any():
                stored = np.where(hit, self._beside(number, exact), stored)
        there = stored[~missing]
        if there.size:
            self.lowest = min(self.lowest, float(there.min()))
            self.highest = max(self.highest, float(there.max()))
        if self.fill is not None or not self.is_packed:
            stored = np.where(missing, np.nan if self.fill is None else self.fill, stored)
        return stored.astype(self.meant).view(self.dtype)

    def unpack(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """The values of what is stored; of missing ones whatever the fill value means."""
        values: NDArray[np.float64] = (
            stored.view(self.meant).astype(np.float64) * self.scale + self.offset
        )
        return values

    @property
    def _limits(self) -> tuple[float, float]:
        limits = np.iinfo(self.meant) if self.is_packed else np.finfo(self.dtype)
        highest = float(limits.max)
        if self.is_packed and int(highest) > limits.max:  # of eight bytes
            highest = float(np.nextafter(highest, 0))
        return float(limits.min), highest

    def _stored(self, exact: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rounded to what the type holds, and held within it."""
        low, high = self._limits
        rounded = np.round(exact) if self.is_packed else exact
        inside = np.clip(rounded, low, high)
        self.clipped += int(np.count_nonzero(inside != rounded))
        return inside if self.is_packed else inside.astype(self.dtype).astype(np.float64)

    def _beside(self, number: float, exact: NDArray[np.float64]) -> NDArray[np.float64]:
        """The number nearest to the exact value that does not mean "missing" as this one does."""
        above, below = next(self._next(number, 1), None), next(self._next(number, -1), None)
        if above is None or below is None:
            return np.full_like(exact, below if above is None else above)
        return np.where(above - exact <= exact - below, above, below)

    def _next(self, number: float, direction: int) -> Iterator[float]:
        low, high = self._limits
        while True:
            if self.is_packed:
                number += direction * max(1.0, float(np.spacing(abs(number))))
            else:
                number = float(np.nextafter(self.dtype.type(number), np.inf * direction))
            if not low <= number <= high:
                return
            if number not in self.avoided:
                yield number
