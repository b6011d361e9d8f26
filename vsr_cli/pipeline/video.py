"""The street: a file comes in, frames walk through the stages, a file goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.frames import Frame
from vsr_cli.media import VideoWriter, check_output, open_reader, open_writer
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.report import Start, Stopwatch, UpscaleReport
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.stages import StageSettings, output_info, run_stages
from vsr_cli.specs import EncodingSpec, UpscaleSpec

PREFETCH_FRAMES = 8  # decoded or finished frames that wait for the next thread


def upscale_video(
    source: Path,
    target: Path,
    spec: UpscaleSpec | None = None,
    encoding: EncodingSpec | None = None,
    *,
    overwrite: bool = False,
    on_start: Callable[[Start], None] | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> UpscaleReport:
    """Upscale one video file; the target appears when it is complete, or not at all.

    Args:
        source: any video that FFmpeg reads.
        target: the file to write; its ending names the container.
        spec: model, scale, device and the like.
        encoding: codec and its settings.
        overwrite: replace a target that exists.
        on_start: told what will run on what, before the first frame.
        on_frame: told the number of frames written so far, after each.

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    spec, encoding = spec or UpscaleSpec(), encoding or EncodingSpec()
    watch = Stopwatch()
    check_output(target, overwrite=overwrite, input_path=source)
    device = choose_device(spec.device)
    precision = choose_precision(spec.precision, device)
    cut = {"start_s": spec.start_s, "end_s": spec.end_s}
    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(source, **cut))
        chain = load_chain(spec.model, spec.scale, domain=spec.domain, weights=spec.weights)
        info = output_info(reader.info, spec.scale)
        writer = stack.enter_context(
            open_writer(target, info, encoding, copy_from=source, overwrite=overwrite, **cut)
        )
        start = Start.of(chain, reader, writer, spec, device=device, precision=precision)
        if on_start:
            on_start(start)
        settings = StageSettings.of(spec, info.pixel_format, device=device, precision=precision)
        decoded = stack.enter_context(prefetch(watch.each("decode", reader), PREFETCH_FRAMES))
        shots = mark_shots(watch.each("wait", decoded), info.pixel_format, spec.scene_threshold)
        upscaled = watch.each("model", run_stages(shots, chain, settings))
        finished = stack.enter_context(prefetch(upscaled, PREFETCH_FRAMES))
        written, scene_cuts = _write(finished, writer, watch, on_frame)
        expected = reader.packets_read if _is_whole(spec) else reader.frames_read
        if written != expected:
            raise OutputError(f"{source} holds {expected} frames, but {written} were upscaled")
    return UpscaleReport.of(
        start,
        spec,
        watch,
        paths=(source, target),
        frames=(written, expected),
        scene_cuts=scene_cuts,
        warnings=[*chain.warnings, *reader.warnings, *writer.warnings],
    )


def _write(
    frames: Iterable[Frame],
    writer: VideoWriter,
    watch: Stopwatch,
    on_frame: Callable[[int], None] | None,
) -> tuple[int, int]:
    """Encode all frames; returns their number and that of the scene cuts among them."""
    written = shot = 0
    for written, frame in enumerate(frames, start=1):
        with watch.block("encode"):
            writer.write(frame)
        shot = frame.shot
        if on_frame:
            on_frame(written)
    return written, shot


def _is_whole(spec: UpscaleSpec) -> bool:
    return not spec.start_s and spec.end_s is None
