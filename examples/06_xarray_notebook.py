"""A field of a NetCDF file in a notebook, by xarray: finer grid, same unit, lazily if you like.

Each "# %%" is a cell: run the file, or its cells one after the other in Jupyter, VS Code or
Spyder. Makes vorticity.nc, vorticity_x2.nc and vorticity.png in the working folder. Needs
pip install "vsr-cli[simulate,fields,cluster,report]".
"""

# %% A field: a simulated one here; yours by xarray.open_dataset("yours.nc")["NAME"]
from pathlib import Path

import numpy as np
import xarray
from matplotlib.figure import Figure

import vsr_cli.accessor  # noqa: F401  (gives every array the attribute .vsr)
from vsr_cli.pipeline.simulate.shallow_water import simulate_to_file
from vsr_cli.specs import ShallowWaterSpec

if not Path("vorticity.nc").exists():
    run = ShallowWaterSpec(width=128, height=64, frames=6, initial="turbulence", seed=3)
    simulate_to_file(run, Path("vorticity.nc"))
truth = xarray.load_dataset("vorticity.nc")["vorticity"]
print(truth)

# %% What a coarser model would have seen of it
low = truth.coarsen(lat=2, lon=2).mean()

# %% Twice as fine again, in its own unit; the mean of each cell is kept
fine = low.vsr.upscale(scale=2, model="2d3d-fast", domain="climate", conserve="mean")
smooth = low.vsr.upscale(scale=2, model="bicubic", conserve="mean")
print(fine)

# %% How far both are from the truth, weighted by area
weights = np.cos(np.radians(truth["lat"]))
errors = {}
for name, result in {"bicubic": smooth, "2d3d-fast": fine}.items():
    difference = truth - result.assign_coords(lat=truth["lat"], lon=truth["lon"])
    errors[name] = float((difference**2).weighted(weights).mean() ** 0.5)
    print(f"{name}: RMSE {errors[name]:.3e} {truth.attrs['units']}")

# %% Lazily: nothing is computed before it is asked for, and blocks of time by themselves
lazy = low.chunk(time=2).vsr.upscale(scale=2, model="2d3d-fast", domain="climate", conserve="mean")
lazy.isel(time=-1).compute()
lazy.to_netcdf("vorticity_x2.nc")

# %% A picture of the last step
figure = Figure(figsize=(15, 3), layout="constrained")
panels = {"coarse": low, "bicubic": smooth, "2d3d-fast": fine, "truth": truth}
for axes, (name, field) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
    limit = float(abs(truth).max())
    axes.pcolormesh(field["lon"], field["lat"], field[-1], cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_title(name)
figure.savefig("vorticity.png")
