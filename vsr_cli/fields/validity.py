"""What a file says of its values' range: kept true when the values change.

``valid_min``, ``valid_max`` and ``valid_range`` tell readers what to take for missing,
``actual_range`` what there is. What lies outside the valid range of a source counts as missing.

References:
    NetCDF Users Guide, appendix "Attribute Conventions"; CF 1.11, section 2.5.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.fields.packing import Packing

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

PAIRS = ("valid_range", "actual_range")
RANGE_NAMES = ("valid_min", "valid_max", *PAIRS)
EVERYTHING = (-math.inf, math.inf)

Limits = tuple[float, float]


def valid_limits(packing: Packing, attributes: Mapping[Any, Any]) -> Limits:
    """The lowest and the highest valid value, in the variable's unit; infinite where none is named.

    Limits of packed variables are packed numbers, unless they are floats.
    """
    low, high = _stored_limits(packing, attributes)
    if not packing.is_packed:
        is_plain = (packing.scale, packing.offset) == (1.0, 0.0)
        return (low, high) if is_plain else _unpacked(packing, low, high, 1e-6 * abs(high - low))
    return _unpacked(packing, low, high, 0.5)  # half a step of room for the rounding of unpacking


def _unpacked(packing: Packing, low: float, high: float, room: float) -> Limits:
    room = room if math.isfinite(room) else 0.0
    ends = [
        (low - room) * packing.scale + packing.offset,
        (high + room) * packing.scale + packing.offset,
    ]
    return min(ends), max(ends)


def limits_of(array: xarray.DataArray) -> Limits:
    """The valid limits of an array that xarray has unpacked."""
    stored = np.dtype(array.encoding.get("dtype") or array.dtype)
    if stored.kind not in "fiu":
        stored = array.dtype
    attributes = {**array.encoding, **array.attrs}
    return valid_limits(Packing.of(stored, attributes), attributes)


def hide_invalid(values: NDArray[Any], limits: Limits) -> NDArray[Any]:
    """Floats with NaN where they lie outside the valid limits."""
    if limits == EVERYTHING:
        return values
    with np.errstate(invalid="ignore"):
        outside = (values < limits[0]) | (values > limits[1])
    return np.where(outside, values.dtype.type(np.nan), values) if outside.any() else values


def final_ranges(packing: Packing, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of ranges when all is written, in the stored type.

    ``actual_range`` is that of the values; valid ranges are widened to hold them all. Without any
    value the valid ones stay, and there is no actual one.
    """
    found: dict[str, Any] = {}
    low, high = _stored_limits(packing, attributes)
    low, high = min(low, packing.lowest), max(high, packing.highest)
    pairs: dict[str, Any] = {"valid_min": low, "valid_max": high, "valid_range": (low, high)}
    for name, value in pairs.items():
        if name in attributes and np.isfinite(np.ravel(value)).all():
            number = np.array(value).astype(packing.meant).view(packing.dtype)
            found[name] = number if name in PAIRS else number[()]
    if "actual_range" in attributes and packing.lowest <= packing.highest:
        ends = sorted(
            end * packing.scale + packing.offset for end in (packing.lowest, packing.highest)
        )
        kind = np.asarray(attributes["actual_range"]).dtype
        found["actual_range"] = np.array(ends, kind if kind.kind == "f" else np.float64)
    return found


def without_ranges(attributes: Mapping[Any, Any]) -> dict[Any, Any]:
    """The attributes of values that are not known yet."""
    return {name: value for name, value in attributes.items() if name not in RANGE_NAMES}


def _stored_limits(packing: Packing, attributes: Mapping[Any, Any]) -> Limits:
    """The valid limits as stored numbers."""
    low, high = EVERYTHING
    pair = np.ravel(attributes.get("valid_range", EVERYTHING))
    if len(pair) == 2 and pair.dtype.kind in "fiu":
        low, high = _as_stored(packing, pair[0]), _as_stored(packing, pair[1])
    if "valid_min" in attributes:
        low = _as_stored(packing, attributes["valid_min"])
    if "valid_max" in attributes:
        high = _as_stored(packing, attributes["valid_max"])
    return (low, high) if low <= high else EVERYTHING


def _as_stored(packing: Packing, limit: Any) -> float:
    number = np.ravel(limit)[0]
    if np.asarray(number).dtype.kind not in "fiu" or np.isnan(number):
        return math.nan  # holds for nothing
    if not np.isfinite(number):
        return float(number)
    if packing.is_packed and np.asarray(number).dtype.kind == "f":
        return float(np.round((number - packing.offset) / packing.scale))
    if packing.is_unsigned and number < 0:
        return float(number) + float(1 << 8 * packing.dtype.itemsize)
    return float(number) if packing.is_packed else float(np.asarray(number).astype(packing.dtype))
