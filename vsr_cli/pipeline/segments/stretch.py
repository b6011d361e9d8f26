"""The street for a stretch of segments: from the middle of a clip, into files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain as chained
from itertools import islice
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import VideoReader
from vsr_cli.media.segments.packets import FrameMark, SegmentRecord
from vsr_cli.media.segments.writer import SegmentWriter
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.report import Listener
from vsr_cli.pipeline.segments.job import SegmentJob
from vsr_cli.pipeline.segments.marks import MarkBook, mark
from vsr_cli.pipeline.segments.plan import Stretch
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.stages import run_stages
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.pipeline.video import PREFETCH_FRAMES, check_complete
from vsr_cli.specs import DecodingSpec


def run_stretch(
    job: SegmentJob,
    stretch: Stretch,
    place: Callable[[int], Path],
    *,
    watch: Stopwatch,
    listener: Listener,
) -> list[str]:
    """Make segments in a row, each in the file that ``place`` names; returns the reader's warnings.

    Nothing is computed twice at the borders between them: frames pass the networks in one stream,
    which is cut behind these. At both ends of it are frames of context, whose results are dropped.

    Raises:
        InputError: the source does not give the frames that it gave before.
        OutputError: the encoder or the disk fails.
    """
    context, length = job.context, job.length
    start = stretch.first * length - len(stretch.context)
    end, next_pts = stretch.end_frame(length), None
    book = MarkBook(length, context)
    with ExitStack() as stack:
        reader, frames = open_at(job.source, job.decoding, stretch.context)
        stack.callback(reader.close)
        if end is not None:
            frames = islice(frames, end + context - start)
        read = book.watch(frames, start, stretch)
        decoded = stack.enter_context(prefetch(watch.each("decode", read), PREFETCH_FRAMES))
        writer = stack.enter_context(_open_writer(job, stretch, place, book))
        results = watch.each("model", _upscale(job, watch.each("wait", decoded)))
        finished = stack.enter_context(prefetch(results, PREFETCH_FRAMES))
        number = start
        for number, frame in enumerate(finished, start):
            if number < stretch.first * length:
                writer.skip(frame)
            elif end is None or number < end:
                with watch.block("encode"):
                    writer.write(frame)
                listener.on_frame(number + 1)
            elif number == end:
                next_pts = frame.pts
        with watch.block("encode"):
            writer.finish(is_last=end is None, next_pts=next_pts)
        check_complete(number + 1 - start, reader)
        _check_segments(writer.records, stretch, reader.path)
    return reader.warnings


def open_at(
    source: Path, decoding: DecodingSpec, marks: tuple[FrameMark, ...]
) -> tuple[VideoReader, Iterator[Frame]]:
    """A reader and its frames from the first of ``marks`` on; without marks from the clip's first.

    It decodes from the key frame before. What comes out is compared with the marks: where seeking
    is not exact, or pictures refresh little by little, all is decoded from the start of the file.
    So it is where damage is tolerated, which has to be counted.

    Raises:
        InputError: the file gives other frames than before.
    """
    if not marks:
        reader = VideoReader(source, decoding)
        return reader, iter(reader)
    for is_sought in (False,) if decoding.tolerate else (True, False):
        with ExitStack() as stack:
            # A file may only seem damaged where decoding does not begin at its start.
            if is_sought:
                stack.enter_context(suppress(InputError))
            reader = VideoReader(source, decoding, first_pts=marks[0].pts, is_sought=is_sought)
            stack.callback(reader.close)
            frames = iter(reader)
            head = list(islice(frames, len(marks)))
            if tuple(map(mark, head)) == marks:
                stack.pop_all()
                return reader, chained(head, frames)
    raise InputError(
        f"{source} does not give the frames that it gave before, at tick {marks[0].pts}; "
        "its decoder may have changed: remove the work folder to begin anew"
    )


def _open_writer(
    job: SegmentJob, stretch: Stretch, place: Callable[[int], Path], book: MarkBook
) -> SegmentWriter:
    return SegmentWriter(
        job.target,
        job.written,
        job.plan,
        length=job.length,
        number=stretch.first,
        place=place,
        marks=book.take,
        extradata=stretch.extradata,
    )


def _upscale(job: SegmentJob, frames: Iterator[Frame]) -> Iterator[Frame]:
    marked = mark_shots(frames, job.settings.pixel_format, job.settings.scene_threshold)
    return run_stages(marked, job.chain, job.settings, job.info, job.size)


def _check_segments(records: list[SegmentRecord], stretch: Stretch, path: Path) -> None:
    """A stretch that ends before a known segment has all frames up to it."""
    if stretch.end is not None and len(records) != stretch.end - stretch.first:
        raise InputError(f"{path} ends before the segments that are there; did it change?")
