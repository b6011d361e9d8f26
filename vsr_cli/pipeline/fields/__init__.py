"""The street for fields: NetCDF and Zarr through networks."""
