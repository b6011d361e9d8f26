"""One look at a whole clip, so that each of its segments can be made anywhere, in any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from vsr_cli.errors import InputError
from vsr_cli.media import VideoReader
from vsr_cli.media.segments.packets import FrameMark
from vsr_cli.media.segments.survey import Border, Survey
from vsr_cli.pipeline.segments.job import SegmentJob
from vsr_cli.pipeline.segments.marks import mark
from vsr_cli.pipeline.segments.plan import Stretch


def survey_source(
    job: SegmentJob,
    on_frame: Callable[[], None],
    on_border: Callable[[Border], None] = lambda border: None,
) -> Survey:
    """Decode the source once and mark the frames at the borders of its segments.

    Packets alone would not do: some show nothing, and their times are not always those of frames.
    ``on_frame`` is called for each frame, ``on_border`` where a segment begins.

    Raises:
        InputError: the file is damaged, or holds no frames.
    """
    length, context = job.length, job.context
    borders: list[Border] = []
    recent: deque[FrameMark] = deque(maxlen=context)
    num_frames = 0
    with VideoReader(job.source, job.decoding) as reader:
        for num_frames, frame in enumerate(reader, start=1):
            place = (num_frames - 1) % length
            if not place:
                borders.append(Border(head=mark(frame), context=tuple(recent)))
                on_border(borders[-1])
            if place >= length - context:
                recent.append(mark(frame))
            on_frame()
    if not num_frames:
        raise InputError(f"{job.source} has no frames")
    return Survey(frames=num_frames, borders=tuple(borders))


def surveyed_stretch(borders: Sequence[Border], number: int) -> Stretch:
    """One segment by itself, in its place as a survey found it; the last one ends the clip."""
    is_last = number + 1 == len(borders)
    return Stretch(
        first=number,
        end=None if is_last else number + 1,
        context=borders[number].context,
        head=None if is_last else borders[number + 1].head,
    )
