"""Scores of a clip plane by plane: luma and both chroma, or red, green and blue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.clip import ClipAccumulator, ClipScores, FrameScores, Scores
from vsr_cli.metrics.measures import MetricSettings
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

    def add(self, sr: Mapping[str, torch.Tensor], hr: Mapping[str, torch.Tensor]) -> FrameScores:
        """Score one frame; see ``ClipAccumulator``.

        The border is that of the first plane; smaller ones have as much of it as of the size.
        """
        full = max(image.shape[-1] for image in hr.values())
        for plane, image in hr.items():
            if plane not in self._planes:
                border = round(self.settings.border * image.shape[-1] / full)
                settings = replace(self.settings, border=border)
                self._planes[plane] = ClipAccumulator(
                    self.name, outline=self.outline, metrics=self.metrics, settings=settings
                )
        scores = {plane: one.add(sr[plane], hr[plane]) for plane, one in self._planes.items()}
        outline = next(iter(scores.values())).outline
        vectors: dict[str, float | None] = {}
        for name, metric in self._vectors.items():
            flows = (torch.stack([images[plane] for plane in self._planes]) for images in (sr, hr))
            vectors[name] = metric.add(*flows)
        frame = FrameScores(_by_plane(scores) | vectors, outline)
        self._scores.append(frame)
        return frame

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
