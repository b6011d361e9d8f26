"""Scores of a clip: per frame, their mean over the frames, and the mean over clips.

A clip's PSNR is the mean of its frames' PSNR, as in the tables of the literature, and not the PSNR
of its mean error. A frame that equals the ground truth has an infinite PSNR, and so has its clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vsr_cli.metrics.contour import OutlineScores, compare_outlines
from vsr_cli.metrics.pixel import mse, psnr_of_mse
from vsr_cli.metrics.ssim import structural_similarity

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image
    from vsr_cli.specs import OutlineMethod


@dataclass(frozen=True, slots=True)
class FrameScores:
    """The scores of one frame."""

    psnr: float  # dB; infinite where mse is 0
    ssim: float
    mse: float  # of values in [0, 1]
    outline: OutlineScores | None = None


@dataclass(frozen=True, slots=True)
class ClipScores:
    """The scores of one clip, each the mean over its frames."""

    name: str
    frames: int
    psnr: float  # dB
    ssim: float
    mse: float
    per_frame: tuple[FrameScores, ...]
    outline: OutlineScores | None = None


@dataclass(frozen=True, slots=True)
class MeanScores:
    """The mean over clips; each clip counts once, however long it is."""

    clips: int
    frames: int  # of all clips together
    psnr: float  # dB
    ssim: float
    mse: float
    outline: OutlineScores | None = None


class ClipAccumulator:
    """Takes the frames of one clip in order and keeps their scores only."""

    def __init__(self, name: str, *, border: int = 0, outline: OutlineMethod | None = None) -> None:
        self.name = name
        self.border = border  # pixels at each side that do not count
        self.outline = outline  # how outlines are found; None: they are not
        self._scores: list[FrameScores] = []

    def add(self, sr: Image, hr: Image) -> FrameScores:
        """Score one frame. sr, hr: (H, W) float in [0, 1].

        Raises:
            ValueError: the images do not fit each other, are smaller than the SSIM's window, or
                hold no outline to be measured.
            MissingExtraError: outlines need scikit-image, which is not installed.
        """
        error = mse(sr, hr, border=self.border)
        similarity = structural_similarity(sr, hr, border=self.border)
        outline = compare_outlines(sr, hr, method=self.outline) if self.outline else None
        scores = FrameScores(psnr_of_mse(error), similarity, error, outline)
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
        outline = _mean_outline(frames)
        return ClipScores(self.name, len(frames), psnr, ssim, error, frames, outline)


def mean_over_clips(clips: Sequence[ClipScores]) -> MeanScores:
    """The mean over clips, each counted once.

    Raises:
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("the mean needs at least one clip, got none")
    psnr, ssim, error = _mean(clips)
    frames = sum(clip.frames for clip in clips)
    return MeanScores(len(clips), frames, psnr, ssim, error, _mean_outline(clips))


def scores_to_json(scores: FrameScores | ClipScores | MeanScores) -> dict[str, Any]:
    """The scores as a document for ``json.dumps``: an infinite PSNR, which JSON lacks, is null.

    Outlines that were not asked for are left out.
    """
    return asdict(scores, dict_factory=_finite_dict)


def _mean(scores: Sequence[FrameScores | ClipScores]) -> tuple[float, float, float]:
    """Mean PSNR, SSIM and MSE."""
    return (
        fmean(score.psnr for score in scores),
        fmean(score.ssim for score in scores),
        fmean(score.mse for score in scores),
    )


def _mean_outline(scores: Sequence[FrameScores | ClipScores]) -> OutlineScores | None:
    """The mean of each measure and error; None where there are none."""
    outlines = [score.outline for score in scores if score.outline is not None]
    if not outlines:
        return None
    columns = zip(*map(astuple, outlines), strict=True)
    return OutlineScores(*map(fmean, columns))


def _finite_dict(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in items
        if key != "outline" or value is not None
    }
