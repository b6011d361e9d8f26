"""The end of a clip, decoded once more, one packet at a time, to see which of them are damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_cli.media.containers import open_container


@dataclass(frozen=True, slots=True)
class Replay:
    """What was found."""

    pictures: list[av.VideoFrame] = field(default_factory=list)  # that were not shown before
    failed_pts: list[int | None] = field(default_factory=list)  # of the packets looked at


def replay_end(
    path: Path,
    stream_index: int,
    *,
    start: int | None,
    after: int | None,
    num_shown: int,
    num_hidden: int,
) -> Replay:
    """Decode from a key frame to the end of the file.

    Args:
        path: the file.
        stream_index: which of its streams.
        start: pts of the key frame; None: from the start of the file.
        after: pts of the last picture that was shown; None: pictures have no pts.
        num_shown: pictures that were shown before; matters only from the start of the file.
        num_hidden: how many of the last packets are looked at for damage.
    """
    found = Replay()
    failed: list[tuple[int, int | None]] = []
    num_packets, num_known = 0, num_shown if start is None else 0
    with open_container(path) as container:
        stream = container.streams[stream_index]
        if not isinstance(stream, VideoStream):
            raise TypeError(f"stream {stream_index} of {path} is {stream.type}, not video")
        stream.thread_type = "SLICE"
        if start is not None:
            container.seek(start, stream=stream)
        for packet in _packets(container, stream):
            num_packets += bool(packet.size)
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                failed.append((num_packets, packet.pts))
                continue
            new = decoded[num_known:]
            num_known = max(num_known - len(decoded), 0)
            found.pictures.extend(p for p in new if after is None or (p.pts or after) > after)
    first = num_packets - num_hidden
    found.failed_pts.extend(pts for number, pts in failed if number > first)
    return found


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    """The packets up to the end, or to where nothing more can be read: that was told before."""
    with contextlib.suppress(av.error.FFmpegError):
        yield from container.demux(stream)
