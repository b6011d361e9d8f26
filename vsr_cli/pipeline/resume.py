"""Upscale in segments: what is finished stays finished, whatever ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.frames import Frame, FrameReader
from vsr_cli.media import VideoWriter, check_output, open_reader, open_writer
from vsr_cli.media.segments.joining import StoredPackets, StoredSegment
from vsr_cli.media.segments.work_folder import WorkFolder
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.report import Listener, Start, Stopwatch, UpscaleReport
from vsr_cli.pipeline.resumable import check_joinable, check_resumable, fingerprint
from vsr_cli.pipeline.segments import context_frames, missing_stretches, segment_length
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import choose_size, output_info
from vsr_cli.pipeline.stretch import SegmentJob, run_stretch
from vsr_cli.pipeline.video import check_kept
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeReport(UpscaleReport):
    """One file that was upscaled in segments."""

    segments: int = 0
    frames_kept: int = 0  # of an earlier run; not in ``fps``


def resume_video(
    source: Path,
    target: Path,
    spec: UpscaleSpec | None = None,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    segment_frames: int | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> ResumeReport:
    """Upscale one video file as ``upscale_video`` does, or go on where an earlier call was ended.

    Segments of ``segment_frames`` frames (None: a minute's work, by estimate) are encoded apart and
    wait in a hidden folder beside the target until all are there; then they are joined without
    being encoded again. The frames before encoding are those of ``upscale_video``. Work on another
    input, or with other settings, is not used.

    Raises:
        ValueError: settings that cannot be, or that cannot be resumed.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    spec, encoding = spec or UpscaleSpec(), encoding or EncodingSpec()
    decoding, listener, watch = decoding or DecodingSpec(), listener or Listener(), Stopwatch()
    check_output(target, overwrite=overwrite, input_path=source)
    check_resumable(source, target, encoding)
    with open_reader(source, decoding) as reader:
        check_kept(reader, encoding)
        job, start = _prepare(
            reader, target, spec, encoding, decoding, overwrite=overwrite, length=segment_frames
        )
    with WorkFolder(target, fingerprint(job)) as work, _telling_what_is_kept(work):
        kept = work.segments()
        start = replace(start, warnings=(*start.warnings, *_notes(work, target)))
        listener.on_start(_of_the_rest(start, kept))
        warnings: list[str] = []
        for stretch in missing_stretches({n: s.record for n, s in kept.items()}):
            warnings += run_stretch(job, stretch, work.place, watch=watch, listener=listener)
        segments = _complete(work)
        _join(job, segments, encoding, overwrite=overwrite)
        work.remove()
    return _report(start, watch, segments, kept=_num_frames(kept.values()), warnings=warnings)


def _num_frames(segments: Iterable[StoredSegment]) -> int:
    return sum(len(segment.record.times) for segment in segments)


def _of_the_rest(start: Start, kept: Mapping[int, StoredSegment]) -> Start:
    """The start of what is still to be done, for the display."""
    if start.frames is None:
        return start
    return replace(start, frames=max(0, start.frames - _num_frames(kept.values())))


def _report(
    start: Start,
    watch: Stopwatch,
    segments: Sequence[StoredSegment],
    *,
    kept: int,
    warnings: list[str],
) -> ResumeReport:
    written = _num_frames(segments)
    report = ResumeReport.of(
        start,
        watch,
        frames=(written, written),
        scene_cuts=sum(segment.record.scene_cuts for segment in segments),
        warnings=warnings,
    )
    fps = round((written - kept) / report.seconds, 3)
    return replace(report, fps=fps, segments=len(segments), frames_kept=kept)


def _prepare(
    reader: FrameReader,
    target: Path,
    spec: UpscaleSpec,
    encoding: EncodingSpec,
    decoding: DecodingSpec,
    *,
    overwrite: bool,
    length: int | None,
) -> tuple[SegmentJob, Start]:
    """Load what is needed, and try out all that could refuse the output in the end."""
    info, source = reader.info, reader.path
    size = choose_size(spec, info)
    chain = load_chain(spec.model, size.scale, domain=spec.domain, weights=spec.weights)
    settings = StageSettings.of(spec, info)
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
        raise ValueError(f"--resume writes video files, not {target}")
    writer.discard()
    check_joinable(writer.plan)
    start = Start.of(chain, settings, reader, writer, decoding)
    job = SegmentJob(
        source=source,
        target=target,
        spec=spec,
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


@contextmanager
def _telling_what_is_kept(work: WorkFolder) -> Iterator[None]:
    """Say in an error's line what is kept; remove the folder if that is nothing."""
    try:
        yield
    except BaseException as error:
        if not work.remove_if_empty():
            error.add_note(f"finished segments are kept in {work.path}; the same call goes on")
        raise


def _notes(work: WorkFolder, target: Path) -> list[str]:
    """What the user is to know of earlier work."""
    notes = [f"{path.name} is damaged and is made anew" for path in work.damaged]
    if work.others is not None:
        names, folder = work.others
        notes.append(
            f"the work in {folder} is not used, it has another {', '.join(names)}; it is removed "
            f"when {target.name} is complete"
        )
    return notes


def _complete(work: WorkFolder) -> list[StoredSegment]:
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


def _join(
    job: SegmentJob, segments: Sequence[StoredSegment], encoding: EncodingSpec, *, overwrite: bool
) -> None:
    """Write the output: the packets of the segments, and all that the source has beside them."""
    with open_writer(
        job.target,
        output_info(job.info, job.size),
        encoding,
        copy_from=job.source,
        decoding=job.decoding,
        overwrite=overwrite,
        make_packets=partial(StoredPackets, segments=segments),
    ) as writer:
        for segment in segments:
            for pts, duration in segment.record.times:
                writer.write(Frame((), pts=pts, duration=duration))
