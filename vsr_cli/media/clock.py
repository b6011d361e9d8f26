"""Times: which tick a frame belongs to, and where a cut begins."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError
from vsr_cli.media.containers import BROADCAST_DEMUXERS

DEFAULT_RATE = Fraction(25)  # frames per second, of clips that state none and of stills
# A cut is given in seconds with a few decimals; a frame this little before it still belongs to it.
_CUT_TOLERANCE_TICKS = Fraction(1, 1000)
_MICROSECOND = Fraction(1, 1_000_000)


class FrameClock:
    """Gives each decoded picture its pts and duration, in ticks of ``time_base``.

    A time that the file states passes through. One that is missing, or that does not come after
    the one before, is derived: previous pts + previous duration, or one tick later.

    AVI states times of decoding alone. With ``has_pts`` False these are taken, as FFmpeg's programs
    do; the pts that PyAV shows there are not those of the picture.
    """

    def __init__(self, *, time_base: Fraction, frame_rate: Fraction | None, shift: int = 0) -> None:
        self.num_derived = 0  # frames whose pts was missing
        self.num_moved = 0  # frames whose pts did not come after the one before
        self.has_pts = True
        self.shift = shift  # ticks taken off every pts
        self._default_duration = round(1 / (frame_rate * time_base)) if frame_rate else 1
        self._next: int | None = None
        self._last: int | None = None

    def stamp(self, picture: av.VideoFrame) -> tuple[int, int]:
        """The (pts, duration) of the next picture; a duration of 0 means: not stated."""
        duration = max(picture.duration or 0, 0)
        stated = picture.pts if self.has_pts else picture.dts
        if stated is None:
            self.num_derived += 1
            pts = 0 if self._next is None else self._next
        else:
            pts = stated - self.shift
        if self._last is not None and pts <= self._last:
            self.num_moved += 1
            pts = self._last + 1
        self._last = pts
        self._next = pts + (duration or max(self._default_duration, 1))
        return pts, duration

    def restart(self) -> None:
        """Forget the frames so far: decoding begins at another place."""
        self.num_derived = self.num_moved = 0
        self._next = self._last = None


def timeline_start(container: InputContainer) -> Fraction:
    """Seconds to take off every timestamp of the file, the same for all of its streams.

    Broadcast streams (MPEG-TS, MPEG-PS) start at an arbitrary time, hours from zero; theirs is
    moved so that the earliest stream starts at 0. Everywhere else the zero means something, and
    nothing is taken off.
    """
    if container.format.name not in BROADCAST_DEMUXERS or container.start_time is None:
        return Fraction(0)
    return container.start_time * _MICROSECOND


def cut_tick(seconds: float, *, time_base: Fraction) -> int:
    """The first tick at or after a time that was given in seconds from the first frame."""
    return math.ceil(exact_seconds(seconds) / time_base - _CUT_TOLERANCE_TICKS)


def exact_seconds(seconds: float) -> Fraction:
    """A time as it was written: the few decimals that the user gave."""
    return Fraction(seconds).limit_denominator(1_000_000)


def check_milliseconds(before_s: Fraction, now_s: Fraction, path: Path) -> None:
    """Refuse two frames that a container's clock of milliseconds cannot tell apart.

    Raises:
        OutputError: they fall on one millisecond.
    """
    if round(before_s * 1000) == round(now_s * 1000):
        raise OutputError(
            f"frames at {float(before_s):.6f} s and {float(now_s):.6f} s fall on one millisecond, "
            f"the only times that a {path.suffix} file keeps; write an .mp4 or .mov file"
        )


def check_order(
    before: int, now: int, *, time_base: Fraction, has_milliseconds: bool, path: Path
) -> None:
    """Refuse a frame that does not come after the one before it, in ticks.

    Raises:
        ValueError: it does not.
        OutputError: it does, but ``path`` has a clock of milliseconds, on which it does not.
    """
    if now <= before:
        raise ValueError(f"pts must increase, got {now} after {before}")
    if has_milliseconds:
        check_milliseconds(before * time_base, now * time_base, path)


def stated_rate(stream: VideoStream, *, is_animation: bool) -> Fraction | None:
    """Frames per second as far as they are known; of an animation FFmpeg guesses the ticks."""
    guessed, average = stated(stream.guessed_rate), stated(stream.average_rate)
    return (average or guessed) if is_animation else (guessed or average)


def stated(value: Fraction | None) -> Fraction | None:
    """A rational that is stated, as a Fraction: PyAV has None or 0/1 for those that are not."""
    return Fraction(value) if value else None
