"""vsr eval"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from rich.table import Table

from vsr_cli.cli.console import stdout_console
from vsr_cli.cli.options import (
    FILE,
    degradation_option,
    json_option,
    model_options,
    quiet_option,
)
from vsr_cli.specs import EvaluateSpec, OutlineMethod

if TYPE_CHECKING:
    from vsr_cli.metrics import ClipScores, MeanScores
    from vsr_cli.pipeline.evaluate import Evaluation

OUTLINE_COLUMNS = ("diameter", "error", "area", "error")


@click.command("eval")
@click.argument("truths", metavar="TRUTH...", nargs=-1, required=True, type=FILE)
@model_options(EvaluateSpec)
@degradation_option
@click.option("--lr", type=FILE, help="Low-resolution file or folder, instead of degrading.")
@click.option("--against", type=FILE, help="File or folder to compare with, instead of a model.")
@click.option(
    "--border", type=int, help="Pixels cut on each side.  [default: scale; 0 with --against]"
)
@click.option(
    "--outline",
    type=click.Choice(get_args(OutlineMethod)),
    help="Measure the brightest object too, its edge found so.  [report]",
)
@json_option
@quiet_option
def evaluate(truths: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Score a model, or files, against TRUTH: clips, stills, and folders of either.

    With --model each TRUTH is degraded (antialiased bicubic), upscaled as vsr upscale does (but of
    RGB the luma alone, where that takes G, B and R), and compared with itself; with --against two
    files are compared. PSNR (dB, peak 1), SSIM and mean squared error are those of luma.

    --degradation is a chain of steps in their order, such as
    blur:sigma=2/0.7,angle=30+bicubic+noise:sigma=2,gain=0.1,seed=1+h264:crf=28. Steps: bicubic,
    area, bilinear, lanczos or nearest; blur:sigma=,angle= and motion:length=,angle= (pixels,
    degrees); noise:sigma=,gain=,seed= (code values of 8 bits); round:bits=; jpeg:quality=;
    h264:crf= and h265:crf=. Without a downscaler bicubic comes behind blur and motion.

    --outline adds diameter and area in pixels of the largest bright object in each picture, and
    their absolute errors: level finds its edge between pixels, canny and canny-filled by Canny's
    edges, through or around their pixels.
    """
    spec = EvaluateSpec(**options)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.evaluate import evaluate_clips
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    with RunDisplay("eval", quiet=quiet) as display:
        result = evaluate_clips(truths, spec, on_start=display.on_start, on_frame=display.on_frame)
    display.warn(result.warnings)
    if as_json:
        click.echo(json.dumps(result.to_json()))
    else:
        stdout_console().print(table(result))
        if chain := result.protocol["degradation_chain"]:
            click.echo(f"degradation: {chain}")


def table(result: Evaluation) -> Table:
    """One row for each clip, and the mean below if there are several."""
    rows = Table("clip")
    names = ("frames", "PSNR dB", "SSIM", "MSE")
    for name in (*names, *(OUTLINE_COLUMNS if result.mean.outline else ())):
        rows.add_column(name, justify="right", no_wrap=True)
    for clip in result.clips:
        rows.add_row(clip.name, *_numbers(clip))
    if len(result.clips) > 1:
        rows.add_section()
        rows.add_row(f"mean of {result.mean.clips}", *_numbers(result.mean))
    return rows


def _numbers(scores: ClipScores | MeanScores) -> tuple[str, ...]:
    numbers = (
        str(scores.frames),
        f"{scores.psnr:.3f}",
        f"{scores.ssim:.5f}",
        f"{scores.mse:.3e}",
    )
    if (outline := scores.outline) is None:
        return numbers
    return (
        *numbers,
        f"{outline.diameter:.3f}",
        f"{outline.diameter_error:.4f}",
        f"{outline.area:.1f}",
        f"{outline.area_error:.2f}",
    )
