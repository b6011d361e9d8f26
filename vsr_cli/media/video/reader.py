"""Read a video file: one frame after the other, as its decoded planes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self

import av

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import FrameClock, cut_tick, stated, stated_rate, timeline_start
from vsr_cli.media.containers import MATROSKA_DEMUXER
from vsr_cli.media.cuts import nothing_between
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import PictureConverter, matches, read_planes
from vsr_cli.media.pixels.tags import clip_matrix, read_color, read_display_matrix
from vsr_cli.media.streams.inventory import lost_from_pipe, read_loop
from vsr_cli.media.video.chroma_location import read_chroma_location
from vsr_cli.media.video.deinterlace import Deinterlacer
from vsr_cli.media.video.hdr import read_hdr
from vsr_cli.media.video.source import PictureSource
from vsr_cli.specs import DecodingSpec

_log = logging.getLogger(__name__)
_MICROSECONDS = 1_000_000
_ANIMATIONS = frozenset({"gif", "apng", "webp_pipe", "png_pipe"})  # FFmpeg's names


class VideoReader:
    """The frames of a video file (a ``FrameReader``); a context manager, to be iterated once.

    Times of a cut are seconds on the clip's own timeline, on which the first frame is at 0. A cut
    is exact to the frame, and frames keep the pts that they have in the whole file.

    The first picture is decoded on opening: the size, format and colour that a file promises are
    not always those that it holds. A frame lasts until the next one; the last one as long as the
    file says.

    Attributes:
        frames_read: frames handed out so far.
        packets_read: packets that were read and are not to be discarded. Some formats have packets
            that show nothing (VP8's alternate references) or half a picture (H.264 fields).
        lost: what else a pipe holds, one line.
        warnings: one line each; complete when the last frame was handed out.
    """

    def __init__(
        self,
        path: Path,
        decoding: DecodingSpec,
        *,
        first_pts: int | None = None,
        is_sought: bool = True,
    ) -> None:
        """``first_pts`` is a tick before which frames are left out; ``is_sought``: not decoded."""
        self.path = path
        self.warnings: list[str] = []
        self.frames_read = 0
        self.lost: tuple[str, ...] = ()
        self._converter = PictureConverter()
        limits = {"tolerate": decoding.tolerate, "max_pixels": decoding.max_pixels}
        self._source = PictureSource(path, **limits, hwaccel=decoding.hwaccel)
        try:
            self._deinterlacer = Deinterlacer(decoding.deinterlace, path)
            pictures = self._source.pictures()
            first = next(pictures, None)
            if first is None:
                raise InputError(f"{path}: no frame could be decoded; try copying it again")
            self._info = self._describe(first)
            self.lost = lost_from_pipe(path, self._source.container, self._source.stream)
            self.warnings += (*self._source.device_notes, *self.lost)
            self._clock = self._make_clock()
            self._clock.has_pts = self._source.has_pts
            origin, _ = self._clock.stamp(first)
            self._clock.restart()
            start = origin + self._ticks(decoding.start_s or 0)
            self._first_tick = start if first_pts is None else max(start, first_pts)
            self._end_tick = (
                None if decoding.end_s is None else origin + self._ticks(decoding.end_s)
            )
            is_late = bool(decoding.start_s) or first_pts is not None
            go = is_late and is_sought and not is_pipe(path)
            pictures = self._go_to_start() if go else chain([first], pictures)
            self._pictures = self._deinterlacer.run(pictures)
        except BaseException:
            self._source.close()
            raise

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip; of the whole file, also where a cut was asked for."""
        return self._info

    @property
    def packets_read(self) -> int:
        return self._source.packets_read

    @property
    def coded_size(self) -> tuple[int, int]:
        """Width and height as coded, with the edges that are cut off before a frame is shown."""
        context = self._source.stream.codec_context
        return context.coded_width, context.coded_height

    def __iter__(self) -> Iterator[Frame]:
        held: Frame | None = None
        for picture in self._pictures:
            pts, duration = self._clock.stamp(picture)
            if held is not None:
                # Not what its packet says: with B-frames an MP4 states the time between decodings.
                self.frames_read += 1
                yield replace(held, duration=pts - held.pts)
                held = None
            if self._end_tick is not None and pts >= self._end_tick:
                break
            if pts >= self._first_tick:
                if not self.frames_read:
                    self._deinterlacer.restart_count()
                held = self._make_frame(picture, pts, duration)
        if held is not None:
            self.frames_read += 1
            yield replace(held, duration=self._last_duration(held))
        self._note_times()
        if note := self._deinterlacer.note(self._source.stream.codec_context):
            self._warn(note)
        self._check_complete()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._source.close()

    def _make_frame(self, picture: av.VideoFrame, pts: int, duration: int) -> Frame:
        info = self._info
        if not matches(
            picture, width=info.width, height=info.height, pixel_format=info.pixel_format
        ):
            raise InputError(
                f"{self.path}: the picture changes from {info.width}x{info.height} "
                f"{info.pixel_format.name} to {picture.width}x{picture.height} "
                f"{picture.format.name} at frame {self.frames_read}; "
                "try splitting the clip there, or converting it to one size first"
            )
        planes = read_planes(picture, info.pixel_format, self._converter)
        return Frame(planes, pts=pts, duration=duration)

    def _describe(self, picture: av.VideoFrame) -> ClipInfo:
        stream, container = self._source.stream, self._source.container
        duration_s = None
        if stream.duration is not None and stream.time_base:
            duration_s = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration_s = container.duration / _MICROSECONDS
            if container.format.name == MATROSKA_DEMUXER and stream.start_time and stream.time_base:
                # It states where the clip ends, not how long it is.
                duration_s -= float(stream.start_time * stream.time_base)
        pixel_format = require_planar(picture.format.name)
        color = replace(
            read_color(picture, stream.codec_context),
            chroma_location=read_chroma_location(stream, pixel_format),
        )
        is_animation = container.format.name in _ANIMATIONS
        return ClipInfo(
            width=picture.width,
            height=picture.height,
            pixel_format=pixel_format,
            time_base=Fraction(stream.time_base or Fraction(1, _MICROSECONDS)),
            color=color,
            frame_rate=stated_rate(stream, is_animation=is_animation),
            sample_aspect_ratio=stated(stream.sample_aspect_ratio)
            or stated(stream.codec_context.sample_aspect_ratio),
            display_matrix=read_display_matrix(picture),
            num_frames=stream.frames or None,
            duration_s=duration_s,
            metadata=dict(container.metadata),
            hdr=read_hdr(picture),
            matrix=clip_matrix(color, height=picture.height),
            origin="pictures" if is_animation else "video",
            loop=read_loop(self.path, container),
        )

    def _make_clock(self) -> FrameClock:
        info = self._info
        shift = round(timeline_start(self._source.container) / info.time_base)
        return FrameClock(time_base=info.time_base, frame_rate=info.frame_rate, shift=shift)

    def _ticks(self, seconds: float) -> int:
        return cut_tick(seconds, time_base=self._info.time_base)

    def _go_to_start(self) -> Iterator[av.VideoFrame]:
        """Pictures from a key frame before the cut; from the start of the file if need be."""
        shift = round(timeline_start(self._source.container) / self._info.time_base)
        for tick in (self._first_tick, self._first_tick - 1):
            if not (self._clock.has_pts and self._source.seek(tick + shift)):
                break
            pictures = self._source.pictures()
            first = next(pictures, None)
            if first is None or first.pts is None:
                break
            # What is deinterlaced needs a neighbour before it: a key frame that is earlier.
            last_tick = self._first_tick - self._deinterlacer.changes(first)
            if first.pts - shift <= last_tick:
                return chain([first], pictures)
        self._source.close()
        before, hwaccel = self._source, self._source.device or "none"
        self._source = PictureSource(self.path, tolerate=before.tolerate, hwaccel=hwaccel)
        return self._source.pictures()

    def _last_duration(self, frame: Frame) -> int:
        """Ticks of the last frame; it also takes the place of damaged ones that came after it."""
        end = self._source.end_tick
        if end is None or not self._source.damage.num_packets:
            return frame.duration
        end -= self._clock.shift
        if self._end_tick is not None:
            end = min(end, self._end_tick)
        return max(frame.duration, end - frame.pts)

    def _note_times(self) -> None:
        clock = self._clock
        if clock.num_derived:
            self._warn(f"no timestamp on frames: {clock.num_derived}; derived from the others")
        if clock.num_moved:
            self._warn(f"{clock.num_moved} frames have a timestamp not after the one before; moved")

    def _check_complete(self) -> None:
        for note in self._source.notes():
            self._warn(note)
        if not self.frames_read:
            raise nothing_between(self.path, self.info.duration_s)

    def _warn(self, message: str) -> None:
        self.warnings.append(message)
        _log.debug("%s: %s", self.path, message)
