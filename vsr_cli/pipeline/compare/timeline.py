"""What is on the screen of several clips at each moment at which one of them changes.

The moments are those of all clips together, so each frame of each clip is seen, whatever the rates.
A container that rounds times (Matroska to 1 ms) would make two moments of one: frames that are as
near as the clocks can err are shown together, at the time of the clip that was named first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import DEFAULT_RATE
from vsr_cli.pipeline.alignment import clock_error_s

_FINEST = 1_000_000  # ticks per second of an output
_USUAL_TICK_S = Fraction(1, 90_000)
_LEAST_APART_S = Fraction(1, 1000)  # an .mkv keeps no more
_MICROSECOND = Fraction(1, 1_000_000)  # times on the command line have decimals


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown from one time on."""

    time_s: Fraction  # on the timeline of the first clip
    duration_s: Fraction
    frames: tuple[Frame | None, ...]  # of each clip; None: it has not begun


def common_time_base(infos: Sequence[ClipInfo]) -> Fraction:
    """Seconds per tick, such that the times of all clips are whole numbers of them.

    Where that is too fine for a file, ticks of which the first clip's are multiples.
    """
    bases = [info.time_base for info in infos]
    tick = Fraction(gcd(*(b.numerator for b in bases)), lcm(*(b.denominator for b in bases)))
    if tick >= Fraction(1, _FINEST):
        return tick
    first = bases[0]
    return first / -(-first // _USUAL_TICK_S)


class Track:
    """The frames of one clip in order: the one that is shown, and the next one.

    Attributes:
        shown: the frame on the screen; None before the first one.
        next_s: when the next one is shown; None if there is none.
    """

    def __init__(
        self, frames: Iterable[Frame], info: ClipInfo, *, shift_s: Fraction, is_still: bool = False
    ) -> None:
        """``shift_s`` is added to the times of the clip; a still is shown for ever."""
        self._frames, self._info = iter(frames), info
        self._shift_s, self.is_still = shift_s, is_still
        self.shown: Frame | None = None
        self._shown_s = self._step_s = Fraction(0)
        self._next: Frame | None = None
        self.next_s: Fraction | None = None
        self._take()

    @property
    def step_s(self) -> Fraction:
        """How long the frame lasts that is shown, or the one that is next."""
        frame = self.shown or self._next
        if frame is not None and frame.duration:
            return frame.duration * self._info.time_base
        return self._step_s or 1 / (self._info.frame_rate or DEFAULT_RATE)

    @property
    def end_s(self) -> Fraction | None:
        """When the last frame ends; None as long as it is not shown."""
        return self._shown_s + self.step_s if self.next_s is None and self.shown else None

    def advance(self) -> None:
        """Show the next frame."""
        if self._next is None or self.next_s is None:
            raise ValueError("a clip cannot go on behind its last frame")
        if self.shown is not None:
            self._step_s = self.next_s - self._shown_s
        self.shown, self._shown_s = self._next, self.next_s
        self._take()

    def _take(self) -> None:
        self._next = next(self._frames, None)
        self.next_s = None
        if self._next is not None:
            self.next_s = self._next.pts * self._info.time_base + self._shift_s


def moments(
    tracks: Sequence[Track],
    *,
    clocks_s: Fraction,
    start_s: Fraction | None = None,
    end_s: Fraction | None = None,
    shortest: bool = False,
) -> Iterator[Moment]:
    """What is shown, from one change of the picture to the next.

    Args:
        tracks: the clips.
        clocks_s: by how much their clocks may err together, see ``clocks_error_s``.
        start_s: leave out what changes before; None: nothing.
        end_s: leave out what changes from here on; None: nothing.
        shortest: end with the first clip that ends. Else its last frame stays, as a still does.
    """
    held: Moment | None = None
    stop_s: Fraction | None = None
    for time_s in _changes(tracks, clocks_s):
        ended_s = min(_ends(tracks), default=None)
        if shortest and ended_s is not None and ended_s <= time_s + clocks_s:
            stop_s = ended_s
            break
        if end_s is not None and time_s >= end_s - _MICROSECOND:
            stop_s = end_s
            break
        if start_s is not None and time_s < start_s - _MICROSECOND:
            continue
        if held is not None and time_s > held.time_s:
            yield replace(held, duration_s=time_s - held.time_s)
        # Frames of one clip that are nearer than the clocks can tell: the later one is shown.
        time_s = time_s if held is None else max(time_s, held.time_s)
        held = Moment(time_s, Fraction(0), tuple(track.shown for track in tracks))
    if held is None:
        return
    if stop_s is None:
        ends = [*_ends(tracks)] or [t.end_s for t in tracks if t.end_s is not None]
        stop_s = min(ends) if shortest else max(ends)
        stop_s = stop_s if end_s is None else min(stop_s, end_s)
    yield replace(held, duration_s=max(stop_s - held.time_s, Fraction(0)))


def moment_at(tracks: Sequence[Track], time_s: Fraction | None) -> Moment:
    """What is on the screen at one time; of a clip that has ended its last frame.

    None is when all have begun.

    Raises:
        InputError: all clips have ended.
    """
    if time_s is None:
        time_s = max(track.next_s for track in tracks if track.next_s is not None)
    for track in tracks:
        while track.next_s is not None and track.next_s <= time_s + _MICROSECOND:
            track.advance()
    ends = [*_ends(tracks)]
    if ends and len(ends) == sum(not track.is_still for track in tracks) and max(ends) <= time_s:
        raise InputError(
            f"nothing is shown at {float(time_s):.3f} s: the clips end at {float(max(ends)):.3f} s"
        )
    return Moment(time_s, Fraction(0), tuple(track.shown for track in tracks))


def clocks_error_s(infos: Sequence[ClipInfo], tracks: Sequence[Track]) -> Fraction:
    """How far apart two frames can be that belong to one moment, in seconds."""
    errors = sorted((clock_error_s(info) for info in infos), reverse=True)
    shortest = min(track.step_s for track in tracks)
    return min(max(sum(errors[:2], Fraction(0)), _LEAST_APART_S), shortest / 4)


def _changes(tracks: Sequence[Track], clocks_s: Fraction) -> Iterator[Fraction]:
    """Show the frames of one moment after the other; each time that this was done, its time."""
    while waiting := [track for track in tracks if track.next_s is not None]:
        first_s = min(_next_s(track) for track in waiting)
        time_s = next(_next_s(t) for t in waiting if _next_s(t) <= first_s + clocks_s)
        for track in waiting:
            if _next_s(track) <= max(first_s, time_s) + clocks_s:
                track.advance()
        yield time_s


def _next_s(track: Track) -> Fraction:
    if track.next_s is None:
        raise ValueError("a clip that has ended changes no more")
    return track.next_s


def _ends(tracks: Sequence[Track]) -> Iterator[Fraction]:
    """The ends that are known of the clips; stills have none."""
    return (t.end_s for t in tracks if t.end_s is not None and not t.is_still)
