"""Windows: middle frames, ends, cuts, and that nothing is held that is not needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from vsr_cli.frames import Frame
from vsr_cli.pipeline.window import windows


def _frames(*shots: int) -> list[Frame]:
    """One frame per number; the number is the shot that it belongs to."""
    return [Frame((torch.zeros(1, 1),), pts=t, shot=shot) for t, shot in enumerate(shots)]


def _pts(frames: list[Frame], size: int = 5) -> list[tuple[int, ...]]:
    return [tuple(frame.pts for frame in window) for window in windows(frames, size)]


def test_ends_repeat_the_nearest_frame() -> None:
    assert _pts(_frames(0, 0, 0, 0, 0, 0)) == [
        (0, 0, 0, 1, 2),
        (0, 0, 1, 2, 3),
        (0, 1, 2, 3, 4),
        (1, 2, 3, 4, 5),
        (2, 3, 4, 5, 5),
        (3, 4, 5, 5, 5),
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 30])
def test_every_frame_is_the_middle_once(length: int) -> None:
    result = _pts(_frames(*[0] * length))
    assert [window[2] for window in result] == list(range(length))
    top = length - 1
    for middle, window in enumerate(result):
        expected = tuple(min(max(middle + k, 0), top) for k in range(-2, 3))
        assert window == expected


def test_no_clip_has_no_window() -> None:
    assert _pts([]) == []


@pytest.mark.parametrize("first", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("second", [1, 2, 3, 6])
def test_cut_gives_the_windows_of_the_shots_apart(first: int, second: int) -> None:
    frames = _frames(*[0] * first, *[1] * second)
    assert _pts(frames) == _pts(frames[:first]) + _pts(frames[first:])


def test_windows_come_as_soon_as_they_can() -> None:
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in _frames(*[0] * 20):
            taken += 1
            yield frame

    for middle, window in enumerate(windows(counted(), 5)):
        assert window[2].pts == middle
        assert taken <= middle + 3


@pytest.mark.parametrize("size", [0, 2, 4, -1])
def test_even_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="odd"):
        next(windows(_frames(0), size))
