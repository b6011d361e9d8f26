"""Frames into segments: each encoded by an encoder of its own, which knows nothing of the others.

The first picture of an encoder is a key frame that shows all, and none of its pictures leans on one
of another encoder: so segments are closed groups of pictures, and can follow one another.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import check_order
from vsr_cli.media.containers import reporting_output
from vsr_cli.media.segments.packets import FrameMark, PacketFile, SegmentRecord
from vsr_cli.media.video.codecs import MILLISECOND_CONTAINERS, EncoderPlan
from vsr_cli.media.video.encoder import FrameEncoder, last_duration
from vsr_cli.media.video.scheduling import ordinary_scheduling


@dataclass(frozen=True, slots=True)
class SourceMarks:
    """The frames of the source by which a segment's place is found again."""

    head: FrameMark
    tail: tuple[FrameMark, ...]


class SegmentWriter:
    """Encodes frames in order of presentation into one file for every ``length`` of them.

    A file has its name when it is complete and counted. Leave the context to remove what is not.

    Attributes:
        records: of the segments that are complete, in order.
    """

    def __init__(
        self,
        target: Path,
        info: ClipInfo,
        plan: EncoderPlan,
        *,
        length: int,
        number: int,
        place: Callable[[int], Path],
        marks: Callable[[int, int], SourceMarks],
        extradata: str | None = None,
    ) -> None:
        """The writer of the segments from ``number`` on.

        Args:
            target: the file that they are for, to be named in errors.
            info: the frames as they are written.
            plan: how they are encoded.
            length: frames of a segment.
            number: of the first segment.
            place: the file of a segment, by its number.
            marks: those of the frames from the first number to before the second one.
            extradata: the header of the segment before the first one, where it is known.
        """
        self.records: list[SegmentRecord] = []
        self._target, self._info, self._plan = target, info, plan
        self._length, self._number, self._place, self._marks = length, number, place, marks
        self._held: Frame | None = None  # its duration is known when the next one comes
        self._last_duration = 0
        self._shot = 0  # of the frame before the segment's first
        self._skipped: Frame | None = None
        self._extradata = extradata
        self._segment: _Segment | None = None

    def skip(self, frame: Frame) -> None:
        """See a frame that comes before the first one."""
        self._shot, self._skipped = frame.shot, frame

    def write(self, frame: Frame) -> None:
        """Encode the frame before this one.

        Raises:
            OutputError: the encoder failed, or the disk is full.
            ValueError: the frame does not come after the one before it.
        """
        if self._held is not None:
            check_order(
                self._held.pts,
                frame.pts,
                time_base=self._info.time_base,
                has_milliseconds=self._plan.container in MILLISECOND_CONTAINERS,
                path=self._target,
            )
            self._encode(self._held, frame.pts - self._held.pts)
        elif self._skipped is not None:
            self._last_duration = frame.pts - self._skipped.pts
        self._held = frame

    def finish(self, *, is_last: bool, next_pts: int | None = None) -> None:
        """Encode the frame that is held, and complete the segment; ``is_last`` ends the clip.

        ``next_pts`` is the time of the frame that follows, in a segment that is not written here.

        Raises:
            OutputError: the encoder or the disk fails, or there is no frame.
        """
        if self._held is None:
            raise OutputError(f"no frame was given to write to {self._target}")
        duration, is_key = self._held.duration, False
        if next_pts is not None:
            duration = next_pts - self._held.pts
        elif is_last:
            duration, is_key = last_duration(self._held, self._last_duration, self._info)
        self._encode(self._held, duration, is_key=is_key, is_last=is_last)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._segment is not None:
            self._segment.discard()

    def _encode(
        self, frame: Frame, duration: int, *, is_key: bool = False, is_last: bool = False
    ) -> None:
        with reporting_output(self._target, str(self._plan)):
            if self._segment is None:
                path = self._place(self._number)
                self._segment = _Segment(path, self._info, self._plan, frame.pts)
                self._check_extradata(self._segment.extradata)
            segment = self._segment
            segment.encode(replace(frame, duration=duration), is_key=is_key)
            self._last_duration = duration
            if len(segment.times) == self._length or is_last:
                self._complete(segment, frame, is_last=is_last)

    def _complete(self, segment: _Segment, last: Frame, *, is_last: bool) -> None:
        first = self._number * self._length
        marks = self._marks(first, first + len(segment.times))
        record = segment.complete(
            number=self._number,
            marks=marks,
            scene_cuts=last.shot - self._shot,
            is_last=is_last,
        )
        self._segment = None
        self._shot = last.shot
        self._number += 1
        self.records.append(record)

    def _check_extradata(self, extradata: str) -> None:
        """Refuse to go on where what comes could not be joined to what is there."""
        if self._extradata is not None and extradata != self._extradata:
            raise OutputError(
                f"{self._plan.codec} gives another header for each segment, so that they cannot be "
                "joined; take one device without --resume, or another --codec"
            )
        self._extradata = extradata


