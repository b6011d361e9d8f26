"""What all metrics of the table are: things that take the frames of one clip in order.

Frames come in batches, and what a metric says of them are tensors on their device; so that nothing
waits for the device, nothing is brought from there before the scores of all metrics are computed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.batch import FramePairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsr_cli.metrics.pair import Image


class ClipMetric(ABC):
    """Takes the frames of one clip in order."""

    @abstractmethod
    def add_batch(self, frames: FramePairs) -> torch.Tensor | None:
        """Take the next frames; their own scores (B,), NaN where there is none, if they have any.

        Raises:
            ValueError: the frames are too small, or not what the metric is of.
        """

    @abstractmethod
    def result(self) -> float | None:
        """The score of the clip so far, if it has one."""

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame; returns its own score if there is one.

        sr, hr: (H, W) or (3, H, W) float in [0, 1], NaN in ``hr`` where there is no truth.

        Raises:
            ValueError: as ``add_batch``, or the images do not fit each other (see ``FramePairs``).
        """
        scores = self.add_batch(FramePairs.of(sr, hr))
        return None if scores is None else known_score(float(scores[0]))


class FrameMetric(ClipMetric):
    """A metric of frames: the clip's is the mean over those that have a score."""

    def __init__(self) -> None:
        self._scores: list[torch.Tensor] = []

    @abstractmethod
    def per_frame(self, frames: FramePairs) -> torch.Tensor:
        """The score of each frame, (B,); errors are those of ``add_batch``."""

    def add_batch(self, frames: FramePairs) -> torch.Tensor:
        """Take the next frames; their scores."""
        self._scores.append(self.per_frame(frames))
        return self._scores[-1]

    def result(self) -> float | None:
        """The mean so far."""
        scores = torch.cat(self._scores).tolist() if self._scores else []
        known = [score for score in scores if not math.isnan(score)]
        return fmean(known) if known else None


class FrameMean(FrameMetric):
    """A metric of single frames, by a function of them."""

    def __init__(self, function: Callable[[FramePairs], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def per_frame(self, frames: FramePairs) -> torch.Tensor:
        """What the function says."""
        return self.function(frames)


def known_score(score: float) -> float | None:
    """A score, or None if it is none: so much of the truth is missing."""
    return None if math.isnan(score) else score
