"""Scores of clips: what a mean is taken over, and what becomes of infinity."""

from __future__ import annotations

import json
import math
from statistics import fmean

import pytest
import torch

from vsr_cli.metrics import (
    ClipAccumulator,
    ClipScores,
    compare_outlines,
    mean_over_clips,
    psnr,
    scores_to_json,
    structural_similarity,
)

HR = torch.linspace(0, 1, 20 * 24, dtype=torch.float64).reshape(20, 24)


def _clip(name: str, *errors: float, border: int = 0) -> ClipScores:
    """Scores of a clip whose frames are off by a constant."""
    accumulator = ClipAccumulator(name, border=border)
    for error in errors:
        accumulator.add(HR + error, HR)
    return accumulator.result()


def test_clip_is_the_mean_over_its_frames() -> None:
    scores = _clip("a", 0.1, 0.01)
    assert scores.frames == len(scores.per_frame) == 2
    assert scores.psnr == pytest.approx(30)  # the PSNR of the mean error would be 22.97
    assert scores.mse == pytest.approx(0.00505)
    assert scores.ssim == pytest.approx(fmean(frame.ssim for frame in scores.per_frame))


def test_frame_scores_are_those_of_the_metrics() -> None:
    accumulator = ClipAccumulator("a", border=3)
    frame = accumulator.add(HR.flip(0), HR)
    assert frame.psnr == psnr(HR.flip(0), HR, border=3)
    assert frame.ssim == structural_similarity(HR.flip(0), HR, border=3)


def test_mean_counts_each_clip_once() -> None:
    mean = mean_over_clips([_clip("long", 0.1, 0.1, 0.1), _clip("short", 0.001)])
    assert (mean.clips, mean.frames) == (2, 4)
    assert mean.psnr == pytest.approx(40)


def test_identical_frame_is_infinite_and_null_in_json() -> None:
    scores = _clip("a", 0.0, 0.1)
    assert math.isinf(scores.psnr)
    document = json.loads(json.dumps(scores_to_json(scores), allow_nan=False))
    assert document["psnr"] is None
    assert [frame["psnr"] for frame in document["per_frame"]] == [None, pytest.approx(20)]
    assert document["name"] == "a"


def test_clip_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="clip 'a' has no frame"):
        ClipAccumulator("a").result()


def test_mean_of_no_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        mean_over_clips([])


def _disc(radius: float) -> torch.Tensor:
    """A soft disc, (48, 48) float64 in [0, 1]."""
    y, x = torch.meshgrid(*[torch.arange(48, dtype=torch.float64) - 23.4] * 2, indexing="ij")
    return (0.5 + (radius - torch.hypot(x, y)) / 2).clamp(0.1, 0.9)


def test_outlines_are_measured_if_asked_for() -> None:
    accumulator = ClipAccumulator("a", border=2, outline="level")
    for radius in (12.0, 14.0):
        accumulator.add(_disc(radius - 0.5), _disc(radius))
    clip = accumulator.result()
    frames = [compare_outlines(_disc(radius - 0.5), _disc(radius)) for radius in (12.0, 14.0)]
    assert [frame.outline for frame in clip.per_frame] == frames
    assert clip.outline is not None
    assert clip.outline.diameter == pytest.approx(25, abs=0.1)
    assert clip.outline.diameter_error == pytest.approx(1, abs=0.05)
    assert clip.outline.area_error == pytest.approx(fmean(frame.area_error for frame in frames))
    other = ClipAccumulator("b", outline="level")
    other.add(_disc(13), _disc(13))
    mean = mean_over_clips([clip, other.result()])
    assert mean.outline is not None
    assert mean.outline.area_error == pytest.approx(clip.outline.area_error / 2)
    document = json.loads(json.dumps(scores_to_json(clip), allow_nan=False))
    assert document["outline"]["area_error"] == clip.outline.area_error
    assert document["per_frame"][1]["outline"]["area"] == frames[1].area


def test_outlines_are_left_out_if_not_asked_for() -> None:
    clip = _clip("a", 0.1)
    assert clip.outline is None
    assert "outline" not in json.dumps(
        [scores_to_json(clip), scores_to_json(mean_over_clips([clip]))]
    )
