"""Fields continued beyond their edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsr_cli.imaging.globe import Edges, extend

FIELD = torch.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize(("across", "mode"), [("reflect", "symmetric"), ("replicate", "edge")])
@pytest.mark.parametrize("margin", [1, 3, 9])
def test_edges_are_those_of_numpy(across: str, mode: str, margin: int) -> None:
    found = extend(FIELD, margin, Edges(across=across))  # type: ignore[arg-type]
    expected = np.pad(FIELD.numpy(), margin, mode=mode)  # type: ignore[call-overload]
    assert np.array_equal(found.numpy(), expected)


def test_around_the_globe_columns_wrap_and_rows_are_mirrored() -> None:
    found = extend(FIELD, 2, Edges(across="periodic"))
    expected = np.pad(
        np.pad(FIELD.numpy(), ((0, 0), (2, 2)), "wrap"), ((2, 2), (0, 0)), "symmetric"
    )
    assert np.array_equal(found.numpy(), expected)


@pytest.mark.parametrize("pole", ["between", "on"])
def test_over_a_pole_lies_the_field_half_way_around(pole: str) -> None:
    """A function of the place on the sphere goes on as itself."""
    step = 180 / 18
    first = 90.0 if pole == "on" else 90 - step / 2
    latitude = first - step * np.arange(19 if pole == "on" else 18)
    longitude = 20.0 * np.arange(18)

    def height(lat: np.ndarray, lon: np.ndarray) -> torch.Tensor:  # type: ignore[type-arg]
        north, east = np.radians(lat)[:, None], np.radians(lon)[None]
        x, y, z = np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)
        return torch.from_numpy(x + 2 * y * z + z**2 + x * y)

    edges = Edges(across="periodic", top=pole, bottom=pole)  # type: ignore[arg-type]
    found = extend(height(latitude, longitude), 3, edges)
    wide_lat = first + step * (3 - np.arange(len(latitude) + 6))
    wide_lon = 20.0 * np.arange(-3, 21)
    assert torch.allclose(found, height(wide_lat, wide_lon), atol=1e-12)


def test_vectors_turn_round_over_a_pole() -> None:
    edges = Edges(across="periodic", top="between", is_vector=True)
    found = extend(FIELD, 1, edges)
    assert torch.equal(found[0, 1:-1], -FIELD[0].roll(3))
    assert torch.equal(found[-1, 1:-1], FIELD[-1])


def test_odd_columns_have_nothing_across_the_pole() -> None:
    with pytest.raises(ValueError, match="odd number of columns, 5"):
        extend(FIELD[:, :5], 1, Edges(across="periodic", top="on"))


def test_pole_needs_a_globe() -> None:
    with pytest.raises(ValueError, match="no pole"):
        Edges(across="reflect", top="on")
