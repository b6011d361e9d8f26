"""Write a video file: frames in order of presentation, beside the streams of their source."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.codecs import MILLISECOND_CONTAINERS, check_encoding
from vsr_cli.media.containers import open_container, open_output, reporting_output
from vsr_cli.media.encoder import DEFAULT_RATE, FrameEncoder
from vsr_cli.media.matroska import reserve_shape, write_shape
from vsr_cli.media.metadata import clean_tags
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.stream_plan import plan_streams
from vsr_cli.media.streams import StreamCopier, check_streams
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
        self._title = ""  # of the video
        self._shift = 0  # ticks taken off every pts
        self._held: Frame | None = None  # its duration is known when the next frame comes
        self._last_duration = 0  # ticks; of the last frame that was encoded
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
                if self._keeps_shape_itself:
                    self._title = self._encoder.stream.metadata.get("title", "")
                    reserve_shape(self._encoder.stream)
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
            self._check_tick(self._held.pts, frame.pts)
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
            self._abort()
            return
        try:
            self._complete()
        except BaseException:
            self._abort()
            raise

    def _check_tick(self, before: int, now: int) -> None:
        """Refuse two frames that the container's clock cannot tell apart."""
        if self._plan.container not in MILLISECOND_CONTAINERS:
            return
        if round(self._seconds(before) * 1000) == round(self._seconds(now) * 1000):
            raise OutputError(
                f"frames at {float(self._seconds(before)):.6f} s and "
                f"{float(self._seconds(now)):.6f} s fall on one millisecond, the only times that a "
                f"{self.path.suffix} file keeps; write an .mp4 or .mov file"
            )

    def _open(self, container: str) -> OutputContainer:
        options = {} if self._streams is None else self._streams.options
        try:
            with reporting_output(self.path, "anything"):
                return open_output(
                    self._pending.path, container, time_base=self.info.time_base, more=options
                )
        except BaseException:
            if self._streams is not None:
                self._streams.close()
            raise

    def _copy_streams(self) -> StreamCopier | None:
        if self._streams is None:
            self._container.metadata.update(clean_tags(self.info.metadata))
            return None
        copier = StreamCopier(self._streams, self._container, self._encoder.stream)
        self.warnings += [*self._streams.warnings, *copier.warnings]
        return copier

    def _encode(self, frame: Frame, *, duration: int, is_key: bool = False) -> None:
        placed = replace(frame, pts=frame.pts - self._shift, duration=duration)
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

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            self._container.mux(packet)
            self.packets_written += 1

    def _complete(self) -> None:
        """Write what the encoder and the source still hold, count, and rename."""
        if self._held is None:
            raise OutputError(f"no frame was given to write to {self.path}")
        end_s = self._encode_last(self._held)
        with reporting_output(self.path, "the end of the file"):
            self._mux(self._encoder.flush())
            if self._copier is not None:
                self._copier.finish(end_s)
            self._container.close()
        self._write_shape()
        if self.packets_written != self.frames_written:
            raise OutputError(
                f"{self.path} would hold {self.packets_written} of {self.frames_written} frames; "
                "the encoder lost some, try another --codec"
            )
        self._check_streams()
        self._close()
        self._pending.commit()

    @property
    def _keeps_shape_itself(self) -> bool:
        """True where the container would not hear of the shape of the pixels."""
        shape = self.info.sample_aspect_ratio
        return self._plan.container in ("matroska", "webm") and shape not in (None, 1)

    def _write_shape(self) -> None:
        shape = self.info.sample_aspect_ratio
        if shape is not None and self._keeps_shape_itself:
            size = {"width": self._plan.width, "height": self._plan.height}
            write_shape(self._pending.path, shape, title=self._title, **size)

    def _check_streams(self) -> None:
        """Open the file once more: a player must find every stream in it."""
        try:
            with open_container(self._pending.path) as written:
                check_streams(written, self._copier)
        except InputError as error:
            raise OutputError(f"{self.path} could not be read after it was written") from error

    def _abort(self) -> None:
        """Close and remove the hidden file; the error that led here is the one to be reported."""
        try:
            with contextlib.suppress(av.error.FFmpegError):
                self._close()
        finally:
            self._pending.discard()

    def _close(self) -> None:
        if self._streams is not None:
            self._streams.close()
        self._container.close()

    def _seconds(self, tick: int) -> Fraction:
        return tick * self.info.time_base
