"""Write a video file: frames in order of presentation, beside the streams of their source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError, VsrError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import check_order
from vsr_cli.media.completion import CompletingWriter
from vsr_cli.media.containers import PLACE_HINT, open_output, reporting_output
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.probing.timing import count_readable
from vsr_cli.media.reserve import DiskFullError, DiskReserve
from vsr_cli.media.streams.check import check_streams
from vsr_cli.media.streams.copier import StreamCopier, complete_tracks
from vsr_cli.media.streams.metadata import clean_tags
from vsr_cli.media.streams.plan import plan_streams
from vsr_cli.media.video.codecs import MILLISECOND_CONTAINERS, check_encoding
from vsr_cli.media.video.encoder import FrameEncoder, MakePackets, last_duration
from vsr_cli.media.video.matroska import TrackEntries
from vsr_cli.media.video.scheduling import open_encoders
from vsr_cli.specs import DecodingSpec, EncodingSpec


class VideoWriter(CompletingWriter):
    """Encodes frames into a hidden file that becomes the target when it is complete.

    A ``FrameWriter``: leave its context without error to complete the file, with an error to
    remove it. Every error of the encoder or the disk is an ``OutputError``.

    Attributes:
        plan: how the frames are encoded.
        warnings: what is not carried over or not kept; complete before the first frame.
        frames_written: frames given to the encoder; the last one when the context is left.
        packets_written: pictures that the encoder gave back.
        ends_streams: to be set if the other streams end with the last frame, wherever that is.
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
        make_packets: MakePackets = FrameEncoder,
    ) -> None:
        """``make_packets`` gives the packets of the frames, if they are not to be encoded here."""
        self.plan = plan = check_encoding(path, encoding, info)
        self.path = path
        self.info = info
        self.warnings = list(plan.warnings)
        self.frames_written = self.packets_written = 0
        self.ends_streams = False
        self._num_bytes = 0  # of the packets
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
        self._reserve = DiskReserve(self._pending.path, target=path, packet_size=info.frame_bytes)
        self._container = self._open(plan.container)
        try:
            if encoding.keep_partial:
                self._reserve.take()
            with reporting_output(self.path, str(plan)):
                self._encoder = make_packets(self._container, info, plan)
                self._copier = self._copy_streams()
                self._entries.reserve_shape(self._encoder.stream, plan.container, info)
                open_encoders(self._container)
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
            check_order(
                self._held.pts,
                frame.pts,
                time_base=self.info.time_base,
                has_milliseconds=self.plan.container in MILLISECOND_CONTAINERS,
                path=self.path,
            )
            self._encode(self._held, duration=frame.pts - self._held.pts)
        self._held = frame

    def _open(self, container: str) -> OutputContainer:
        try:
            with reporting_output(self.path, "anything", PLACE_HINT):
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
        self._reserve.check(self._num_bytes)
        placed = replace(frame, pts=frame.pts - self._shift, duration=duration)
        self._end = frame.pts + duration
        with reporting_output(self.path, "video"):
            self._mux(self._encoder.encode(placed, is_key=is_key))
            self.frames_written += 1
            self._last_duration = duration
            if self._copier is not None:
                self._copier.advance(self._seconds(frame.pts))

    def _encode_last(self, frame: Frame) -> Fraction:
        """Encode the last frame; returns where it ends on the source's timeline, in seconds."""
        duration, is_key = last_duration(frame, self._last_duration, self.info)
        self._encode(frame, duration=duration, is_key=is_key)
        return self._seconds(frame.pts + duration)

    def _mux(self, packets: Iterator[Packet[VideoStream]]) -> None:
        # No call between a packet's arrival and its writing: an interrupt there would lose it.
        for packet in packets:
            self.packets_written += 1
            packet.stream = self._encoder.stream
            self._num_bytes += packet.size
            self._container.mux(packet)
            self._reserve.check(self._num_bytes)

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
                self._copier.finish(end_s, ends_here=self.ends_streams)
            self._container.close()
        self._is_closed = True
        self._complete_tracks()
        if self.packets_written != self.frames_written:
            raise OutputError(
                f"{self.path} would hold {self.packets_written} of {self.frames_written} frames; "
                "the encoder lost some, try another --codec"
            )
        check_streams(self._pending.path, self._copier)
        self._close()
        self._pending.commit()

    def _abort(self, error: BaseException | None = None) -> None:
        """Close and remove the hidden file, or keep what is complete: ``error`` is told where."""
        try:
            if error is not None and self._keep_partial and self._held is not None:
                is_sound = not isinstance(error, OutputError) or isinstance(error, DiskFullError)
                error.add_note(self._keep(self._held, is_sound=is_sound))
            with contextlib.suppress(av.error.FFmpegError):
                self._close()
        finally:
            self._pending.discard()

    def _keep(self, held: Frame, *, is_sound: bool) -> str:
        """Keep what is complete, or can be read without its end; says what and where.

        ``is_sound`` is False if the muxer has met an error, after which it writes nothing.
        """
        try:
            is_sound = self._is_closed or (self._finish_partial(held) and is_sound)
            num_frames = count_readable(self._pending.path, is_sound=is_sound)
            if not num_frames:
                return f"nothing is kept: a {self.path.suffix} file cannot be read without its end"
            num_frames = self.packets_written if is_sound else num_frames
            return f"{num_frames} frames are kept in {self._pending.keep()}"
        except VsrError as error:
            return f"nothing is kept: {error}"

    def _finish_partial(self, held: Frame) -> bool:
        """Complete the file with the frames so far; an interrupt may have come at any place.

        Returns False if that has not gone well to the end.
        """
        self._reserve.release()
        is_sound = True
        try:
            with contextlib.suppress(DiskFullError):  # for as many as there is room
                if self._end is None or held.pts >= self._end:
                    self._encode_last(held)
                with reporting_output(self.path, "the part that is complete"):
                    self._drain()
                    if self._copier is not None and self._end is not None:
                        self._copier.stop(self._seconds(self._end))
        except OutputError:
            is_sound = False
        try:
            self._container.close()
        except av.error.FFmpegError:
            is_sound = False
        self._complete_tracks(is_sound=is_sound)
        return is_sound

    def _complete_tracks(self, *, is_sound: bool = True) -> None:
        """Write into the file what its muxer was not told, as far as it was written to its end."""
        with reporting_output(self.path, "the end of the file"):
            complete_tracks(self._pending.path, self._entries, self._copier if is_sound else None)

    def _close(self) -> None:
        self._reserve.release()
        if self._streams is not None:
            self._streams.close()
        self._container.close()

    def _seconds(self, tick: int) -> Fraction:
        return tick * self.info.time_base
