"""The street: a file comes in, frames walk through the stages, a file goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.frames import Frame, FrameReader, FrameWriter
from vsr_cli.media import check_output, open_reader, open_writer
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.report import Listener, Start, UpscaleReport
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.size import choose_size, output_info
from vsr_cli.pipeline.stages import run_stages
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

PREFETCH_FRAMES = 8  # decoded or finished frames that wait for the next thread
OpenWriter = Callable[..., FrameWriter]  # as ``open_writer``


def upscale_video(
    source: Path,
    target: Path,
    spec: UpscaleSpec | None = None,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    load: LoadChain | None = None,
    write: OpenWriter | None = None,
) -> UpscaleReport:
    """Upscale one video file; the target appears when it is complete, or not at all.

    Its ending names the container; ``overwrite`` lets it replace a file that exists. Audio, times
    and tags are those of the source. ``load`` gives the networks, ``load_chain`` by default, and
    ``write`` the writer of the target, ``open_writer`` by default.

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    spec, decoding = spec or UpscaleSpec(), decoding or DecodingSpec()
    listener, watch, load = listener or Listener(), Stopwatch(), load or load_chain
    check_output(target, overwrite=overwrite, input_path=source)
    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(source, decoding))
        check_kept(reader, encoding)
        size = choose_size(spec, reader.info)
        chain = load(spec.model, size.scale, domain=spec.domain, weights=spec.weights)
        settings = StageSettings.of(spec, reader.info, chain)
        larger = output_info(reader.info, size)
        open_target = partial(write or open_writer, copy_from=source, decoding=decoding)
        writer = stack.enter_context(open_target(target, larger, encoding, overwrite=overwrite))
        start = Start.of_clip(chain, settings, reader, writer, decoding, size=size.sides)
        listener.on_start(start)
        decoded = stack.enter_context(prefetch(watch.each("decode", reader), PREFETCH_FRAMES))
        waited = watch.each("wait", decoded)
        frames = mark_shots(waited, settings.pixel_format, settings.scene_threshold)
        frames = run_stages(frames, chain, settings, reader.info, size)
        finished = stack.enter_context(prefetch(watch.each("model", frames), PREFETCH_FRAMES))
        written, cuts = _write(finished, writer, watch, listener)
        check_complete(written, reader)
    return UpscaleReport.of(
        start,
        watch,
        frames=(written, reader.frames_read),
        scene_cuts=cuts if settings.scene_threshold else None,
        warnings=reader.warnings,
    )


def check_kept(reader: FrameReader, encoding: EncodingSpec | None) -> None:
    """Refuse a source of which something is lost, if nothing must be.

    Raises:
        OutputError: says what.
    """
    if reader.lost and encoding is not None and encoding.strict_streams:
        raise OutputError(f"--strict-streams: {'; '.join(reader.lost)}")


def _write(
    frames: Iterable[Frame], writer: FrameWriter, watch: Stopwatch, listener: Listener
) -> tuple[int, int]:
    """Encode all frames; returns their number and that of the scene cuts among them."""
    written = shot = 0
    for written, frame in enumerate(frames, start=1):
        with watch.block("encode"):
            writer.write(frame)
        shot = frame.shot
        listener.on_frame(written)
    return written, shot


def check_complete(num_frames: int, reader: FrameReader) -> None:
    """Refuse to end with fewer frames than were decoded, or more.

    Packets tell less: some show nothing, two may be a frame.

    Raises:
        OutputError: it is another number.
    """
    if num_frames != reader.frames_read:
        raise OutputError(
            f"{reader.path} has {reader.frames_read} frames, but {num_frames} were upscaled"
        )
