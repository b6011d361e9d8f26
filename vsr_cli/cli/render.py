"""vsr render"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import (
    FILE,
    ClipPath,
    FractionType,
    RangeType,
    json_option,
    overwrite_option,
    quiet_option,
)
from vsr_cli.cli.upscale_options import PICTURE_ENCODING, picture_encoding_options
from vsr_cli.specs import EncodingSpec, RenderSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.render.run import RenderReport

DEFAULT = RenderSpec()


@click.command(epilog=examples("render"))
@click.argument("source", metavar="IN", type=FILE)
@click.argument("target", metavar="OUT", type=ClipPath())
@click.option("--variable", metavar="NAME", help="Which field.  [default: the only one]")
@click.option("--series", type=int, metavar="N", help="Which of several levels or members, from 0.")
@click.option(
    "--cmap",
    default=DEFAULT.cmap,
    show_default=True,
    metavar="NAME",
    help="A colour map of matplotlib: viridis, cividis, RdBu_r; gray: codes that mean values.",
)
@click.option(
    "--value-range",
    type=RangeType(),
    help="Values at the ends of the colours.  [default: measured, zero in the middle of RdBu_r]",
)
@click.option("--at", type=int, metavar="N", help="The step of a picture, from 0; -1: the last.")
@click.option(
    "--rate",
    type=FractionType("RATE", "30000/1001"),
    default=DEFAULT.rate,
    show_default=True,
    help="Steps per second.",
)
@click.option(
    "--scale", type=int, help="Show each cell as a square of N x N.  [default: up to 640 pixels]"
)
@click.option("--no-labels", is_flag=True, help="No colour bar, no unit and no time.")
@click.option(
    "--bits",
    type=click.Choice(["8", "16"]),
    default=str(DEFAULT.bits),
    show_default=True,
    help="Of --cmap gray.",
)
@picture_encoding_options
@overwrite_option
@json_option
@quiet_option
def render(
    source: Path,
    target: Path,
    no_labels: bool,
    bits: str,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Show a field of IN (.nc, .zarr, .npz) as a video or picture OUT, north at the top.

    Colours mean the same at all times; what is missing is grey. With --cmap gray codes are values,
    from which these come back: the range is in the comment tag, and .mkv keeps every code.
    """
    encoding = EncodingSpec(**{name: options.pop(name) for name in PICTURE_ENCODING})
    spec = RenderSpec(**options, bits=int(bits), has_labels=not no_labels)  # type: ignore[arg-type]
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.render.run import render_field

    with RunDisplay("render", quiet=quiet) as display:
        report = render_field(source, target, spec, encoding, overwrite=overwrite, listener=display)
    display.warn(report.warnings)
    text = json.dumps(report.to_json()) if as_json else summary(report)
    click.echo(text, err=target == Path("-"))  # where standard output carries the video


def summary(report: RenderReport) -> str:
    """One line: what is seen, and what its colours mean."""
    low, high = report.value_range
    what = "1 step" if report.frames == 1 else f"{report.frames} steps"
    return (
        f"{report.output}: {what} of {report.variable}, {report.width}x{report.height}, "
        f"{report.cmap} from {low:.6g} to {high:.6g} {report.units}".rstrip()
        + f" in {report.seconds:.1f} s"
    )
