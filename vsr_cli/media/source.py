"""Open a file and take its main video stream apart into pictures, one packet at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsr_cli.errors import InputError
from vsr_cli.media.alpha import alpha_decoder
from vsr_cli.media.containers import open_container


def main_video(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover picture.

    Raises:
        InputError: there is none, or it is in a format that cannot be decoded.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise InputError(f"{path}: the video is in a format that is not supported")
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise InputError(f"{path} holds no video (only {kinds}); give a file with a video stream")


class PictureSource:
    """The decoded pictures of a file's main video, once, in order of presentation.

    A packet that cannot be decoded is counted and skipped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets_read = 0  # packets that hold a picture to be shown
        self.packets_failed = 0
        self.container = open_container(path)
        try:
            self.stream = main_video(self.container, path)
            self._decoder = alpha_decoder(self.stream) or self.stream.codec_context
        except BaseException:
            self.container.close()
            raise
        self.stream.thread_type = "AUTO"

    def seek(self, tick: int) -> bool:
        """Go to the last key frame at or before a tick; False if the file cannot do that."""
        try:
            self.container.seek(tick, stream=self.stream)
        except (av.error.FFmpegError, OverflowError):
            return False
        self._decoder.flush_buffers()
        self.packets_read = self.packets_failed = 0
        return True

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Decode from here to the end.

        Raises:
            InputError: the file ends in the middle of a packet or its index is damaged.
        """
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                raise InputError(
                    f"{self.path} is damaged after packet {self.packets_read}; "
                    "try copying or downloading it again"
                ) from error
            if packet is None:
                return
            self.packets_read += bool(packet.size) and not packet.is_discard
            try:
                pictures = self._decoder.decode(packet)
            except av.error.FFmpegError:
                self.packets_failed += 1
                continue
            yield from pictures

    def close(self) -> None:
        self.container.close()
