"""vsr upscale"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vsr_cli.cli.options import (
    ClipPath,
    FractionType,
    NameValueType,
    json_option,
    model_options,
    overwrite_option,
    quiet_option,
)
from vsr_cli.specs import Chroma, DecodingSpec, Deinterlace, EncodingSpec, UpscaleSpec

if TYPE_CHECKING:
    from vsr_cli.pipeline.preview import PreviewReport
    from vsr_cli.pipeline.report import UpscaleReport

DECODING = tuple(field.name for field in fields(DecodingSpec))
ENCODING = tuple(field.name for field in fields(EncodingSpec))


@click.command()
@click.argument("source", metavar="IN", type=ClipPath())
@click.argument("target", metavar="OUT", type=ClipPath())
@model_options(UpscaleSpec)
@click.option("--width", type=int, help="Columns of the output.  [default: by --scale]")
@click.option("--height", type=int, help="Rows of the output.  [default: by --scale]")
@click.option("--codec", help="x264, x265, svtav1, vp9, ffv1, prores, or FFmpeg's name.")
@click.option("--crf", type=float, help="Quality of the codec: lower is better and larger.")
@click.option("--preset", help="Speed of the codec, by its own name.")
@click.option(
    "--codec-option",
    "codec_options",
    metavar="NAME=VALUE",
    type=NameValueType(),
    multiple=True,
    help="An option of the encoder, by FFmpeg's name. Repeatable.",
)
@click.option("--pix-fmt", help="Pixel format of the output.  [default: as the input]")
@click.option("--audio-codec", help="Encode audio that OUT cannot hold with aac, opus, flac, ...")
@click.option("--strict-streams", is_flag=True, help="Fail if a stream is lost or loses something.")
@click.option(
    "--chroma",
    type=click.Choice(get_args(Chroma)),
    default=UpscaleSpec().chroma,
    show_default=True,
    help="How the colour planes are enlarged; an interpolation is its own.",
)
@click.option("--start", "start_s", type=float, help="First second to upscale.")
@click.option("--end", "end_s", type=float, help="Second to stop at.")
@click.option(
    "--deinterlace",
    type=click.Choice(get_args(Deinterlace)),
    default=DecodingSpec().deinterlace,
    show_default=True,
    help="auto: frames that say they are interlaced; bwdif: all.",
)
@click.option(
    "--preview",
    metavar="N",
    type=click.IntRange(min=1),
    help="Only show N frames (100 at most) beside bicubic: OUT is one PNG.",
)
@click.option(
    "--rate",
    type=FractionType("RATE", "30000/1001"),
    help="Frames per second of stills.  [default: 25]",
)
@click.option(
    "--tolerate",
    default=DecodingSpec().tolerate,
    show_default=True,
    help="Damaged packets to put up with; a truncated file has at least one.",
)
@click.option(
    "--keep-partial",
    is_flag=True,
    help="When the run ends early, keep what is complete as NAME.partial.EXT.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Keep what is finished when the run ends early, and go on from there.",
)
@click.option(
    "--segment-frames",
    metavar="N",
    type=int,
    help="Frames that --resume finishes together.  [default: about a minute's work]",
)
@overwrite_option
@json_option
@quiet_option
def upscale(
    source: Path,
    target: Path,
    preview: int | None,
    resume: bool,
    segment_frames: int | None,
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
    encoding = EncodingSpec(**{name: options.pop(name) for name in ENCODING})
    decoding = DecodingSpec(**{name: options.pop(name) for name in DECODING})
    spec = UpscaleSpec(**options)
    run = _choose_run(preview, resume=resume, segment_frames=segment_frames, encoding=encoding)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    with RunDisplay("upscale", quiet=quiet) as display:
        report = run(
            source, target, spec=spec, decoding=decoding, overwrite=overwrite, listener=display
        )
    display.warn(report.warnings)
    text = json.dumps(report.to_json()) if as_json else summary(report)
    click.echo(text, err=target == Path("-"))  # where standard output carries the video


def _choose_run(
    preview: int | None, *, resume: bool, segment_frames: int | None, encoding: EncodingSpec
) -> Callable[..., UpscaleReport | PreviewReport]:
    """What is to be called with the input, the output and the other settings."""
    if segment_frames is not None and not resume:
        raise click.UsageError("--segment-frames is for --resume; give both")
    if preview is not None and encoding != EncodingSpec():
        raise click.UsageError("--preview writes a PNG; leave out what is for the video's encoder")
    if preview is not None and resume:
        raise click.UsageError("--preview takes too short to be resumed; leave --resume out")
    from vsr_cli.pipeline.preview import preview_video
    from vsr_cli.pipeline.resume import resume_video
    from vsr_cli.pipeline.video import upscale_video

    if preview is not None:
        return partial(preview_video, num_frames=preview)
    if resume:
        return partial(resume_video, encoding=encoding, segment_frames=segment_frames)
    return partial(upscale_video, encoding=encoding)


def summary(report: UpscaleReport | PreviewReport) -> str:
    """One line: what became what, by which means, and how fast."""
    domain = f" ({report.domain})" if report.domain else ""
    kept = getattr(report, "frames_kept", 0)  # of a resumed run
    frames = (
        f"{report.frames} frames ({kept} of them before)" if kept else f"{report.frames} frames"
    )
    return (
        f"{report.output}: {frames} x{report.scale} with {report.model}{domain} "
        f"on {report.device} {report.precision} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )
