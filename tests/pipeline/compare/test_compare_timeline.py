"""What is on the screen when: frames of several clips on one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.pipeline.compare.timeline import (
    Moment,
    Track,
    clocks_error_s,
    common_time_base,
    moment_at,
    moments,
)

GRAY = PixelFormat("gray", "gray", 8)
MS = Fraction(1, 1000)


def _info(time_base: Fraction = MS) -> ClipInfo:
    return ClipInfo(1, 1, GRAY, time_base)


def _track(
    pts: Sequence[int], *, time_base: Fraction = MS, last: int = 40, **settings: Any
) -> Track:
    """A clip whose frames hold their own number."""
    ends = [*pts[1:], pts[-1] + last]
    frames = [
        Frame((torch.tensor([[number]]),), pts=begin, duration=end - begin)
        for number, (begin, end) in enumerate(zip(pts, ends, strict=True))
    ]
    shift = settings.pop("shift_s", Fraction(0))
    return Track(frames, _info(time_base), shift_s=shift, **settings)


def _numbers(moment: Moment) -> tuple[int | None, ...]:
    return tuple(None if f is None else int(f.planes[0]) for f in moment.frames)


def _shown(*tracks: Track, clocks_s: Fraction = MS, **settings: Any) -> list[tuple[Any, ...]]:
    """(milliseconds, duration, number of each clip's frame)."""
    return [
        (float(m.time_s * 1000), float(m.duration_s * 1000), *_numbers(m))
        for m in moments(tracks, clocks_s=clocks_s, **settings)
    ]


def test_clips_of_one_rate_change_together() -> None:
    shown = _shown(_track([0, 40, 80]), _track([0, 40, 80]))
    assert shown == [(0, 40, 0, 0), (40, 40, 1, 1), (80, 40, 2, 2)]


def test_each_frame_of_the_faster_clip_is_shown() -> None:
    shown = _shown(_track([0, 40]), _track([0, 20, 40, 60], last=20))
    assert shown == [(0, 20, 0, 0), (20, 20, 0, 1), (40, 20, 1, 2), (60, 20, 1, 3)]


def test_rates_without_a_common_measure_interleave() -> None:
    film = _track(range(4), time_base=Fraction(1, 24), last=1)
    video = _track(range(5), time_base=Fraction(1, 30), last=1)
    shown = [_numbers(m) for m in moments([film, video], clocks_s=MS)]
    assert shown == [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4)]


@pytest.mark.parametrize("first_is_exact", [True, False])
def test_times_that_a_container_rounds_are_one_moment(first_is_exact: bool) -> None:
    base = Fraction(1001, 30_000)
    exact = _track(range(100), time_base=base, last=1)
    rounded = _track([round(n * base * 1000) for n in range(100)], last=33)
    tracks = [exact, rounded] if first_is_exact else [rounded, exact]
    found = list(moments(tracks, clocks_s=MS))
    assert [_numbers(m) for m in found] == [(n, n) for n in range(100)]
    times = [n * base for n in range(100)]
    if not first_is_exact:
        times = [Fraction(round(t * 1000), 1000) for t in times]
    assert [m.time_s for m in found] == times


def test_late_clip_is_not_there_before_it_begins() -> None:
    shown = _shown(_track([0, 40, 80]), _track([50, 90]))
    assert [row[2:] for row in shown] == [(0, None), (1, None), (1, 0), (2, 0), (2, 1)]
    assert shown[-1][:2] == (90, 40)
    together = _shown(_track([0, 40]), _track([50, 90], shift_s=Fraction(-50, 1000)))
    assert together == [(0, 40, 0, 0), (40, 40, 1, 1)]


def test_last_frame_stays_or_the_shortest_ends_it() -> None:
    held = _shown(_track([0, 40, 80]), _track([0, 40]))
    assert [row[2:] for row in held] == [(0, 0), (1, 1), (2, 1)]
    ended = _shown(_track([0, 40, 80]), _track([0, 40]), shortest=True)
    assert ended == [(0, 40, 0, 0), (40, 40, 1, 1)]
    within = _shown(_track([0, 100]), _track([0, 40], last=30), shortest=True)
    assert within == [(0, 40, 0, 0), (40, 30, 0, 1)]


def test_picture_is_shown_as_long_as_the_others() -> None:
    for shortest in (True, False):
        shown = _shown(_track([0, 40, 80]), _track([0], is_still=True), shortest=shortest)
        assert [row[2:] for row in shown] == [(0, 0), (1, 0), (2, 0)]
    alone = [_track([0], is_still=True) for _ in range(2)]
    assert _shown(*alone) == [(0, 40, 0, 0)]


def test_cut_begins_and_ends_on_time() -> None:
    tracks = _track(range(0, 400, 40)), _track(range(0, 400, 50), last=50)
    shown = _shown(*tracks, start_s=Fraction(1, 10), end_s=Fraction(2, 10))
    assert shown == [(100, 20, 2, 2), (120, 30, 3, 2), (150, 10, 3, 3), (160, 40, 4, 3)]
    assert _shown(_track([0, 40]), _track([0, 40]), start_s=Fraction(1)) == []


def test_moment_is_what_is_on_the_screen() -> None:
    tracks = [_track([0, 40, 80]), _track([0, 30, 60, 90]), _track([60])]
    assert _numbers(moment_at(tracks, Fraction(59, 1000))) == (1, 1, None)
    assert _numbers(moment_at(tracks, Fraction(85, 1000))) == (2, 2, 0)
    with pytest.raises(InputError, match=r"nothing is shown at 9.000 s: the clips end at 0.130 s"):
        moment_at(tracks, Fraction(9))


def test_moment_without_a_time_is_when_all_have_begun() -> None:
    tracks = [_track([0, 40, 80]), _track([60, 100])]
    assert _numbers(moment_at(tracks, None)) == (1, 0)


def test_frames_nearer_than_the_clocks_can_tell_do_not_turn_time_back() -> None:
    shown = _shown(_track([0, 41, 80]), _track([0, 40, 41, 42, 80]), clocks_s=3 * MS)
    assert [row[0] for row in shown] == sorted(row[0] for row in shown)
    assert [row[2:] for row in shown] == [(0, 0), (1, 2), (1, 3), (2, 4)]


def test_time_base_holds_the_times_of_all() -> None:
    tick = common_time_base([_info(Fraction(1, 12_800)), _info(MS), _info(Fraction(1001, 30_000))])
    assert all((base / tick).denominator == 1 for base in (Fraction(1, 12_800), MS))
    assert tick >= Fraction(1, 1_000_000)
    odd = common_time_base([_info(Fraction(1, 25)), _info(Fraction(1, 1_234_567))])
    assert (Fraction(1, 25) / odd).denominator == 1
    assert odd <= Fraction(1, 90_000)


def test_clocks_err_by_their_ticks_and_never_by_half_a_frame() -> None:
    tracks = [_track([0, 40]), _track([0, 40])]
    assert clocks_error_s([_info(), _info()], tracks) == 2 * MS
    exact = [_info(Fraction(1, 90_000))] * 2
    assert clocks_error_s(exact, tracks) == MS
    short = [_track([0, 2]), _track([0, 40])]
    assert clocks_error_s([_info(), _info()], short) == Fraction(1, 2000)
