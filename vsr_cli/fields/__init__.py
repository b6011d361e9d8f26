"""Scientific fields on files: NetCDF (extra ``[fields]``, imported where it is used) and NumPy."""

from __future__ import annotations

from vsr_cli.fields.netcdf import require_netcdf, write_field_series
from vsr_cli.fields.npz import write_npz
from vsr_cli.fields.reading import read_fields
from vsr_cli.fields.series import FieldSeries
from vsr_cli.fields.stream import FIELD_SUFFIXES, FieldStream, open_fields

__all__ = [
    "FIELD_SUFFIXES",
    "FieldSeries",
    "FieldStream",
    "open_fields",
    "read_fields",
    "require_netcdf",
    "write_field_series",
    "write_npz",
]
