"""vsr bench"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import FILE, SizeType, json_option, model_options, quiet_option
from vsr_cli.specs import BenchSpec, EncodingSpec, Peer, UpscaleSpec
from vsr_cli.specs.bench import DEFAULT_SIZE

BENCH = BenchSpec()


@click.command(epilog=examples("bench"))
@model_options(UpscaleSpec)
@click.option("--width", type=int, help="Columns of the output.  [default: by --scale]")
@click.option("--height", type=int, help="Rows of the output.  [default: by --scale]")
@click.option(
    "--size",
    type=SizeType(),
    help="Size of the input.  [default: {}x{}, or the clip's]".format(*DEFAULT_SIZE),
)
@click.option("--input", "source", type=FILE, help="A clip to measure on.  [default: one is made]")
@click.option(
    "--frames",
    default=BENCH.frames,
    show_default=True,
    help="Frames of the clip; a stage's results are held in memory.",
)
@click.option(
    "--repeats",
    default=BENCH.repeats,
    show_default=True,
    help="Passes of each measurement, of which the median counts.",
)
@click.option("--threads", type=int, help="Threads of the networks and of a peer.")
@click.option("--codec", help="Encoder of the output, as of vsr upscale.  [default: x264]")
@click.option("--crf", type=float, help="Quality of the codec: lower is better and larger.")
@click.option("--preset", help="Speed of the codec, by its own name.")
@click.option("--layers", is_flag=True, help="Time every layer of the networks, too.")
@click.option(
    "--against",
    "peer",
    type=click.Choice(get_args(Peer)),
    help="Run in turn with another program; plain: the networks without any of our rewrites.",
)
@click.option("--peer-model", type=FILE, help="The network of OpenCV, such as FSRCNN_x2.pb.")
@json_option
@quiet_option
def bench(
    codec: str | None,
    crf: float | None,
    preset: str | None,
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
    names = ("size", "source", "frames", "repeats", "threads", "layers", "peer", "peer_model")
    spec = BenchSpec(**{name: options.pop(name) for name in names})
    upscale = UpscaleSpec(**options)
    encoding = EncodingSpec(codec=codec, crf=crf, preset=preset)
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
