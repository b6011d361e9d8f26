"""A field over time, latitude and longitude as a NetCDF-4 file.

References:
    Eaton et al., "NetCDF Climate and Forecast (CF) Metadata Conventions", version 1.11,
    https://cfconventions.org.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vsr_cli import __version__
from vsr_cli.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import xarray
    from numpy.typing import NDArray

    from vsr_cli.fields.series import FieldSeries

CONVENTIONS = "CF-1.11"
TIME_UNITS = "minutes since 2000-01-01 00:00:00"  # a date is required; that of a model is arbitrary
DEFLATE_LEVEL = 4


def require_netcdf() -> None:
    """Return if NetCDF files can be written here.

    Raises:
        MissingExtraError: xarray or netCDF4 is not installed.
    """
    try:
        import netCDF4  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "xarray", "fields") from None


def history_line(what: str) -> str:
    """What was done, after the time and our version: a line of the attribute ``history``."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{now} vsr {__version__}: {what}"


def write_field_series(path: Path, series: FieldSeries, *, history: str) -> None:
    """Write a series as NetCDF-4 with CF attributes, float32, deflated.

    ``history`` says what made it; the time and our version are put in front.

    Raises:
        MissingExtraError: xarray or netCDF4 is not installed.
    """
    require_netcdf()
    import xarray

    dataset = xarray.Dataset(
        {series.name: (("time", "lat", "lon"), series.values, _variable_attributes(series))},
        coords=_coordinates(series),
        attrs={
            "Conventions": CONVENTIONS,
            **series.attributes,
            "history": history_line(history),
        },
    )
    deflate = {"dtype": "float32", "zlib": True, "complevel": DEFLATE_LEVEL, "_FillValue": None}
    encoding = {axis: {"dtype": "float64", "_FillValue": None} for axis in ("time", "lat", "lon")}
    dataset.to_netcdf(path, engine="netcdf4", encoding={**encoding, series.name: deflate})


def _variable_attributes(series: FieldSeries) -> dict[str, str]:
    names = {"long_name": series.long_name, "units": series.units}
    return names | ({"standard_name": series.standard_name} if series.standard_name else {})


def _coordinates(series: FieldSeries) -> dict[str, xarray.Variable]:
    """The three axes as CF describes them."""
    import xarray

    def axis(dim: str, values: NDArray[np.float64], **attributes: str) -> xarray.Variable:
        return xarray.Variable((dim,), values, attributes)

    lat, lon = series.latitude, series.longitude
    return {
        "time": axis(
            "time",
            series.time_min,
            standard_name="time",
            units=TIME_UNITS,
            calendar="standard",
            axis="T",
        ),
        "lat": axis("lat", lat, standard_name="latitude", units="degrees_north", axis="Y"),
        "lon": axis("lon", lon, standard_name="longitude", units="degrees_east", axis="X"),
    }
