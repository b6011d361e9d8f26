"""From a file to what its segments are made of, with all tried out that could refuse the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from vsr_cli import __version__
from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame, FrameReader
from vsr_cli.media import VideoWriter, check_output, open_reader, open_writer
from vsr_cli.media.segments.joining import StoredPackets, StoredSegment
from vsr_cli.media.segments.work_folder import WorkFolder
from vsr_cli.media.video.codecs import EncoderPlan
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.pipeline.device import precision_name
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.report import Start, chain_name
from vsr_cli.pipeline.segments.plan import context_frames, segment_length
from vsr_cli.pipeline.segments.resumable import (
    RESUME,
    UnjoinableError,
    check_joinable,
    check_resumable,
)
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import OutputSize, choose_size, output_info
from vsr_cli.pipeline.video import check_kept
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    """All that the segments of one output are made of, and how."""

    source: Path
    target: Path
    spec: UpscaleSpec
    encoding: EncodingSpec
    decoding: DecodingSpec
    chain: LoadedChain
    settings: StageSettings
    info: ClipInfo  # of the source
    size: OutputSize
    written: ClipInfo  # of the output
    plan: EncoderPlan
    length: int  # frames of a segment

    @property
    def context(self) -> int:
        """Frames that are to be seen on each side of a segment."""
        return context_frames(self.chain)


def prepare_job(
    source: Path,
    target: Path,
    spec: UpscaleSpec,
    encoding: EncodingSpec,
    decoding: DecodingSpec,
    *,
    overwrite: bool,
    length: int | None = None,
    load: LoadChain = load_chain,
    option: str = RESUME,
) -> tuple[SegmentJob, Start]:
    """Load what is needed, and try out all that could refuse the output in the end.

    ``option`` is the one that asks for segments.

    Raises:
        UnjoinableError: the file cannot be made in segments.
        ValueError: settings that cannot be.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    check_output(target, overwrite=overwrite, input_path=source)
    check_resumable(source, target, encoding, option)
    with open_reader(source, decoding) as reader:
        check_kept(reader, encoding)
        return _prepare(
            reader,
            target,
            spec,
            encoding,
            decoding,
            overwrite=overwrite,
            length=length,
            load=load,
            option=option,
        )


def _prepare(
    reader: FrameReader,
    target: Path,
    spec: UpscaleSpec,
    encoding: EncodingSpec,
    decoding: DecodingSpec,
    *,
    overwrite: bool,
    length: int | None,
    load: LoadChain,
    option: str,
) -> tuple[SegmentJob, Start]:
    info, source = reader.info, reader.path
    size = choose_size(spec, info)
    chain = load(spec.model, size.scale, domain=spec.domain, weights=spec.weights)
    settings = StageSettings.of(spec, info, chain)
    context = context_frames(chain)
    if length is not None and length < max(2, context):
        raise ValueError(
            f"a segment must have at least {max(2, context)} frames, as many as the networks see "
            f"on one side, got {length}"
        )
    writer = open_writer(
        target,
        output_info(info, size),
        encoding,
        copy_from=source,
        decoding=decoding,
        overwrite=overwrite,
    )
    if not isinstance(writer, VideoWriter):
        raise UnjoinableError(f"{option} writes video files, not {target}")
    writer.discard()
    check_joinable(writer.plan, option)
    start = Start.of_clip(chain, settings, reader, writer, decoding, size=size.sides)
    job = SegmentJob(
        source=source,
        target=target,
        spec=spec,
        encoding=encoding,
        decoding=decoding,
        chain=chain,
        settings=settings,
        info=info,
        size=size,
        written=writer.info,
        plan=writer.plan,
        length=length or segment_length(chain, settings, info, size),
    )
    return job, start


def fingerprint(job: SegmentJob, digest: str) -> dict[str, str]:
    """All that the packets of segments depend on, by the words of the command line.

    What is written once, at the end, may change: other streams and tags. So may ``--tolerate``:
    segments that are complete had no more damage than was tolerated. ``digest`` is the SHA-256 of
    the source.
    """
    spec, plan = job.spec, job.plan
    options = {f"codec option {name}": value for name, value in plan.options.items()}
    return {
        "input": digest,
        "vsr": __version__,
        "torch": torch.__version__,
        "model": f"{chain_name(job.chain)} x{job.chain.scale}",
        "weights": " ".join(stage.sha256 or "none" for stage in job.chain.stages),
        "device": job.settings.device.type,
        "precision": precision_name(job.settings.precision),
        "size": f"{job.size.width}x{job.size.height}",
        "chroma": spec.chroma,
        "scene-threshold": str(spec.scene_threshold),
        "consistency": str(spec.consistency),
        "batch-size": str(spec.batch_size),
        "tile": str(spec.tile),
        "start": str(job.decoding.start_s),
        "end": str(job.decoding.end_s),
        "deinterlace": job.decoding.deinterlace,
        "codec": str(plan),
        **options,
        "segment-frames": str(job.length),
    }


def complete_segments(work: WorkFolder) -> list[StoredSegment]:
    """All segments in their order, looked at once more: each begins where the one before ends.

    Raises:
        OutputError: one is missing or damaged.
    """
    found = work.segments()
    segments = [found[number] for number in sorted(found)]
    ends = [segment.record.is_last for segment in segments]
    numbers = [segment.record.number for segment in segments]
    if True not in ends or numbers[: ends.index(True) + 1] != [*range(ends.index(True) + 1)]:
        raise OutputError(f"segments in {work.path} are missing or damaged; call again")
    return segments[: ends.index(True) + 1]


def count_cuts(job: SegmentJob, segments: Sequence[StoredSegment]) -> int | None:
    """The scene cuts in all segments; None if none were looked for."""
    if not job.settings.scene_threshold:
        return None
    return sum(segment.record.scene_cuts for segment in segments)


def join_segments(job: SegmentJob, segments: Sequence[StoredSegment], *, overwrite: bool) -> None:
    """Write the output: the packets of the segments, and all that the source has beside them.

    Raises:
        VsrError: the file or the disk does not play along, or the segments do not fit.
    """
    with open_writer(
        job.target,
        output_info(job.info, job.size),
        job.encoding,
        copy_from=job.source,
        decoding=job.decoding,
        overwrite=overwrite,
        make_packets=partial(StoredPackets, segments=segments),
    ) as writer:
        for segment in segments:
            for pts, duration in segment.record.times:
                writer.write(Frame((), pts=pts, duration=duration))
