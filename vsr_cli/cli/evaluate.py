"""vsr eval"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any, get_args

import click

from vsr_cli.cli.console import show
from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import (
    degradation_option,
    json_option,
    max_pixels_option,
    model_options,
    options_of,
    overwrite_option,
    quiet_option,
)
from vsr_cli.cli.param_types import FILE, NamesType, RangeType
from vsr_cli.cli.scores import table
from vsr_cli.specs import EvaluateSpec, MetricName

option = options_of(EvaluateSpec)
EPILOG = """
Metrics of a frame: psnr, ssim, ms-ssim, mse, rmse, mae; bias (mean of the result less that of
the truth) and mean-error (its size, as a share); gradient (RMS error of the gradient, as a
share); vorticity (RMS error, of a flow with --variable U,V); minimum, quantile-low (0.1 %),
quantile-high (99.9 %) and maximum, each less the truth's; lpips (with --lpips-weights). Of a
clip: vmaf (by an ffmpeg with libvmaf on the PATH); tpsnr (PSNR of what changes between
frames), flicker (variance of the error over time), tof (error of optical flow, pixels), acc
(anomaly correlation), resolution (wavelength in pixels at which the error has half the truth's
power) and lsd (log-spectral distance, dB).

A field is a variable of a NetCDF file or a Zarr store, each level of it by itself. Its values
are neither rounded nor cut, scores have its unit, and the peak of PSNR is the value range.
Missing values (NaN) count nowhere. --grid sphere takes the area from the file's coordinates.
--degradation is a downscaler alone.
"""


@click.command("eval", epilog=f"{EPILOG}\n{examples('eval')}")
@click.argument("truths", metavar="TRUTH...", nargs=-1, required=True, type=FILE)
@model_options(EvaluateSpec)
@degradation_option
@option("lr", "Low-resolution file or folder, instead of degrading.", type=FILE)
@click.option(
    "--against",
    multiple=True,
    type=FILE,
    help="File or folder to compare with, instead of a model. Repeatable.",
)
@option(
    "metric",
    "What is measured, see below. Repeatable.  [default: psnr ssim mse]",
    field="metrics",
    type=click.Choice(get_args(MetricName)),
    metavar="NAME",
)
@option(
    "lpips-weights",
    "Weights for lpips: of AlexNet or VGG-16, and of the heads. Repeatable.",
    type=FILE,
)
@option("channel", "Luma, or red, green and blue of RGB together.")
@option("data-range", "Peak of PSNR and SSIM.")
@option(
    "grid", "sphere: frames are maps of the globe, of fields also a part; pixels count by area."
)
@option(
    "variable",
    "What is scored of a field, or U,V for a flow.  [default: the only one]",
    field="variables",
    type=NamesType(),
    multiple=False,
    metavar="NAME",
)
@option(
    "value-range",
    "Values of a field that networks see as 0 and 1.  [default: the truth's extremes]",
    type=RangeType(),
)
@option("border", "Pixels cut on each side.  [default: scale; 0 with --against]")
@max_pixels_option
@option("outline", "Measure the brightest object too, its edge found so.  [report]")
@click.option("--csv", type=FILE, help="Write the scores of each frame to this file.")
@click.option("--report", type=FILE, help="Write a page with pictures to this folder.  [report]")
@overwrite_option
@json_option
@quiet_option
def evaluate(
    truths: tuple[Path, ...],
    csv: Path | None,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Score a model, or files, against TRUTH: clips, stills, fields, and folders of one kind.

    With --model each TRUTH is degraded (antialiased bicubic), upscaled as vsr upscale does (but of
    RGB the luma alone, where that takes G, B and R), and compared with itself; with --against two
    files are compared. Scores are those of luma in [0, 1].

    --degradation is a chain of steps in their order, such as
    blur:sigma=2/0.7,angle=30+bicubic+noise:sigma=2,gain=0.1,seed=1+h264:crf=28. Steps: bicubic,
    area, bilinear, lanczos or nearest; blur:sigma=,angle= and motion:length=,angle= (pixels,
    degrees); noise:sigma=,gain=,seed= (code values of 8 bits); round:bits=; jpeg:quality=;
    h264:crf= and h265:crf=. Without a downscaler bicubic comes behind blur and motion.

    --outline adds diameter and area in pixels of the largest bright object in each picture, and
    their absolute errors: level finds its edge between pixels, canny and canny-filled by Canny's
    edges, through or around their pixels.

    Several --model, or --against, are scored in one pass. --report writes DIR/index.html, which
    needs no network, and its figures as PNG.
    """
    specs = _specs(options)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.evaluate.evaluation import to_json
    from vsr_cli.pipeline.evaluate.run import compare_models
    from vsr_cli.pipeline.memory import keep_freed_memory
    from vsr_cli.report import EvaluationOutputs

    keep_freed_memory()
    outputs = EvaluationOutputs.of(csv, report, truths=truths, overwrite=overwrite)
    with RunDisplay("eval", quiet=quiet) as display:
        watch = outputs.watch(display.on_frame)
        results = compare_models(truths, specs, on_start=display.on_start, watch=watch)
    display.warn(results[0].warnings)
    outputs.write(results, command=shlex.join(["vsr", *sys.argv[1:]]))
    if as_json:
        click.echo(json.dumps(to_json(results)))
    else:
        show(table(results))
        if chain := results[0].protocol["degradation_chain"]:
            click.echo(f"degradation: {chain}")


def _specs(options: dict[str, Any]) -> tuple[EvaluateSpec, ...]:
    """One for each model, or for each file that is compared."""
    models, files = options.pop("models"), options.pop("against")
    if models and files:
        models, files = models[:1], files[:1]
        return (EvaluateSpec(**options, model=models[0], against=files[0]),)
    each = [{"model": model} for model in models] or [{"against": file} for file in files]
    return tuple(EvaluateSpec(**options, **one) for one in each or [{}])
