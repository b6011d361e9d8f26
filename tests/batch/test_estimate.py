"""Time that is left, by pixels."""

from __future__ import annotations

import pytest

from vsr_cli.batch.estimate import PixelEstimate


def test_nothing_is_said_before_anything_is_known() -> None:
    estimate = PixelEstimate({0: 100, 1: 100})
    assert (estimate.pixels_left(), estimate.seconds_left(1.0)) == (None, None)
    assert estimate.share_done() == 0


def test_unknown_files_are_taken_from_their_bytes() -> None:
    estimate = PixelEstimate({0: 100, 1: 300})
    estimate.start(0, 10, 50, now=5.0)  # 500 pixels in 100 bytes
    assert estimate.pixels_left() == 500 + 1500
    estimate.advance(0, 4)
    assert estimate.pixels_left() == 300 + 1500
    assert estimate.seconds_left(now=7.0) == pytest.approx(2 * 1800 / 200)
    assert estimate.share_done() == pytest.approx(200 / 2000)


def test_finished_files_have_nothing_left() -> None:
    estimate = PixelEstimate({0: 100, 1: 100})
    estimate.start(0, 10, 50, now=0.0)
    estimate.advance(0, 12)  # the container promised less
    estimate.end(0)
    assert estimate.pixels_left() == 600
    estimate.end(1)  # failed before it began
    assert (estimate.pixels_left(), estimate.seconds_left(9.0)) == (0, 0)
    assert estimate.share_done() == 1


def test_second_attempt_is_work_to_be_done_again() -> None:
    estimate = PixelEstimate({0: 100})
    estimate.start(0, 10, 50, now=0.0)
    estimate.advance(0, 10)
    estimate.start(0, 10, 50, now=10.0)
    assert estimate.pixels_left() == 500
    assert estimate.seconds_left(now=10.0) == pytest.approx(10.0)
