"""Packets of several encoders in a row: when each of them is decoded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vsr_cli.media.segments.joining import decoding_times
from vsr_cli.media.segments.packets import FrameMark, SegmentRecord

ORDER = (0, 3, 1, 2)  # of a key frame, a P and two B frames behind it


def segment(shown: list[int], *, lead: int) -> SegmentRecord:
    """Groups of four frames in the order of x264, decoded ``lead`` ticks early at the start."""
    order = [
        start + k for start in range(0, len(shown), 4) for k in ORDER if start + k < len(shown)
    ]
    early = [shown[0] - lead, *shown]
    packets = [
        (shown[place], dts, 1, not number)
        for number, (place, dts) in enumerate(zip(order, early, strict=False))
    ]
    return SegmentRecord(
        number=0,
        extradata="",
        times=tuple((pts, 1) for pts in shown),
        packets=tuple(packets),
        scene_cuts=0,
        head=FrameMark(shown[0], ""),
        tail=(),
        is_last=False,
    )


def test_times_that_fit_to_each_other_are_those_of_the_encoders() -> None:
    parts = [segment([*range(0, 80, 10)], lead=10), segment([*range(80, 160, 10)], lead=10)]
    expected = [dts for part in parts for _, dts, *_ in part.packets]
    assert decoding_times(parts) == expected == [*range(-10, 150, 10)]


@pytest.mark.parametrize("seed", range(20))
def test_uneven_times_increase_and_no_picture_is_shown_before_it_is_decoded(seed: int) -> None:
    chance = np.random.default_rng(seed)
    shown = chance.integers(1, 400, 60).cumsum().tolist()
    borders = [0, *sorted(chance.choice(np.arange(1, 60), 4, replace=False).tolist()), 60]
    parts = [segment(shown[a:b], lead=300) for a, b in pairwise(borders)]
    times = decoding_times(parts)
    pts = [packet[0] for part in parts for packet in part.packets]
    assert all(a < b for a, b in pairwise(times))
    assert all(dts <= shown_at for dts, shown_at in zip(times, pts, strict=True))
    assert len(times) == 60


def test_frames_in_their_order_are_decoded_when_they_are_shown() -> None:
    part = segment([0], lead=50)
    later = segment([3], lead=60)  # its decoding would begin before that of the first
    assert decoding_times([part, later]) == [0, 3]
