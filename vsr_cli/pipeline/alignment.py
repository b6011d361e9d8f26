"""Frames of several clips paired by the time at which they are shown.

Times count from the first frame of each clip: containers begin at different offsets and round to
different clocks (Matroska and WebM to 1 ms, GIF to 10 ms). Frames are taken in order, and the
counterpart of one is shown less than half a frame from it, half the shorter of the two. The first
frame without a counterpart is an error that names its time. Clips that state different rates are
refused at the first frame that is further off than their clocks can explain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame

SAME_RATE = 1e-4  # of a rate; 30 and 30000/1001 differ by ten times that
COARSEST_S = Fraction(1, 100)  # longer ticks are those of whole frames: nothing was rounded to them


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """The frames of one clip, to be iterated once."""

    path: Path
    info: ClipInfo
    frames: Iterable[Frame]


def clock_error_s(info: ClipInfo) -> Fraction:
    """Seconds by which the times of a clip may be off because its container rounds them."""
    return info.time_base if info.time_base <= COARSEST_S else Fraction(0)


def have_one_rate(first: ClipInfo, second: ClipInfo) -> bool:
    """True if two clips state the same number of frames per second, or one of them states none."""
    rates = first.frame_rate, second.frame_rate
    if not (rates[0] and rates[1]):
        return True
    return abs(rates[0] / rates[1] - 1) < SAME_RATE


def paired_frames(
    truth: ClipFrames, given: Sequence[ClipFrames], tell: Callable[[str], object]
) -> Iterator[tuple[Frame, ...]]:
    """Each frame of the truth with its counterpart in every given clip.

    Args:
        truth: the clip whose frames must all have one.
        given: the clips whose frames must all be one.
        tell: told in words of a clip that begins more than a frame earlier or later.

    Raises:
        InputError: a frame is missing or additional, or the rates differ; it says at which time.
    """
    pairings = [_Pairing(truth, clip) for clip in given]
    counts, alone = [0] * (1 + len(given)), [Fraction(0)] * len(given)
    for row in zip_longest(truth.frames, *(clip.frames for clip in given)):
        hr, *others = row
        for index, (frame, pairing) in enumerate(zip(others, pairings, strict=True)):
            if hr is not None and frame is not None:
                pairing.check(hr, frame)
                if not counts[0] and pairing.offset:
                    tell(pairing.offset)
            elif counts[0] == counts[index + 1]:  # the first one without a counterpart
                alone[index] = pairing.time_s(hr, frame)
        counts = [count + (frame is not None) for count, frame in zip(counts, row, strict=True)]
        if all(frame is not None for frame in row):
            yield row
    for pairing, time_s, count in zip(pairings, alone, counts[1:], strict=True):
        if count != counts[0]:
            pairing.refuse_counts(counts[0], count, time_s)


class _Pairing:
    """The clocks of the truth and of one other clip, set to 0 at their first frames."""

    def __init__(self, truth: ClipFrames, given: ClipFrames) -> None:
        self.truth, self.given = truth, given
        self.offset = ""  # in words, if one begins more than a frame after the other
        self._number = 0
        self._starts: tuple[int, int] | None = None
        self._clocks_s = clock_error_s(truth.info) + clock_error_s(given.info)
        self._has_one_rate = have_one_rate(truth.info, given.info)

    def check(self, hr: Frame, frame: Frame) -> None:
        """Refuse the next two frames if they do not belong together."""
        if self._starts is None:
            self._starts = hr.pts, frame.pts
            self._note_offset(hr, frame)
        wanted_s, found_s = self.time_s(hr, None), self.time_s(None, frame)
        apart_s = abs(found_s - wanted_s)
        durations = _duration_s(hr, self.truth.info), _duration_s(frame, self.given.info)
        if apart_s and apart_s >= min((d for d in durations if d), default=apart_s) / 2:
            self._refuse_frame(wanted_s, found_s)
        if apart_s > self._clocks_s and not self._has_one_rate:
            raise InputError(
                f"{self._rates()}: frame {self._number} is shown at {_time(wanted_s)} and at "
                f"{_time(found_s)}; compare clips of one rate{self._after()}"
            )
        self._number += 1

    def time_s(self, hr: Frame | None, frame: Frame | None) -> Fraction:
        """Seconds from the first frame of its clip to one of the two that is there."""
        truth_start, given_start = self._starts or (0, 0)
        if hr is not None:
            return (hr.pts - truth_start) * self.truth.info.time_base
        if frame is not None:
            return (frame.pts - given_start) * self.given.info.time_base
        return Fraction(0)

    def refuse_counts(self, wanted: int, found: int, time_s: Fraction) -> None:
        """Raise the error of clips whose frames agree in time as far as both go."""
        without = self.given.path if found < wanted else self.truth.path
        raise InputError(
            f"{self.truth.path} has {wanted} frames, but {self.given.path} has {found}: "
            f"{without} has none at {_time(time_s)}{self._after()}"
        )

    def _refuse_frame(self, wanted_s: Fraction, found_s: Fraction) -> None:
        rates = "" if self._has_one_rate else f"; {self._rates()}"
        first, second, at_s, next_s = self.given, self.truth, wanted_s, found_s
        if found_s < wanted_s:
            first, second, at_s, next_s = self.truth, self.given, found_s, wanted_s
        raise InputError(
            f"{first.path} has no frame at {_time(at_s)}, where {second.path} has its frame "
            f"{self._number} (from 0): the next one is at {_time(next_s)}{rates}{self._after()}"
        )

    def _note_offset(self, hr: Frame, frame: Frame) -> None:
        truth_s = hr.pts * self.truth.info.time_base
        given_s = frame.pts * self.given.info.time_base
        frame_s = _duration_s(hr, self.truth.info) or _duration_s(frame, self.given.info)
        if abs(truth_s - given_s) > (frame_s or 0) - self._clocks_s:
            self.offset = (
                f"{self.truth.path} begins at {_time(truth_s)} and {self.given.path} at "
                f"{_time(given_s)}: they are paired from their first frames on"
            )

    def _rates(self) -> str:
        rates = (self.truth.info.frame_rate or 0, self.given.info.frame_rate or 0)
        words = [f"{float(rate):.6g} frames/s" for rate in rates]
        return f"{self.truth.path} has {words[0]} and {self.given.path} {words[1]}"

    def _after(self) -> str:
        """What is added to an error that a late start may be behind."""
        return f"; {self.offset}" if self.offset else ""


def _duration_s(frame: Frame, info: ClipInfo) -> Fraction | None:
    """How long a frame is shown, as far as that is known."""
    if frame.duration:
        return frame.duration * info.time_base
    return 1 / info.frame_rate if info.frame_rate else None


def _time(seconds: Fraction) -> str:
    return f"{float(seconds):.3f} s"
