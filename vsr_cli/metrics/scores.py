"""Scores of a clip: per frame, their mean over the frames, and the mean over clips.

A clip's PSNR is the mean of its frames' PSNR, as in the tables of the literature, and not the PSNR
of its mean error; so are all metrics of single frames. A frame that equals the ground truth has an
infinite PSNR, and so has its clip. Metrics of the whole clip have a figure for that alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from statistics import fmean
from typing import Any

from vsr_cli.metrics.contour import OutlineScores


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures by the name of their metric, in the order asked for."""

    values: Mapping[str, float | None]  # None where there is none, as of the first frame's change
    outline: OutlineScores | None = None

    @property
    def psnr(self) -> float:
        """PSNR in dB; infinite where the images are identical.

        Raises:
            ValueError: it was not asked for.
        """
        return self.value("psnr")

    @property
    def ssim(self) -> float:
        """SSIM, as ``psnr``."""
        return self.value("ssim")

    @property
    def mse(self) -> float:
        """Mean squared error, as ``psnr``."""
        return self.value("mse")

    def value(self, name: str) -> float:
        """The figure of one metric.

        Raises:
            ValueError: there is none.
        """
        value = self.values.get(name)
        if value is None:
            raise ValueError(f"there is no {name} here, only {', '.join(self.values)}")
        return value


@dataclass(frozen=True, slots=True)
class FrameScores(Scores):
    """The scores of one frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores(Scores):
    """The scores of one clip."""

    name: str
    frames: int
    per_frame: tuple[FrameScores, ...]
    missing: float = 0.0  # share of pixels without a truth
    empty_frames: int = 0  # that hold no truth at all, and count in no mean
    value_range: tuple[float, float] | None = None  # of a field: see MetricSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanScores(Scores):
    """The mean over clips; each clip counts once, however long it is."""

    clips: int
    frames: int  # of all clips together


def mean_over_clips(clips: Sequence[ClipScores]) -> MeanScores:
    """The mean over clips, each counted once; a clip without a figure does not count in its mean.

    Raises:
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("the mean needs at least one clip, got none")
    return MeanScores(
        values={name: _mean(clip.values[name] for clip in clips) for name in clips[0].values},
        outline=mean_outline(clips),
        clips=len(clips),
        frames=sum(clip.frames for clip in clips),
    )


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """The scores as a document for ``json.dumps``: what is infinite, which JSON lacks, is null.

    Outlines that were not asked for are left out.
    """
    document: dict[str, Any] = {}
    if isinstance(scores, ClipScores):
        document["name"] = scores.name
    if isinstance(scores, MeanScores):
        document["clips"] = scores.clips
    if isinstance(scores, ClipScores | MeanScores):
        document["frames"] = scores.frames
    if isinstance(scores, ClipScores) and scores.missing:
        document |= {"missing": scores.missing, "empty_frames": scores.empty_frames}
    if isinstance(scores, ClipScores) and scores.value_range:
        document["value_range"] = list(scores.value_range)
    document |= {name: _finite(value) for name, value in scores.values.items()}
    if isinstance(scores, ClipScores):
        document["per_frame"] = [scores_to_json(frame) for frame in scores.per_frame]
    if scores.outline is not None:
        outline = asdict(scores.outline)
        document["outline"] = {name: _finite(value) for name, value in outline.items()}
    return document


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def mean_outline(scores: Sequence[Scores]) -> OutlineScores | None:
    """The mean of each measure and error; None where there are none."""
    outlines = [score.outline for score in scores if score.outline is not None]
    if not outlines:
        return None
    columns = zip(*map(astuple, outlines), strict=True)
    return OutlineScores(*map(fmean, columns))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
