"""vsr bench"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import (
    json_option,
    max_pixels_option,
    model_options,
    options_of,
    pop_settings,
    quiet_option,
)
from vsr_cli.cli.param_types import FILE, SizeType
from vsr_cli.cli.upscale_options import quality_options, size_options
from vsr_cli.specs import DEFAULT_SIZE, BenchSpec, EncodingSpec, UpscaleSpec

option = options_of(BenchSpec)


@click.command(epilog=examples("bench"))
@model_options(UpscaleSpec)
@size_options
@option(
    "size",
    "Size of the input.  [default: {}x{}, or the clip's]".format(*DEFAULT_SIZE),
    type=SizeType(),
)
@option("input", "A clip to measure on.  [default: one is made]", field="source", type=FILE)
@option("frames", "Frames of the clip; a stage's results are held in memory.")
@option("repeats", "Passes of each measurement, of which the median counts.")
@option("threads", "Threads of the networks and of a peer.")
@click.option("--codec", help="Encoder of the output, as of vsr upscale.  [default: x264]")
@quality_options
@max_pixels_option
@option("layers", "Time every layer of the networks, too.")
@option(
    "against",
    "Run in turn with another program; plain: the networks without any of our rewrites.",
    field="peer",
)
@option("peer-model", "The network of OpenCV, such as FSRCNN_x2.pb.", type=FILE)
@json_option
@quiet_option
def bench(
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure how fast a model runs here: each stage by itself, and all of them end to end.

    The input is a moving picture that is made for it, or the first --frames of a clip. Every
    number is the median of several passes after one that does not count. FLOPs are those of the
    layers, bytes those that they read and write at least; their shares are of a matrix product and
    of a copy in memory, measured in the same run. The last line of the output is one JSON document.

    --against: opencv and onnxruntime get the luma of the clip in memory, ffmpeg scales it from file
    to file with our encoder's settings, plain does both. Rounds go by turns, each side in a process
    of its own; the ratio is the peer's time by ours.
    """
    spec, encoding = pop_settings(BenchSpec, options), pop_settings(EncodingSpec, options)
    upscale = UpscaleSpec(**options)
    from vsr_cli.bench.run import run_bench
    from vsr_cli.cli.bench_display import print_report
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    report = run_bench(spec, upscale, encoding, on_step=_teller(quiet))
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if not as_json:
        print_report(report)
    click.echo(json.dumps(report.to_json(), allow_nan=False))


def _teller(quiet: bool) -> Callable[[str], None]:
    """What says on stderr what is measured."""
    return lambda step: None if quiet else click.echo(f"measuring {step}", err=True)
