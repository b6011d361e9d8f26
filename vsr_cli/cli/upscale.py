"""vsr upscale"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.field_options import check_kind, field_options
from vsr_cli.cli.options import json_option, overwrite_option, pop_settings, quiet_option
from vsr_cli.cli.param_types import ClipPath
from vsr_cli.cli.upscale_options import clip_options, clip_settings
from vsr_cli.specs import EncodingSpec, FieldSpec, is_field, is_several

if TYPE_CHECKING:
    from vsr_cli.pipeline.fields.report import FieldReport
    from vsr_cli.pipeline.preview import PreviewReport
    from vsr_cli.pipeline.report import UpscaleReport


@click.command(epilog=examples("upscale"))
@click.argument("source", metavar="IN", type=ClipPath())
@click.argument("target", metavar="OUT", type=ClipPath())
@clip_options
@click.option(
    "--preview",
    metavar="N",
    type=click.IntRange(min=1),
    help="Only show N frames (100 at most) beside bicubic: OUT is one PNG.",
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
    help="Frames of a part, for --resume and several devices.  [default: a minute's work]",
)
@field_options
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
    """Upscale IN to OUT: a video or GIF, pictures (f_%05d.png or a folder), fields, or a pipe.

    Luma goes through the networks, colour, audio, timestamps and tags are kept. OUT appears when
    it is complete. Its ending names the container; - is standard input, or y4m on standard output.
    With --preview it is a PNG: a row for each of N frames, bicubic on the left. Fields of NetCDF
    and Zarr (--variable) stay values in their unit, on a finer grid of the same globe.
    """
    fields = pop_settings(FieldSpec, options)
    spec, encoding, decoding = clip_settings(options)
    check_kind(source, target, fields, encoding, decoding)
    run = _choose_run(
        preview,
        resume=resume,
        segment_frames=segment_frames,
        encoding=encoding,
        is_several=is_several(spec.device),
    )
    if is_field(source):
        run = _choose_fields(fields, is_resumed=resume, is_preview=preview is not None)
    else:
        run = partial(run, decoding=decoding)
    from vsr_cli.cli.display import RunDisplay
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    with RunDisplay("upscale", quiet=quiet) as display:
        report = run(source, target, spec=spec, overwrite=overwrite, listener=display)
    display.finish(report, summary(report), target, as_json=as_json)


def _choose_fields(
    fields: FieldSpec, *, is_resumed: bool, is_preview: bool
) -> Callable[..., UpscaleReport | PreviewReport | FieldReport]:
    if is_resumed or is_preview:
        name = "resume" if is_resumed else "preview"
        raise click.UsageError(f"--{name} is for videos, not for fields; leave it out")
    from vsr_cli.pipeline.fields.run import upscale_fields

    return partial(upscale_fields, fields=fields)


def _choose_run(
    preview: int | None,
    *,
    resume: bool,
    segment_frames: int | None,
    encoding: EncodingSpec,
    is_several: bool,
) -> Callable[..., UpscaleReport | PreviewReport | FieldReport]:
    """What is to be called with the input, the output and the other settings."""
    if segment_frames is not None and not (resume or is_several):
        raise click.UsageError("--segment-frames is for --resume; give both, or several --device")
    if preview is not None and encoding != EncodingSpec():
        raise click.UsageError("--preview writes a PNG; leave out what is for the video's encoder")
    if preview is not None and resume:
        raise click.UsageError("--preview takes too short to be resumed; leave --resume out")
    # Each is loaded where it is asked for: the first frame waits for all that is loaded before it.
    if preview is not None:
        from vsr_cli.pipeline.preview import preview_video

        return partial(preview_video, num_frames=preview)
    if is_several:
        from vsr_cli.pipeline.segments.devices import upscale_on_devices

        run = partial(upscale_on_devices, resume=resume)
        return partial(run, encoding=encoding, segment_frames=segment_frames)
    if resume:
        from vsr_cli.pipeline.segments.resume import resume_video

        return partial(resume_video, encoding=encoding, segment_frames=segment_frames)
    from vsr_cli.pipeline.video import upscale_video

    return partial(upscale_video, encoding=encoding)


def summary(report: UpscaleReport | PreviewReport | FieldReport) -> str:
    """One line: what became what, by which means, and how fast."""
    from vsr_cli.pipeline.report import UpscaleReport

    domain = f" ({report.domain})" if report.domain else ""
    kept = getattr(report, "frames_kept", 0)  # of a resumed run
    frames = (
        f"{report.frames} frames ({kept} of them before)" if kept else f"{report.frames} frames"
    )
    size = f" of {report.width}x{report.height}" if isinstance(report, UpscaleReport) else ""
    return (
        f"{report.output}: {frames}{size} with {report.model} x{report.scale}{domain} "
        f"on {report.device} {report.precision} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    )