class _Segment:
    """One encoder and the file that its packets go to."""

    def __init__(self, path: Path, info: ClipInfo, plan: EncoderPlan, origin: int) -> None:
        self._path = path
        # Two workers may make one segment, where one of them was taken for dead.
        self._part = path.with_suffix(f".{os.uname().nodename}.{os.getpid()}.part")
        self._info, self._plan, self._origin = info, plan, origin
        self.times: list[tuple[int, int]] = []
        self._packets: list[tuple[int, int, int, bool]] = []
        # What an encoder is told depends on the container, into which nothing is written here.
        self._container = av.open(BytesIO(), "w", format=plan.container)
        try:
            self._encoder = FrameEncoder(self._container, info, plan)
            with ordinary_scheduling():
                self._encoder.stream.codec_context.open()
            self._file = PacketFile(self._part)
        except BaseException:
            self._container.close()
            raise

    @property
    def extradata(self) -> str:
        return bytes(self._encoder.stream.codec_context.extradata or b"").hex()

    def encode(self, frame: Frame, *, is_key: bool) -> None:
        self.times.append((frame.pts, frame.duration))
        placed = replace(frame, pts=frame.pts - self._origin)
        self._store(self._encoder.encode(placed, is_key=is_key))

    def complete(
        self, *, number: int, marks: SourceMarks, scene_cuts: int, is_last: bool
    ) -> SegmentRecord:
        """Write what the encoder still holds, count, and give the file its name."""
        extradata = self.extradata
        self._store(self._encoder.flush())
        self._check()
        record = SegmentRecord(
            number=number,
            extradata=extradata,
            times=tuple(self.times),
            packets=tuple(self._packets),
            scene_cuts=scene_cuts,
            head=marks.head,
            tail=marks.tail,
            is_last=is_last,
        )
        self._file.finish(record)
        self._container.close()
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self._part, self._path)
        return record

    def discard(self) -> None:
        """Remove the file that is not complete."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()
        with contextlib.suppress(av.error.FFmpegError):
            self._container.close()
        self._part.unlink(missing_ok=True)

    def _store(self, packets: Iterator[Packet[VideoStream]]) -> None:
        for packet in packets:
            scale = packet.time_base / self._info.time_base
            dts = packet.pts if packet.dts is None else packet.dts
            pts, dts, duration = (
                round((tick or 0) * scale) for tick in (packet.pts, dts, packet.duration)
            )
            times = pts + self._origin, dts + self._origin, duration
            self._packets.append((*times, packet.is_keyframe))
            self._file.add(packet)

    def _check(self) -> None:
        shown = sorted(pts for pts, *_ in self._packets)
        if shown != [pts for pts, _ in self.times]:
            raise OutputError(
                f"{self._plan.codec} gave {len(shown)} pictures for {len(self.times)} frames, or "
                "at other times, so that its segments cannot be joined; take one device "
                "without --resume, or another --codec"
            )
        if not self._packets[0][3]:
            raise OutputError(f"{self._plan.codec} does not begin with a key frame")
