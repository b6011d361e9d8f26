"""Scores of a clip plane by plane: luma and both chroma, or red, green and blue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.batch import FramePairs, TruthFrames
from vsr_cli.metrics.clip import ClipAccumulator
from vsr_cli.metrics.measures import MetricSettings
from vsr_cli.metrics.metric import known_score
from vsr_cli.metrics.scores import ClipScores, FrameScores, Scores
from vsr_cli.metrics.table import METRICS, key
from vsr_cli.specs import DEFAULT_METRICS

if TYPE_CHECKING:
    from vsr_cli.specs import MetricName, OutlineMethod


class PlaneAccumulator:
    """Takes the pictures of several planes of one clip, each scored by itself.

    A picture without a name has plain names of scores; "psnr_u" is that of plane "u". Metrics of
    vectors take all planes together, and have plain names.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: MetricSettings,
        outline: OutlineMethod | None = None,
        metrics: Sequence[MetricName] = DEFAULT_METRICS,
    ) -> None:
        self.name, self.settings = name, settings
        self.outline = outline
        self.metrics = [name for name in metrics if not METRICS[name].is_vector]
        self._vectors = {
            key(name): METRICS[name].make(settings) for name in metrics if METRICS[name].is_vector
        }
        self._planes: dict[str, ClipAccumulator] = {}
        self._scores: list[FrameScores] = []

    def add_batch(
        self, sr: Mapping[str, torch.Tensor], hr: Mapping[str, TruthFrames]
    ) -> list[FrameScores]:
        """Score the next frames, (B, C, H, W) of each plane; see ``ClipAccumulator``.

        The border is that of the first plane; smaller ones have as much of it as of the size.
        """
        full = max(truth.images.shape[-1] for truth in hr.values())
        for plane, truth in hr.items():
            if plane not in self._planes:
                border = round(self.settings.border * truth.images.shape[-1] / full)
                settings = replace(self.settings, border=border)
                self._planes[plane] = ClipAccumulator(
                    self.name, outline=self.outline, metrics=self.metrics, settings=settings
                )
        columns = [
            one.add_batch(FramePairs(sr[plane], hr[plane])) for plane, one in self._planes.items()
        ]
        vectors = self._add_vectors(sr, hr)
        frames = []
        for number, row in enumerate(zip(*columns, strict=True)):
            scores = dict(zip(self._planes, row, strict=True))
            values = {name: known_score(column[number]) for name, column in vectors.items()}
            frames.append(FrameScores(_by_plane(scores) | values, row[0].outline))
        self._scores += frames
        return frames

    def _add_vectors(
        self, sr: Mapping[str, torch.Tensor], hr: Mapping[str, TruthFrames]
    ) -> dict[str, list[float]]:
        """The scores of metrics that take all planes together, frame by frame."""
        if not self._vectors:
            return {}
        truths = [hr[plane] for plane in self._planes]
        together = truths[0].parts.once(
            "vector", lambda: TruthFrames(torch.cat([one.images for one in truths], 1))
        )
        frames = FramePairs(torch.cat([sr[plane] for plane in self._planes], 1), together)
        nothing = torch.full((len(frames),), math.nan)
        columns = ((name, metric.add_batch(frames)) for name, metric in self._vectors.items())
        return {name: (nothing if one is None else one).tolist() for name, one in columns}

    def close(self) -> None:
        """As that of ``ClipAccumulator``."""
        for one in self._planes.values():
            one.close()

    def result(self) -> ClipScores:
        """The scores of the frames added so far.

        Raises:
            ValueError: there are none.
        """
        if not self._scores:
            raise ValueError(f"clip {self.name!r} has no frame to score")
        clips = {plane: one.result() for plane, one in self._planes.items()}
        return ClipScores(
            values=_by_plane(clips) | {name: m.result() for name, m in self._vectors.items()},
            outline=next(iter(clips.values())).outline,
            name=self.name,
            frames=len(self._scores),
            per_frame=tuple(self._scores),
            missing=fmean(clip.missing for clip in clips.values()),
            empty_frames=max(clip.empty_frames for clip in clips.values()),
            value_range=self.settings.value_range,
        )


def _by_plane(scores: Mapping[str, Scores]) -> dict[str, float | None]:
    """All planes of a metric next to each other."""
    names = next(iter(scores.values())).values
    return {
        f"{name}_{plane}" if plane else name: one.values[name]
        for name in names
        for plane, one in scores.items()
    }
