"""Open a file or a pipe and read the packets of its main video, with an eye on what is missing."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vsr_cli.errors import InputError
from vsr_cli.media.containers import NEEDS_SEEKING, main_video, open_container, open_stdin
from vsr_cli.media.faults.walk import Gap, Truncation
from vsr_cli.media.faults.watch import StructureWatch
from vsr_cli.media.pipes import StdinBytes, is_pipe

_INDEXED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2"})  # say beforehand which packets they have


def num_indexed(container: InputContainer, stream: VideoStream) -> int:
    """Packets that a container's index promises; 0 where it promises nothing."""
    if container.format.name not in _INDEXED or not stream.frames:
        return 0
    return len(stream.index_entries)


class PacketSource:
    """The packets of a file's main video.

    Attributes:
        truncation: what is missing at the end; of a pipe, complete when its end was read.
        num_packets: packets that were read, with those that hold nothing.
        ends_early: True, after the last packet, if there are fewer than the file promised.
    """

    def __init__(
        self, path: Path, truncation: Truncation | None, hardware: HWAccel | None = None
    ) -> None:
        """Open the file, whose truncation may be known; nothing stays open if that fails.

        Raises:
            InputError: it is no file that can be read, or holds no video.
        """
        stdin = StdinBytes() if is_pipe(path) else None
        self.truncation = truncation
        self.container = open_stdin(stdin, hardware) if stdin else open_container(path, hardware)
        try:
            self.stream = main_video(self.container, path)
        except BaseException:
            self.container.close()
            raise
        self._stdin = stdin
        self._structure = StructureWatch(path, stdin)
        self.restart()

    def restart(self) -> None:
        """Forget what was read, after seeking."""
        self._structure.close()
        self._gaps: list[Gap] = []
        self.num_packets = 0
        self.ends_early = False

    def read(self, *, is_whole: bool) -> Iterator[Packet[VideoStream]]:
        """The packets that hold something; ``is_whole`` if they are read from the first one on.

        Raises:
            InputError: they cannot be found in a pipe.
        """
        is_cut_off = yield from self._demux(is_whole=is_whole)
        if is_whole and self.num_packets < num_indexed(self.container, self.stream):
            self.ends_early = True
        if self.ends_early and self._stdin and self._stdin.is_index_last:
            raise InputError(NEEDS_SEEKING)
        self._gaps += self._structure.finish()
        self.look_at_end()
        if is_cut_off and self.truncation is None:
            self.truncation = Truncation(missing_bytes=1)

    def take_gaps(self) -> list[Gap]:
        """The gaps in the structure that were passed since the last call."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def look_at_end(self) -> None:
        """See whether the end of a pipe has come, and whether it is that of the file."""
        self.truncation = self.truncation or self._structure.truncation()

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._structure.close()
        self.container.close()

    def _demux(self, *, is_whole: bool) -> Generator[Packet[VideoStream], None, bool]:
        """Returns True if the last packet of a pipe is not all there, and no picture."""
        # Of a pipe the other streams tell as well whether it ends early.
        streams: list[Stream] = [] if self._stdin else [self.stream]
        packets = self.container.demux(*streams)
        is_cut_off = False
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.ends_early = True
                return is_cut_off
            if packet is None:
                return is_cut_off
            if packet.stream_index != self.stream.index:
                is_cut_off = packet.is_corrupt if packet.size else is_cut_off
                continue
            self.num_packets += packet.dts is not None
            if packet.size:  # decoding an empty one would end the decoder's work
                is_cut_off = False
                self._gaps += self._structure.look(packet.pos, is_start=is_whole)
                yield cast("Packet[VideoStream]", packet)
