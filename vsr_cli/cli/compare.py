"""vsr compare"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import FILE, ClipPath, json_option, overwrite_option, quiet_option
from vsr_cli.cli.upscale_options import file_options, pop_file_settings
from vsr_cli.specs import Align, Box, CompareSpec, Layout, Resize

if TYPE_CHECKING:
    from vsr_cli.pipeline.compare.run import CompareReport

DEFAULT = CompareSpec()
FEWEST = 3  # paths: two clips and the output


class BoxType(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A part of a picture in pixels, X,Y,W,H."""

    name = "X,Y,W,H"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Box:
        """Read "100,50,64,48" as a Box."""
        if isinstance(value, Box):
            return value
        if not re.fullmatch(r"\d{1,9}(,\d{1,9}){3}", str(value)):
            self.fail(
                f"a part of a picture is X,Y,W,H in pixels (100,50,64,48), got {value!r}",
                param,
                ctx,
            )
        return Box(*map(int, str(value).split(",")))


@click.command(epilog=examples("compare"))
@click.argument("paths", metavar="A B [C...] OUT", nargs=-1, required=True, type=ClipPath())
@click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default=DEFAULT.layout,
    show_default=True,
    help="split: one picture, the left part of A, the right of B.",
)
@click.option(
    "--position", type=float, help="Where the line of a split picture is.  [default: 0.5]"
)
@click.option(
    "--label", "labels", multiple=True, metavar="TEXT", help="One for each clip.  [default: names]"
)
@click.option("--no-labels", is_flag=True, help="Write nothing on the panels.")
@click.option("--times", is_flag=True, help="Write on each panel which time its frame has.")
@click.option("--font", type=FILE, help="TrueType or OpenType file for the letters.")
@click.option(
    "--resize",
    type=click.Choice(get_args(Resize)),
    default=DEFAULT.resize,
    show_default=True,
    help="How smaller clips are brought to the size of the largest.",
)
@click.option("--crop", type=BoxType(), help="Show this part alone, in pixels of the largest clip.")
@click.option(
    "--zoom", default=DEFAULT.zoom, show_default=True, help="Show each pixel as a square of N x N."
)
@click.option("--difference", is_flag=True, help="Show how the other clips differ from A, too.")
@click.option(
    "--gain", default=DEFAULT.gain, show_default=True, help="How far differences are amplified."
)
@click.option("--gap", default=DEFAULT.gap, show_default=True, help="Pixels between two panels.")
@click.option(
    "--align",
    type=click.Choice(get_args(Align)),
    default=DEFAULT.align,
    show_default=True,
    help="By the times in the files, or first frame to first frame.",
)
@click.option("--shortest", is_flag=True, help="End with the first clip that ends.")
@click.option("--at", "at_s", type=float, help="Second that is shown, where OUT is one picture.")
@file_options
@overwrite_option
@json_option
@quiet_option
def compare(
    paths: tuple[Path, ...],
    no_labels: bool,
    times: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Show clips beside each other, or as the parts of one picture, synced by their times.

    A, B and C are videos, pictures, folders of pictures, or - for a pipe; OUT is a video, a GIF, or
    a picture of one moment. Smaller clips are brought to the size of the largest; its pixel format,
    matrix and range are shown, and all colours stay what they are. There is a new frame whenever
    one of the clips has one, and a clip that has ended keeps its last frame. The sound and all else
    of A are kept.
    """
    if len(paths) < FEWEST:
        raise click.UsageError(f"give two clips or more and then the output, got {len(paths)}")
    encoding, decoding = pop_file_settings(options)
    spec = CompareSpec(**options, has_labels=not no_labels, has_times=times)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.compare.run import compare_videos

    *sources, target = paths
    with RunDisplay("compare", quiet=quiet) as display:
        report = compare_videos(
            sources, target, spec, encoding, decoding, overwrite=overwrite, listener=display
        )
    display.warn(report.warnings)
    text = json.dumps(report.to_json()) if as_json else summary(report)
    click.echo(text, err=target == Path("-"))  # where standard output carries the video


def summary(report: CompareReport) -> str:
    """One line: what is seen, when, and how fast it was made."""
    what = f"{len(report.inputs)} clips ({report.layout}), {report.width}x{report.height}"
    if report.end_s == report.start_s:
        return f"{report.output}: {what}, at {report.start_s:.3f} s"
    return (
        f"{report.output}: {what}, {report.frames} frames from {report.start_s:.3f} to "
        f"{report.end_s:.3f} s in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )
