"""A directory of climate runs, end to end: simulate, coarsen, upscale in a batch, score, report.

Makes FOLDER/truth, low, bicubic, NETWORK (NetCDF each), scores.csv and report/index.html. Every
command that it runs is printed, and does the same in a shell. With your own runs in FOLDER/truth
nothing is simulated. Needs pip install "vsr-cli[simulate,fields,report]"; minutes at the defaults.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import xarray

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the five steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "climate")
    parser.add_argument("--variable", default="vorticity")
    parser.add_argument("--network", default="2d3d-fast", help="with weights of the climate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2001, 2002])
    parser.add_argument("--size", default="320x160", help="of the simulated truth")
    parser.add_argument("--frames", type=int, default=24)
    options = parser.parse_args(arguments)
    truth, low, report = (options.folder / name for name in ("truth", "low", "report"))

    if not truth.is_dir():
        truth.mkdir(parents=True)
        for seed in options.seeds:
            run = ["--initial", "turbulence", "--seed", seed, "--frames", options.frames]
            vsr("simulate", "shallow-water", truth / f"run_{seed}.nc", "--size", options.size, *run)

    low.mkdir(exist_ok=True)
    for path in sorted(truth.glob("*.nc")):
        if not (low / path.name).exists():
            coarsen(path, low / path.name)

    # The mean of each coarse cell stays what it is, with a network and without.
    fields = ["--variable", options.variable, "--conserve", "mean"]
    against = []
    for model, domain in {"bicubic": [], options.network: ["--domain", "climate"]}.items():
        vsr("batch", low, options.folder / model, "--model", model, *domain, *fields)
        against += ["--against", options.folder / model]

    metrics = ["--metric", "rmse", "--metric", "gradient", "--metric", "resolution"]
    outputs = ["--csv", options.folder / "scores.csv", "--report", report, "--overwrite"]
    sphere = ["--variable", options.variable, "--grid", "sphere"]
    vsr("eval", truth, *against, *sphere, *metrics, *outputs)
    print(f"{report / 'index.html'}: the scores with pictures and spectra")


def coarsen(truth: Path, low: Path) -> None:
    """Write the means of 2x2 cells, and their middles as coordinates."""
    with xarray.open_dataset(truth, decode_times=False) as run:
        run.coarsen(lat=2, lon=2).mean(keep_attrs=True).to_netcdf(low)


def vsr(*words: object) -> None:
    """Print one command of vsr, and run it."""
    line = [str(word) for word in words]
    print("$ vsr", shlex.join(line), flush=True)
    subprocess.run([sys.executable, "-m", "vsr_cli", *line], check=True)


if __name__ == "__main__":
    main()
