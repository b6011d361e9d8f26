"""Values as a file stores them: floats, or whole numbers with a scale and an offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILL_NAMES = ("_FillValue", "missing_value")


@dataclass(slots=True)
class Packing:
    """How CF packs a variable: ``stored * scale + offset``; what is missing is the fill value.

    Attributes:
        clipped: values so far that the stored type could not hold, and that lie at its end now.
    """

    dtype: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0
    fill: float | None = None  # as stored; None: NaN
    clipped: int = 0
    is_unsigned: bool = False  # whole numbers that stand for unsigned ones (``_Unsigned``)

    @classmethod
    def of(cls, dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> Self:
        """What a variable's attributes say. Whole numbers without a fill value have no missing."""
        fill = next((attributes[name] for name in FILL_NAMES if name in attributes), None)
        is_unsigned = attributes.get("_Unsigned") == "true" and dtype.kind == "i"
        if is_unsigned and fill is not None:
            fill = np.ravel(fill).astype(dtype).view(f"u{dtype.itemsize}")
        return cls(
            dtype=dtype.newbyteorder("="),
            is_unsigned=is_unsigned,
            scale=float(np.ravel(attributes.get("scale_factor", 1.0))[0]),
            offset=float(np.ravel(attributes.get("add_offset", 0.0))[0]),
            fill=None if fill is None else float(np.ravel(fill)[0]),
        )

    @property
    def is_packed(self) -> bool:
        return self.dtype.kind in "iu"

    def pack(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Physical values, NaN where missing, as they are stored."""
        missing = np.isnan(values)
        stored = (values - self.offset) / self.scale
        if self.is_packed:
            stored = self._whole(stored, missing)
        fill = self.fill
        if fill is not None:
            stored = np.where(missing, fill, stored)
        return stored.astype(self._meant).view(self.dtype)

    @property
    def _meant(self) -> np.dtype[Any]:
        """The type whose numbers are stored."""
        return np.dtype(f"u{self.dtype.itemsize}") if self.is_unsigned else self.dtype

    def unpack(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """The values of what is stored; of missing ones whatever the fill value means."""
        values: NDArray[np.float64] = (
            stored.view(self._meant).astype(np.float64) * self.scale + self.offset
        )
        return values

    def _whole(
        self, stored: NDArray[np.float64], missing: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Rounded, and held within the type, beside the number that means "missing"."""
        limits = np.iinfo(self._meant)
        low, high = float(limits.min), float(limits.max)
        if self.fill == low:
            low += 1
        elif self.fill == high:
            high -= 1
        rounded = np.round(np.where(missing, low, stored))
        inside: NDArray[np.float64] = np.clip(rounded, low, high)
        self.clipped += int(np.count_nonzero(inside != rounded))
        return inside
