"""Where a stream begins within a cut, found out without decoding it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Discard, Stream

from vsr_cli.media.containers import open_container

_SEEK_MARGIN_S = 2  # a file without an index may be entered behind the goal


def is_silent(
    path: Path,
    index: int,
    *,
    first_s: Fraction,
    last_s: Fraction | None,
    only_keys: bool = False,
) -> bool:
    """True if no packet of a stream begins within a cut, in the file's own times.

    ``only_keys`` counts key frames alone, with which video has to begin.
    """
    # From the start only where nothing was found: that may be the fault of the seeking.
    return all(
        _has_nothing(path, index, (first_s, last_s), only_keys=only_keys, is_sought=is_sought)
        for is_sought in (True, False)
    )


def _has_nothing(
    path: Path,
    index: int,
    cut: tuple[Fraction, Fraction | None],
    *,
    only_keys: bool,
    is_sought: bool,
) -> bool:
    first_s, last_s = cut
    with open_container(path) as container:
        for stream in container.streams:
            stream.discard = Discard.all
        stream = container.streams[index]
        stream.discard = Discard.default
        tick = Fraction(stream.time_base or 1)
        try:
            if is_sought:
                container.seek(max(0, round((first_s - _SEEK_MARGIN_S) / tick)), stream=stream)
            for packet in container.demux(stream):
                time = packet.dts if packet.pts is None else packet.pts
                if not packet.size or time is None:
                    continue
                if last_s is not None and _order(packet) * tick >= last_s:
                    return True
                is_within = first_s <= time * tick and (last_s is None or time * tick < last_s)
                if is_within and (packet.is_keyframe or not only_keys):
                    return False
        except av.error.FFmpegError:
            return is_sought  # what is damaged is told when it is copied
    return True


def _order(packet: Packet[Stream]) -> int:
    """When a packet is decoded; its pictures may be shown in another order."""
    return (packet.pts if packet.dts is None else packet.dts) or 0
