"""Write a video file: frames in order of presentation, beside the streams of their source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError, VsrError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import check_milliseconds
from vsr_cli.media.containers import open_container, open_output, reporting_output
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.streams.copier import StreamCopier, check_streams
from vsr_cli.media.streams.metadata import clean_tags
from vsr_cli.media.streams.plan import plan_streams
from vsr_cli.media.video.codecs import MILLISECOND_CONTAINERS, check_encoding
from vsr_cli.media.video.encoder import DEFAULT_RATE, FrameEncoder
from vsr_cli.media.video.matroska import TrackEntries
from vsr_cli.specs import DecodingSpec, EncodingSpec


class VideoWriter:
    """Encodes frames into a hidden file that becomes the target when it is complete.

    A ``FrameWriter``: leave its context without error to complete the file, with an error to
    remove it. Every error of the encoder or the disk is an ``OutputError``.

    Attributes:
        warnings: what is not carried over or not kept; complete before the first frame.
        frames_written: frames given to the encoder; the last one when the context is left.
        packets_written: pictures that the encoder gave back.
    """

    def __init__(
        self,
        path: Path,
        info: ClipInfo,
        encoding: EncodingSpec,
        *,
        copy_from: Path | None,
        decoding: DecodingSpec,
        overwrite: bool,
    ) -> None:
        self._plan = plan = check_encoding(path, encoding, info)
        self.path = path
        self.info = info
        self.warnings = list(plan.warnings)
        self.frames_written = 0
        self.packets_written = 0
        self._is_cut = decoding.is_cut
        self._entries = TrackEntries()
        self._shift = 0  # ticks taken off every pts
        self._held: Frame | None = None  # its duration is known when the next frame comes
        self._last_duration = 0  # ticks; of the last frame that was encoded
        self._end: int | None = None  # tick at which it ends
        self._rest: Iterator[Packet[VideoStream]] | None = None  # after the last frame
        self._is_closed = False
        self._keep_partial = encoding.keep_partial
        self._streams = plan_streams(
            copy_from, plan.container, info=info, encoding=encoding, decoding=decoding
        )
        self._copier: StreamCopier | None = None
        self._pending = PendingFile(path, overwrite=overwrite)
        self._container = self._open(plan.container)
        try:
            with reporting_output(self.path, str(plan)):
                self._encoder = FrameEncoder(self._container, info, plan)
                self._copier = self._copy_streams()
                self._reserve_shape()
                self._container.start_encoding()
        except BaseException:
            self._abort()
            raise

    def write(self, frame: Frame) -> None:
        """Encode one frame, and copy what is to be heard before it.

        ``frame.planes`` are CPU tensors of the clip's pixel format, contiguous or not.

        Raises:
            OutputError: the encoder failed, or the disk is full.
            ValueError: the planes are not those of the clip's pixel format and size.
        """
        if self._held is None:
            self._shift = frame.pts if self._is_cut else 0
            if self._copier is not None:
                self._copier.start(self._seconds(frame.pts))
        else:
            if frame.pts <= self._held.pts:
                raise ValueError(f"pts must increase, got {frame.pts} after {self._held.pts}")
            if self._plan.container in MILLISECOND_CONTAINERS:
                check_milliseconds(
                    self._seconds(self._held.pts), self._seconds(frame.pts), self.path
                )
            self._encode(self._held, duration=frame.pts - self._held.pts)
        self._held = frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abort(error)
            return
        try:
            self._complete()
        except BaseException as failure:
            self._abort(failure)
            raise

    def _open(self, container: str) -> OutputContainer:
        try:
            with reporting_output(self.path, "anything"):
                return open_output(self._pending.path, container, time_base=self.info.time_base)
        except BaseException:
            if self._streams is not None:
                self._streams.close()
            raise

    def _copy_streams(self) -> StreamCopier | None:
        if self._streams is None:
            self._container.metadata.update(clean_tags(self.info.metadata))
            return None
        self.warnings += self._streams.warnings
        return StreamCopier(self._streams, self._container, self._encoder.stream, self._entries)

    def _encode(self, frame: Frame, *, duration: int, is_key: bool = False) -> None:
        placed = replace(frame, pts=frame.pts - self._shift, duration=duration)
        self._end = frame.pts + duration
        with reporting_output(self.path, "video"):
            self._mux(self._encoder.encode(placed, is_key=is_key))
            self.frames_written += 1
            self._last_duration = duration
            if self._copier is not None:
                self._copier.advance(self._seconds(frame.pts))

    def _encode_last(self, frame: Frame) -> Fraction:
        """Encode the last frame; returns where it ends on the source's timeline, in seconds.

        An MP4 keeps the duration of the frame that is decoded last. Where it matters, that is made
        the one that is shown last: no picture is decoded after a key frame but shown before it.
        """
        rate = self.info.frame_rate or DEFAULT_RATE
        usual = self._last_duration or max(1, round(1 / (rate * self.info.time_base)))
        duration = frame.duration or usual
        self._encode(frame, duration=duration, is_key=duration != usual)
        return self._seconds(frame.pts + duration)

    def _mux(self, packets: Iterator[Packet[VideoStream]]) -> None:
        # No call between a packet's arrival and its writing: an interrupt there would lose it.
        for packet in packets:
            self.packets_written += 1
            packet.stream = self._encoder.stream
            self._container.mux(packet)

    def _drain(self) -> None:
        """Write what the encoder still holds; goes on where an interrupt has stopped it."""
        self._rest = self._rest or self._encoder.flush()
        self._mux(self._rest)

    def _complete(self) -> None:
        """Write what the encoder and the source still hold, count, and rename."""
        if self._held is None:
            raise OutputError(f"no frame was given to write to {self.path}")
        end_s = self._encode_last(self._held)
        with reporting_output(self.path, "the end of the file"):
            self._drain()
            if self._copier is not None:
                self._copier.finish(end_s)
            self._container.close()
        self._is_closed = True
        self._complete_entries()
        if self.packets_written != self.frames_written:
            raise OutputError(
                f"{self.path} would hold {self.packets_written} of {self.frames_written} frames; "
                "the encoder lost some, try another --codec"
            )
        check_streams(self._pending.path, self._copier)
        self._close()
        self._pending.commit()

    def _reserve_shape(self) -> None:
        """Make room for the shape of the pixels where the muxer would not hear of it."""
        shape = self.info.sample_aspect_ratio
        if self._plan.container in MILLISECOND_CONTAINERS and shape not in (None, 1):
            aspect = Fraction(shape or 1) * Fraction(self._plan.width, self._plan.height)
            self._entries.reserve(self._encoder.stream, aspect=aspect)

    def _complete_entries(self) -> None:
        """Write into the complete file what its muxer was not told."""
        try:
            if self._copier is None:
                self._entries.write(self._pending.path)
            else:
                self._copier.complete_entries(self._pending.path)
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise OutputError(
                f"cannot write the end of {self.path}: {reason}; try another disk"
            ) from error

    def _abort(self, error: BaseException | None = None) -> None:
        """Close and remove the hidden file, or keep what is complete: ``error`` is told where."""
        try:
            if error is not None and self._keep_partial and self._held is not None:
                with contextlib.suppress(VsrError):  # there is nothing to keep, or no room
                    self._finish_partial(self._held)
                    kept = self._pending.keep()
                    error.add_note(f"{self.packets_written} frames are kept in {kept}")
            with contextlib.suppress(av.error.FFmpegError):
                self._close()
        finally:
            self._pending.discard()

    def _finish_partial(self, held: Frame) -> None:
        """Complete the file with the frames so far; an interrupt may have come at any place."""
        if self._is_closed:
            return
        if self._end is None or held.pts >= self._end:
            self._encode_last(held)
        with reporting_output(self.path, "the part that is complete"):
            self._drain()
            if self._copier is not None and self._end is not None:
                self._copier.advance(self._seconds(self._end))
            self._container.close()
        self._complete_entries()
        open_container(self._pending.path).close()  # on a full disk it has no index

    def _close(self) -> None:
        if self._streams is not None:
            self._streams.close()
        self._container.close()

    def _seconds(self, tick: int) -> Fraction:
        return tick * self.info.time_base
