"""Whether a stream has anything within a cut, found out without decoding it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.stream import Discard

from vsr_cli.media.containers import open_container

_SEEK_MARGIN_S = 2  # a file without an index may be entered behind the goal


def is_silent(path: Path, index: int, *, first_s: Fraction, last_s: Fraction | None) -> bool:
    """True if no packet of a stream begins within a cut, in the file's own times."""
    # From the start only where nothing was found: that may be the fault of the seeking.
    return _has_nothing(path, index, first_s, last_s, is_sought=True) and _has_nothing(
        path, index, first_s, last_s, is_sought=False
    )


def _has_nothing(
    path: Path, index: int, first_s: Fraction, last_s: Fraction | None, *, is_sought: bool
) -> bool:
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
                if not packet.size or time is None or time * tick < first_s:
                    continue
                return last_s is not None and time * tick >= last_s
        except av.error.FFmpegError:
            return is_sought  # what is damaged is told when it is copied
    return True
