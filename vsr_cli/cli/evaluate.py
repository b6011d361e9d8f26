"""vsr eval"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from vsr_cli.cli.options import json_option, quiet_option
from vsr_cli.cli.progress import progress_bar
from vsr_cli.specs import EvaluateSpec, UpscaleSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsr_cli.cli.progress import Advance
    from vsr_cli.metrics import ClipScores, MeanScores
    from vsr_cli.pipeline.evaluate import Evaluation, EvaluationStart

DEFAULTS = UpscaleSpec()
FILE = click.Path(path_type=Path)


@click.command("eval")
@click.argument("truths", metavar="TRUTH...", nargs=-1, required=True, type=FILE)
@click.option("--model", help="A name, or names joined by +: what is scored.")
@click.option("--scale", default=DEFAULTS.scale, show_default=True, help="Enlargement.")
@click.option(
    "--domain", help="Which released weights: natural, climate, ...  [default: natural, if any]"
)
@click.option(
    "--weights",
    multiple=True,
    type=FILE,
    help="A weight file of your own. Repeatable, one for each network.",
)
@click.option(
    "--device", default=DEFAULTS.device, show_default=True, help="auto, cpu, cuda or cuda:N."
)
@click.option(
    "--precision", default=DEFAULTS.precision, show_default=True, help="auto, fp32, bf16 or fp16."
)
@click.option("--batch-size", type=int, help="Frames at once.  [default: by frame size]")
@click.option("--tile", type=int, help="Pixels of a tile; 0: whole frames.  [default: by device]")
@click.option(
    "--scene-threshold",
    default=DEFAULTS.scene_threshold,
    show_default=True,
    help="Per cent of dissimilarity that is a cut; 0: off.",
)
@click.option("--lr", type=FILE, help="Low-resolution file or folder, instead of degrading.")
@click.option("--against", type=FILE, help="File or folder to compare with, instead of a model.")
@click.option(
    "--border", type=int, help="Pixels cut on each side.  [default: scale; 0 with --against]"
)
@json_option
@quiet_option
def evaluate(truths: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Score a model, or files, against TRUTH: clips, stills, and folders of either.

    With --model each TRUTH is degraded (antialiased bicubic), upscaled as vsr upscale does, and
    compared with itself; with --against two files are compared. PSNR (dB, peak 1), SSIM and mean
    squared error are those of luma.
    """
    spec = EvaluateSpec(**options)
    from vsr_cli.pipeline.evaluate import evaluate_clips
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    with ExitStack() as stack:
        show = _Show(stack, quiet)
        result = evaluate_clips(truths, spec, on_start=show.start, on_frame=show.frame)
    show.warn(result.warnings)
    if as_json:
        click.echo(json.dumps(result.to_json()))
    else:
        Console().print(table(result))


def table(result: Evaluation) -> Table:
    """One row for each clip, and the mean below if there are several."""
    rows = Table("clip")
    for name in ("frames", "PSNR dB", "SSIM", "MSE"):
        rows.add_column(name, justify="right", no_wrap=True)
    for clip in result.clips:
        rows.add_row(clip.name, *_numbers(clip))
    if len(result.clips) > 1:
        rows.add_section()
        rows.add_row(f"mean of {result.mean.clips}", *_numbers(result.mean))
    return rows


def _numbers(scores: ClipScores | MeanScores) -> tuple[str, ...]:
    return (
        str(scores.frames),
        f"{scores.psnr:.3f}",
        f"{scores.ssim:.5f}",
        f"{scores.mse:.3e}",
    )


class _Show:
    """The lines and the bar on stderr; the bar ends with the stack's context."""

    def __init__(self, stack: ExitStack, quiet: bool) -> None:
        self.quiet = quiet
        self._stack = stack
        self._warned: set[str] = set()
        self._advance: Advance | None = None

    def start(self, start: EvaluationStart) -> None:
        self.warn(start.warnings)
        if start.model and not self.quiet:
            domain = f", {start.domain} weights" if start.domain else ""
            click.echo(f"{start.model}{domain}, {start.device}, {start.precision}", err=True)
        self._advance = self._stack.enter_context(progress_bar("eval", start.frames, self.quiet))

    def frame(self) -> None:
        if self._advance is not None:
            self._advance()

    def warn(self, warnings: Iterable[str]) -> None:
        """Show each warning once."""
        for warning in warnings:
            if warning not in self._warned and not self.quiet:
                click.echo(f"Warning: {warning}", err=True)
            self._warned.add(warning)
