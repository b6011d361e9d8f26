"""Values as a file stores them."""

from __future__ import annotations

import numpy as np
import pytest

from vsr_cli.fields.packing import Packing

PACKED = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": np.int16(-32768)}


def test_packed_values_come_back_to_half_a_step() -> None:
    packing = Packing.of(np.dtype(np.int16), PACKED)
    values = np.array([[200.0, 273.15, 340.125], [np.nan, 599.0, 300.004]])
    stored = packing.pack(values)
    assert stored.dtype == np.int16
    assert stored[1, 0] == -32768
    known = ~np.isnan(values)
    assert np.abs(packing.unpack(stored) - values)[known].max() <= 0.005 + 1e-9
    assert packing.clipped == 0


def test_values_beyond_the_type_are_held_at_its_ends_and_counted() -> None:
    packing = Packing.of(np.dtype(np.int16), PACKED)
    stored = packing.pack(np.array([1000.0, -1000.0, 280.0]))
    assert stored.tolist() == [32767, -32767, 685]  # the lowest number means "missing"
    assert packing.clipped == 2


@pytest.mark.parametrize("fill", [None, 1e20])
def test_floats_are_stored_as_they_are(fill: float | None) -> None:
    packing = Packing.of(np.dtype(np.float32), {} if fill is None else {"_FillValue": fill})
    stored = packing.pack(np.array([1.5, np.nan, 1e30]))
    assert stored[0] == 1.5
    assert np.isnan(stored[1]) if fill is None else stored[1] == np.float32(fill)
    assert not packing.is_packed


def test_missing_value_of_old_files_is_known() -> None:
    packing = Packing.of(np.dtype(np.float64), {"missing_value": np.array([-999.0])})
    assert packing.pack(np.array([np.nan])).tolist() == [-999.0]


@pytest.mark.parametrize(
    ("dtype", "attributes", "values", "expected"),
    [
        ("i2", {"_FillValue": np.int16(5)}, [4.6, 5.4, 5.0], [4, 6, 6]),
        ("i2", {"_FillValue": np.int16(5), "missing_value": np.int16(6)}, [5.1, 5.9], [4, 7]),
        ("i2", {"_FillValue": np.int16(5), "missing_value": np.array([3, 4], "i2")}, [2.8], [2]),
        ("u1", {"_FillValue": np.uint8(0)}, [0.2, -3.0], [1, 1]),
        ("i2", {}, [-32767.0], [-32766]),  # what the library takes for never written
        ("i2", {"missing_value": 1e20}, [7.0], [7]),
    ],
)
def test_values_keep_away_from_what_means_missing(
    dtype: str, attributes: dict[str, object], values: list[float], expected: list[int]
) -> None:
    packing = Packing.of(np.dtype(dtype), attributes)
    assert packing.pack(np.array(values)).tolist() == expected
    floats = Packing.of(np.dtype(np.float32), {"_FillValue": np.float32(0)})
    stored = floats.pack(np.array([0.0, np.nan]))
    assert stored[0] != 0
    assert abs(stored[0]) < 1e-40
    assert stored[1] == 0


def test_nan_is_written_where_it_is_the_fill_value() -> None:
    stated = {"_FillValue": np.float32(np.nan), "missing_value": np.float32(-999)}
    packing = Packing.of(np.dtype(np.float32), stated)
    stored = packing.pack(np.array([np.nan, -999.0]))
    assert np.isnan(stored[0])
    assert stored[1] != -999
    assert stored[1] == pytest.approx(-999, abs=1e-3)


def test_numbers_of_eight_bytes_do_not_run_over() -> None:
    packing = Packing.of(np.dtype(np.int64), {"_FillValue": np.int64(-(2**63))})
    stored = packing.pack(np.array([1e30, -1e30, 5.0, np.nan]))
    assert stored[0] > 2**62
    assert -(2**63) < stored[1] < -(2**62)
    assert stored[2:].tolist() == [5, -(2**63)]
    assert packing.clipped == 2
