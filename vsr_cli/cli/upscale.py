"""vsr upscale"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsr_cli.cli.options import ClipPath, json_option, overwrite_option, quiet_option
from vsr_cli.cli.upscale_options import clip_options, clip_settings
from vsr_cli.specs import EncodingSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.preview import PreviewReport
    from vsr_cli.pipeline.report import UpscaleReport


@click.command()
@click.argument("source", metavar="IN", type=ClipPath())
@click.argument("target", metavar="OUT", type=ClipPath())
@clip_options
@click.option(
    "--preview",
    metavar="N",
    type=click.IntRange(min=1),
    help="Only show N frames (100 at most) beside bicubic: OUT is one PNG.",
)
@overwrite_option
@json_option
@quiet_option
def upscale(
    source: Path,
    target: Path,
    preview: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Upscale IN to OUT: a video or GIF, a picture, pictures (f_%05d.png or a folder), or a pipe.

    Luma goes through the networks, colour, audio, timestamps and tags are kept. OUT appears when
    it is complete. Its ending names the container; - is standard input, or y4m on standard output.
    With --preview it is a PNG: a row for each of N frames, bicubic on the left.
    """
    spec, encoding, decoding = clip_settings(options)
    if preview is not None and encoding != EncodingSpec():
        raise click.UsageError("--preview writes a PNG; leave out what is for the video's encoder")
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.memory import keep_freed_memory
    from vsr_cli.pipeline.preview import preview_video
    from vsr_cli.pipeline.video import upscale_video

    keep_freed_memory()
    report: UpscaleReport | PreviewReport
    with RunDisplay("upscale", quiet=quiet) as display:
        if preview is None:
            report = upscale_video(
                source, target, spec, encoding, decoding, overwrite=overwrite, listener=display
            )
        else:
            report = preview_video(
                source, target, preview, spec, decoding, overwrite=overwrite, listener=display
            )
    display.warn(report.warnings)
    text = json.dumps(report.to_json()) if as_json else summary(report)
    click.echo(text, err=target == Path("-"))  # where standard output carries the video


def summary(report: UpscaleReport | PreviewReport) -> str:
    """One line: what became what, by which means, and how fast."""
    domain = f" ({report.domain})" if report.domain else ""
    return (
        f"{report.output}: {report.frames} frames x{report.scale} with {report.model}{domain} "
        f"on {report.device} {report.precision} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )
