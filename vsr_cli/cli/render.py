"""vsr render"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import (
    json_option,
    options_of,
    overwrite_option,
    pop_settings,
    quiet_option,
)
from vsr_cli.cli.param_types import FILE, ClipPath, FractionType, RangeType
from vsr_cli.cli.upscale_options import picture_encoding_options
from vsr_cli.specs import EncodingSpec, RenderSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.render.run import RenderReport

option = options_of(RenderSpec)


@click.command(epilog=examples("render"))
@click.argument("source", metavar="IN", type=FILE)
@click.argument("target", metavar="OUT", type=ClipPath())
@option("variable", "Which field.  [default: the only one]", metavar="NAME")
@option("series", "Which of several levels or members, from 0.", metavar="N")
@option(
    "cmap",
    "A colour map of matplotlib: viridis, cividis, RdBu_r; gray: codes that mean values.",
    metavar="NAME",
)
@option(
    "value-range",
    "Values at the ends of the colours.  [default: measured, zero in the middle of RdBu_r]",
    type=RangeType(),
)
@option("at", "The step of a picture, from 0; -1: the last.", metavar="N")
@option("rate", "Steps per second.", type=FractionType("RATE", "30000/1001"))
@option("scale", "Show each cell as a square of N x N.  [default: up to 640 pixels]")
@click.option("--no-labels", is_flag=True, help="No colour bar, no unit and no time.")
@option("bits", "Of --cmap gray.", default=str(RenderSpec().bits))
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
    encoding = pop_settings(EncodingSpec, options)
    spec = RenderSpec(**options, bits=int(bits), has_labels=not no_labels)  # type: ignore[arg-type]
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.render.run import render_field

    with RunDisplay("render", quiet=quiet) as display:
        report = render_field(source, target, spec, encoding, overwrite=overwrite, listener=display)
    display.finish(report, summary(report), target, as_json=as_json)


def summary(report: RenderReport) -> str:
    """One line: what is seen, and what its colours mean."""
    low, high = report.value_range
    what = "1 step" if report.frames == 1 else f"{report.frames} steps"
    return (
        f"{report.output}: {what} of {report.variable}, {report.width}x{report.height}, "
        f"{report.cmap} from {low:.6g} to {high:.6g} {report.units}".rstrip()
        + f" in {report.seconds:.1f} s"
    )
