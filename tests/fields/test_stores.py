"""Stores that cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsr_cli.errors import MissingExtraError
from vsr_cli.fields import stores

xarray = pytest.importorskip("xarray")


def test_store_without_zarr_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"zarr is not installed; try: .*\[fields\]"):
        stores.open_store(tmp_path / "a.zarr", xarray.Dataset(), [], is_zarr=True)
    assert [*tmp_path.iterdir()] == []
