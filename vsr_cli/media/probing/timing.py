"""The times of a clip's packets, without decoding them: constant or variable, and how many."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_cli.errors import InputError
from vsr_cli.media.containers import main_video, open_container
from vsr_cli.media.faults.watch import StructureWatch
from vsr_cli.media.video.packets import num_indexed

FIRST_PACKETS = 500  # that are looked at if not all are to be counted
_REORDERED = 32  # packets at the end of a part whose neighbours may still come


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What the packets of a video say."""

    num_packets: int  # that hold a picture to be shown
    is_complete: bool  # False: only the first ones were looked at
    ends_early: bool  # the file could not be read on
    num_corrupt: int  # that the demuxer flags
    num_gaps: int  # places where the structure is broken, or does not fit to a checksum
    # Seconds between two pictures; None: there are no times, or there is one picture.
    min_s: float | None = None
    median_s: float | None = None
    max_s: float | None = None
    is_variable: bool | None = None  # None: not known

    @property
    def rate_kind(self) -> str:
        """CFR, VFR or unknown."""
        return {True: "VFR", False: "CFR", None: "unknown"}[self.is_variable]


def read_timing(path: Path, *, count: bool) -> Timing:
    """Look at all packets of a file's main video, or at the first ``FIRST_PACKETS``.

    Times count as constant if no two distances differ by more than a tick: containers round.

    Raises:
        InputError: the file cannot be opened, or holds no video.
    """
    with (
        open_container(path) as container,
        contextlib.closing(StructureWatch(path, None)) as structure,
    ):
        return _read(container, main_video(container, path), structure, count=count)


def count_readable(path: Path, *, is_sound: bool) -> int:
    """How many pictures of the main video can be read; 0 of a file that cannot be opened.

    Of a file that is sound only the first ones are looked at.
    """
    try:
        return read_timing(path, count=not is_sound).num_packets
    except InputError:
        return 0


def _read(
    container: InputContainer, stream: VideoStream, structure: StructureWatch, *, count: bool
) -> Timing:
    times: list[int] = []
    num_packets = num_corrupt = num_gaps = 0
    is_complete = ends_early = False
    packets = container.demux(stream)
    num_all = 0
    while count or num_packets < FIRST_PACKETS:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            ends_early = True
            break
        if packet is None:
            is_complete = True
            num_gaps += len(structure.finish())
            ends_early = num_all < num_indexed(container, stream)
            break
        num_all += packet.dts is not None
        if not packet.size or packet.is_discard:
            continue
        num_packets += 1
        num_gaps += len(structure.look(packet.pos, is_start=True))
        num_corrupt += packet.is_corrupt
        if packet.pts is not None:
            times.append(packet.pts)
    times = sorted(times)[: None if is_complete else -_REORDERED]
    found = Timing(
        num_packets=num_packets,
        is_complete=is_complete,
        ends_early=ends_early,
        num_corrupt=num_corrupt,
        num_gaps=num_gaps,
    )
    return _with_steps(found, times, Fraction(stream.time_base or 0))


def page_timing(ticks: Sequence[int], time_base: Fraction) -> Timing:
    """The same of a picture file's pages, which begin at these ticks of ``time_base`` seconds."""
    found = Timing(
        num_packets=len(ticks), is_complete=True, ends_early=False, num_corrupt=0, num_gaps=0
    )
    return _with_steps(found, ticks, time_base)


def _with_steps(found: Timing, times: Sequence[int], tick: Fraction) -> Timing:
    steps = [b - a for a, b in pairwise(times) if b > a]
    if not steps or not tick:
        return found
    return replace(
        found,
        min_s=float(min(steps) * tick),
        median_s=float(median_low(steps) * tick),
        max_s=float(max(steps) * tick),
        is_variable=max(steps) - min(steps) > 1,
    )
