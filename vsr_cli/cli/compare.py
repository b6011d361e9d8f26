"""vsr compare"""

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
from vsr_cli.cli.param_types import FILE, BoxType, ClipPath
from vsr_cli.cli.upscale_options import file_options
from vsr_cli.specs import CompareSpec, DecodingSpec, EncodingSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.compare.run import CompareReport

option = options_of(CompareSpec)
FEWEST = 3  # paths: two clips and the output


@click.command(epilog=examples("compare"))
@click.argument("paths", metavar="A B [C...] OUT", nargs=-1, required=True, type=ClipPath())
@option("layout", "split: one picture, the left part of A, the right of B.")
@option("position", "Where the line of a split picture is.  [default: 0.5]")
@option("label", "One for each clip.  [default: names]", field="labels", metavar="TEXT")
@click.option("--no-labels", is_flag=True, help="Write nothing on the panels.")
@option("times", "Write on each panel which time its frame has.", field="has_times")
@option("font", "TrueType or OpenType file for the letters.", type=FILE)
@option("resize", "How smaller clips are brought to the size of the largest.")
@option("crop", "Show this part alone, in pixels of the largest clip.", type=BoxType())
@option("zoom", "Show each pixel as a square of N x N.")
@option("difference", "Show how the other clips differ from A, too.")
@option("gain", "How far differences are amplified.")
@option("gap", "Pixels between two panels.")
@option("align", "By the times in the files, or first frame to first frame.")
@option("shortest", "End with the first clip that ends.")
@option("at", "Second that is shown, where OUT is one picture.", field="at_s")
@file_options
@overwrite_option
@json_option
@quiet_option
def compare(
    paths: tuple[Path, ...],
    no_labels: bool,
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
    encoding, decoding = pop_settings(EncodingSpec, options), pop_settings(DecodingSpec, options)
    spec = CompareSpec(**options, has_labels=not no_labels)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.compare.run import compare_videos

    *sources, target = paths
    with RunDisplay("compare", quiet=quiet) as display:
        report = compare_videos(
            sources, target, spec, encoding, decoding, overwrite=overwrite, listener=display
        )
    display.finish(report, summary(report), target, as_json=as_json)


def summary(report: CompareReport) -> str:
    """One line: what is seen, when, and how fast it was made."""
    what = f"{len(report.inputs)} clips ({report.layout}), {report.width}x{report.height}"
    if report.end_s == report.start_s:
        return f"{report.output}: {what}, at {report.start_s:.3f} s"
    return (
        f"{report.output}: {what}, {report.frames} frames from {report.start_s:.3f} to "
        f"{report.end_s:.3f} s in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )
