"""A field over time, latitude and longitude as a NumPy archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vsr_cli.fields.series import FieldSeries


def write_npz(
    path: Path, series: FieldSeries, *, value_range: tuple[float, float], spec: Mapping[str, Any]
) -> None:
    """Write a series as an archive that ``numpy.load`` reads without pickle.

    It holds ``frames`` (T, H, W) float32, ``lat`` (H,) and ``lon`` (W,) in degrees, ``time_min``
    (T,), ``value_range`` (2,), ``units``, and ``spec``, a JSON document.
    """
    with path.open("wb") as file:
        np.savez(
            file,
            frames=series.values,
            lat=series.latitude,
            lon=series.longitude,
            time_min=series.time_min,
            value_range=np.array(value_range),
            units=np.array(series.units),
            spec=np.array(json.dumps(dict(spec))),
        )
