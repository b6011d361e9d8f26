"""A real field made coarser by 2 and enlarged again: errors and spectra, and the same on Dask.

    python examples/11_real_field.py run.nc TS                  # the table
    python examples/11_real_field.py run.nc TS --workers 2      # and 2d3d on one worker and on two

The field must go around the globe. It is coarsened by the mean of 2x2 cells by area, as
``--conserve mean`` keeps it. Columns: RMSE over the sphere in the field's unit; effective
resolution, the wavelength in cells at which the error has half of the truth's power; and the power
along circles of latitude as a share of the truth's: of the waves that the coarse grid holds well
(up to half of its own), of those that it hardly holds, and of those that only the fine one holds.
Needs pip install "vsr-cli[fields,cluster]".
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray

from vsr_cli.fields.refinement import cell_edges, row_areas
from vsr_cli.pipeline.evaluate.run import compare_models
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.specs import Conserve, EvaluateSpec, FieldSpec, UpscaleSpec

HERE = Path(__file__).parent
MODELS = ("bicubic", "fsrcnn", "2d3d", "2d3d-fast")
KEPT: tuple[Conserve, ...] = ("none", "mean")
SCALE = 2


def main() -> None:
    """Make the table, and run on workers if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("variable")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "field")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    coarse = coarsen(options.truth, options.variable, options.folder / "coarse.nc")
    print("| `--conserve` | model | RMSE | resolution | held | hardly | new |\n" + "|---" * 7 + "|")
    for conserve in KEPT:
        for model in options.models:
            target = options.folder / f"{model}_{conserve}.nc"
            settings = FieldSpec(variables=(options.variable,), conserve=conserve)
            upscale_fields(coarse, target, model_spec(model), settings, overwrite=True)
            cells = [f"`{conserve}`", f"`{model}`", *score(options.truth, options.variable, target)]
            print(f"| {' | '.join(cells)} |", flush=True)
    if options.workers:
        for workers in (1, options.workers):
            file = options.folder / "2d3d_mean.nc"
            print(on_dask(coarse, options.variable, file, workers), flush=True)


def model_spec(model: str) -> UpscaleSpec:
    """A model with its weights of simulations, in fp32 on a CPU."""
    domain = None if model == "bicubic" else "climate"
    return UpscaleSpec(model=model, scale=SCALE, domain=domain, device="cpu", precision="fp32")


def coarsen(truth: Path, variable: str, target: Path) -> Path:
    """Write the means by area of 2x2 cells, (time, H/2, W/2)."""
    with xarray.open_dataset(truth, decode_times=False) as dataset:
        field = dataset[variable].transpose("time", "lat", "lon")
        area = xarray.DataArray(row_areas(cell_edges(field["lat"].to_numpy())), dims="lat")
        blocks = {"lat": SCALE, "lon": SCALE}
        wide = area.expand_dims(lon=field.sizes["lon"])
        means = (field.astype(np.float64) * wide).coarsen(blocks).sum() / wide.coarsen(blocks).sum()
        means = means.transpose("time", "lat", "lon").astype(field.dtype)
        means.attrs = field.attrs
        for name in ("lat", "lon"):
            means[name].attrs = field[name].attrs
        means.to_dataset(name=variable).to_netcdf(target)
    return target


def score(truth: Path, variable: str, result: Path) -> list[str]:
    """The columns of the table for one file."""
    spec = EvaluateSpec(
        against=result, variables=(variable,), metrics=("rmse", "resolution"), grid="sphere"
    )
    mean = compare_models([truth], (spec,))[0].mean
    shares = [f"{share:.3f}" for share in power_shares(truth, variable, result)]
    return [f"{mean.value('rmse'):.3f}", f"{mean.value('resolution'):.2f}", *shares]


def power_shares(truth: Path, variable: str, result: Path) -> list[float]:
    """Power over that of the truth, in three bands of zonal waves."""
    powers = []
    for path in (result, truth):
        with xarray.open_dataset(path, decode_times=False) as dataset:
            field = dataset[variable].transpose("time", "lat", "lon")
            area = row_areas(cell_edges(field["lat"].to_numpy()))
            waves = np.abs(np.fft.rfft(field.to_numpy().astype(np.float64))) ** 2  # (T, H, W/2 + 1)
            powers.append((waves * area[:, None]).sum(1).mean(0))
    highest = len(powers[0]) - 1
    ends = (0, highest // (2 * SCALE), highest // SCALE, highest)
    bands = [slice(low + 1, high + 1) for low, high in pairwise(ends)]
    return [float(powers[0][band].sum() / powers[1][band].sum()) for band in bands]


def on_dask(coarse: Path, variable: str, file: Path, workers: int) -> str:
    """2d3d by the accessor on a cluster of this machine, beside the file of ``vsr upscale``."""
    from dask.distributed import Client, LocalCluster

    import vsr_cli.accessor  # noqa: F401  # gives datasets their attribute vsr

    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster), xarray.open_dataset(coarse, chunks={}) as dataset:
        blocks = dataset.chunk(time=-(-dataset.sizes["time"] // workers))
        started = time.perf_counter()
        lazy = blocks.vsr.upscale(
            variable,
            scale=SCALE,
            model="2d3d",
            domain="climate",
            device="cpu",
            precision="fp32",
            conserve="mean",
        )
        found = lazy[variable].compute()
        seconds = time.perf_counter() - started
    with xarray.open_dataset(file) as expected:
        furthest = float(np.abs(found - expected[variable]).max())
    return f"{workers} workers of Dask: {seconds:.1f} s, at most {furthest:g} from vsr upscale"


if __name__ == "__main__":
    main()
