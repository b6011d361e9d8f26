"""Ranges in attributes: what they mean, and what becomes of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from vsr_cli.fields.packing import Packing
from vsr_cli.fields.validity import EVERYTHING, final_ranges, hide_invalid, valid_limits

SCALE = {"scale_factor": 0.01, "add_offset": 283.0}
UNSIGNED = {"_Unsigned": "true", "scale_factor": 0.5}


@pytest.mark.parametrize(
    ("dtype", "attributes", "expected"),
    [
        ("f4", {}, EVERYTHING),
        ("f4", {"valid_min": 0.0}, (0, math.inf)),
        ("f4", {"valid_range": [0.1, 0.3]}, (np.float32(0.1), np.float32(0.3))),
        ("f4", {"valid_range": [1.0, 2.0, 3.0]}, EVERYTHING),
        ("f4", {"valid_range": [2.0, 1.0]}, EVERYTHING),
        ("f4", {"valid_min": "none"}, EVERYTHING),
        ("f4", {"valid_max": np.nan}, EVERYTHING),
        ("i2", {"valid_range": np.array([-3, 30], "i2")}, (-3.5, 30.5)),
        ("i2", {**SCALE, "valid_range": np.array([-300, 300], "i2")}, (279.995, 286.005)),
        ("i2", {**SCALE, "valid_range": [-300, 300]}, (279.995, 286.005)),  # of Zarr
        ("i2", {**SCALE, "valid_range": [280.0, 286.0]}, (279.995, 286.005)),  # not packed
        ("i2", {"scale_factor": -2.0, "valid_range": np.array([0, 10], "i2")}, (-21, 1)),
        ("i1", {**UNSIGNED, "valid_range": np.array([0, -6], "i1")}, (-0.25, 125.25)),
    ],
)
def test_limits_are_in_the_unit_of_values(
    dtype: str, attributes: dict[str, Any], expected: tuple[float, float]
) -> None:
    packing = Packing.of(np.dtype(dtype), attributes)
    assert valid_limits(packing, attributes) == pytest.approx(expected)


@pytest.mark.parametrize("form", [np.array([-300, 300], "i2"), [280.0, 286.0]])
def test_valid_range_is_widened_only_by_values_beyond_it(form: Any) -> None:
    attributes = {**SCALE, "valid_range": form, "actual_range": np.array([281.0, 282.0], "f4")}
    packing = Packing.of(np.dtype("i2"), attributes)
    packing.pack(np.array([281.0, np.nan, 286.5]))
    found = final_ranges(packing, attributes)
    assert found["valid_range"].dtype == np.int16
    assert found["valid_range"].tolist() == [-300, 350]
    assert found["actual_range"].dtype == np.float32
    assert np.allclose(found["actual_range"], [281, 286.5])


def test_unsigned_limits_stay_signed_numbers_for_unsigned_ones() -> None:
    attributes = {**UNSIGNED, "valid_min": np.int8(10), "valid_max": np.int8(-56)}
    packing = Packing.of(np.dtype("i1"), attributes)
    packing.pack(np.array([3.0, 110.0]))
    found = final_ranges(packing, attributes)
    assert (found["valid_min"], found["valid_max"]) == (6, 220 - 256)


def test_without_values_there_is_no_actual_range() -> None:
    attributes = {"valid_min": np.float32(0), "actual_range": np.array([0, 1], np.float32)}
    packing = Packing.of(np.dtype("f4"), attributes)
    packing.pack(np.array([np.nan]))
    assert final_ranges(packing, attributes) == {"valid_min": 0}


def test_what_is_outside_is_hidden_in_its_own_type() -> None:
    values = np.array([-999.0, 0.0, 1.0, np.nan], np.float32)
    found = hide_invalid(values, (0.0, math.inf))
    assert found.dtype == np.float32
    assert np.array_equal(found, [np.nan, 0, 1, np.nan], equal_nan=True)
    assert hide_invalid(values, EVERYTHING) is values
