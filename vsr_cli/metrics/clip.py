"""Scores of a clip: per frame, their mean over the frames, and the mean over clips.

A clip's PSNR is the mean of its frames' PSNR, as in the tables of the literature, and not the PSNR
of its mean error. A frame that equals the ground truth has an infinite PSNR, and so has its clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vsr_cli.metrics.pixel import mse, psnr_of_mse
from vsr_cli.metrics.ssim import structural_similarity

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image


@dataclass(frozen=True, slots=True)
class FrameScores:
    """The scores of one frame."""

    psnr: float  # dB; infinite where mse is 0
    ssim: float
    mse: float  # of values in [0, 1]


@dataclass(frozen=True, slots=True)
class ClipScores:
    """The scores of one clip, each the mean over its frames."""

    name: str
    frames: int
    psnr: float  # dB
    ssim: float
    mse: float
    per_frame: tuple[FrameScores, ...]


@dataclass(frozen=True, slots=True)
class MeanScores:
    """The mean over clips; each clip counts once, however long it is."""

    clips: int
    frames: int  # of all clips together
    psnr: float  # dB
    ssim: float
    mse: float


class ClipAccumulator:
    """Takes the frames of one clip in order and keeps their scores only."""

    def __init__(self, name: str, *, border: int = 0) -> None:
        self.name = name
        self.border = border  # pixels at each side that do not count
        self._scores: list[FrameScores] = []

    def add(self, sr: Image, hr: Image) -> FrameScores:
        """Score one frame. sr, hr: (H, W) float in [0, 1].

        Raises:
            ValueError: the images do not fit each other, or are smaller than the SSIM's window.
        """
        error = mse(sr, hr, border=self.border)
        similarity = structural_similarity(sr, hr, border=self.border)
        scores = FrameScores(psnr=psnr_of_mse(error), ssim=similarity, mse=error)
        self._scores.append(scores)
        return scores

    def result(self) -> ClipScores:
        """The scores of the frames added so far.

        Raises:
            ValueError: there are none.
        """
        if not self._scores:
            raise ValueError(f"clip {self.name!r} has no frame to score")
        psnr, ssim, error = _mean(self._scores)
        frames = tuple(self._scores)
        return ClipScores(self.name, len(frames), psnr, ssim, error, frames)


def mean_over_clips(clips: Sequence[ClipScores]) -> MeanScores:
    """The mean over clips, each counted once.

    Raises:
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("the mean needs at least one clip, got none")
    psnr, ssim, error = _mean(clips)
    return MeanScores(len(clips), sum(clip.frames for clip in clips), psnr, ssim, error)


def scores_to_json(scores: FrameScores | ClipScores | MeanScores) -> dict[str, Any]:
    """The scores as a document for ``json.dumps``: an infinite PSNR, which JSON lacks, is null."""
    return asdict(scores, dict_factory=_finite_dict)


def _mean(scores: Sequence[FrameScores | ClipScores]) -> tuple[float, float, float]:
    """Mean PSNR, SSIM and MSE."""
    return (
        fmean(score.psnr for score in scores),
        fmean(score.ssim for score in scores),
        fmean(score.mse for score in scores),
    )


def _finite_dict(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in items
    }
