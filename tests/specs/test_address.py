"""Addresses of files on servers."""

from __future__ import annotations

import copy
import os
from pathlib import Path

from vsr_cli.specs import Address, as_path, is_field, is_zarr

TYPED = "https://host.org/dodsC//runs/run.nc?tas[0:1:3][0:1:10]"


def test_address_is_kept_as_it_was_typed() -> None:
    path = as_path(TYPED)
    assert isinstance(path, Address)
    assert str(path) == os.fspath(path) == f"{path}" == TYPED
    assert str(copy.copy(path)) == TYPED  # by what pickle asks for, too
    assert path.exists()
    assert not isinstance(as_path("runs/http/run.nc"), Address)
    assert as_path("runs/run.nc") == Path("runs/run.nc")


def test_address_is_of_fields_by_its_ending_or_has_none() -> None:
    assert is_field(as_path(TYPED))
    assert is_field(as_path("http://host/dodsC/aggregation"))
    assert is_field(as_path("http://host/run.nc#mode=bytes"))
    assert is_zarr(as_path("s3://bucket/run.zarr"))
    assert not is_field(as_path("http://host/clip.mp4"))
    assert not is_field(Path("folder/run"))
