"""vsr upscale"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vsr_cli.cli.options import json_option, overwrite_option, quiet_option
from vsr_cli.cli.progress import progress_bar
from vsr_cli.specs import Chroma, EncodingSpec, UpscaleSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.report import Start, UpscaleReport

DEFAULTS = UpscaleSpec()
ENCODING = ("codec", "crf", "preset", "pix_fmt")


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--model", default=DEFAULTS.model, show_default=True, help="A name, or names joined by +."
)
@click.option("--scale", default=DEFAULTS.scale, show_default=True, help="Enlargement.")
@click.option(
    "--domain", help="Which released weights: natural, climate, ...  [default: natural, if any]"
)
@click.option(
    "--weights",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A weight file of your own. Repeatable, one for each network.",
)
@click.option(
    "--device", default=DEFAULTS.device, show_default=True, help="auto, cpu, cuda or cuda:N."
)
@click.option(
    "--precision", default=DEFAULTS.precision, show_default=True, help="auto, fp32, bf16 or fp16."
)
@click.option("--batch-size", type=int, help="Frames at once.  [default: by frame size]")
@click.option(
    "--tile", default=DEFAULTS.tile, show_default=True, help="Pixels of a tile; 0: whole frames."
)
@click.option("--codec", help="x264, x265, svtav1, vp9, ffv1, prores, or FFmpeg's name.")
@click.option("--crf", type=float, help="Quality of the codec: lower is better and larger.")
@click.option("--preset", help="Speed of the codec, by its own name.")
@click.option("--pix-fmt", help="Pixel format of the output.  [default: as the input]")
@click.option(
    "--chroma",
    type=click.Choice(get_args(Chroma)),
    default=DEFAULTS.chroma,
    show_default=True,
    help="How the colour planes are enlarged.",
)
@click.option(
    "--scene-threshold",
    default=DEFAULTS.scene_threshold,
    show_default=True,
    help="Per cent of dissimilarity that is a cut; 0: off.",
)
@click.option("--start", "start_s", type=float, help="First second to upscale.")
@click.option("--end", "end_s", type=float, help="Second to stop at.")
@overwrite_option
@json_option
@quiet_option
def upscale(
    source: Path, target: Path, overwrite: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Upscale the video IN to OUT.

    Luma goes through the networks, colour, audio, timestamps and tags are kept. OUT appears when
    it is complete. Its ending names the container.
    """
    encoding = EncodingSpec(**{name: options.pop(name) for name in ENCODING})
    spec = UpscaleSpec(**options)
    from vsr_cli.pipeline.video import upscale_video

    show = _Show(quiet)
    try:
        report = upscale_video(
            source,
            target,
            spec,
            encoding,
            overwrite=overwrite,
            on_start=show.start,
            on_frame=show.frame,
        )
    finally:
        show.close()
    if not quiet:
        show.late_warnings(report.warnings)
    click.echo(json.dumps(report.to_json()) if as_json else summary(report), err=False)


def summary(report: UpscaleReport) -> str:
    """One line: what became what, by which means, and how fast."""
    domain = f" ({report.domain})" if report.domain else ""
    return (
        f"{report.output}: {report.frames} frames x{report.scale} with {report.model}{domain} "
        f"on {report.device} {report.precision} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )


class _Show:
    """The lines and the bar on stderr."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._shown: tuple[str, ...] = ()
        self._bar: Any = None
        self._advance: Any = None

    def start(self, start: Start) -> None:
        self._shown = start.warnings
        if self.quiet:
            return
        for warning in start.warnings:
            click.echo(f"Warning: {warning}", err=True)
        domain = f", {start.domain} weights" if start.domain else ""
        click.echo(f"{start.model}{domain}, {start.device}, {start.precision}", err=True)
        self._bar = progress_bar("upscale", start.frames)
        self._advance = self._bar.__enter__()

    def frame(self, number: int) -> None:
        del number
        if self._advance is not None:
            self._advance()

    def late_warnings(self, warnings: list[str]) -> None:
        for warning in warnings:
            if warning not in self._shown:
                click.echo(f"Warning: {warning}", err=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
