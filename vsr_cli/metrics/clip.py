"""The frames of one clip to its scores, by several metrics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.contour import OutlineScores, compare_outlines, find_outline
from vsr_cli.metrics.measures import MetricSettings
from vsr_cli.metrics.metric import known_score
from vsr_cli.metrics.scores import ClipScores, FrameScores, mean_outline
from vsr_cli.metrics.table import METRICS, key
from vsr_cli.metrics.vmaf import Vmaf
from vsr_cli.specs import DEFAULT_METRICS

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image
    from vsr_cli.specs import MetricName, OutlineMethod


class ClipAccumulator:
    """Takes the frames of one clip in order and keeps their scores only."""

    def __init__(
        self,
        name: str,
        *,
        border: int = 0,
        outline: OutlineMethod | None = None,
        metrics: Sequence[MetricName] = DEFAULT_METRICS,
        settings: MetricSettings | None = None,
    ) -> None:
        """``settings`` are those of all metrics, in the place of ``border`` alone."""
        self.name = name
        self.outline = outline  # how outlines are found; None: they are not
        settings = settings or MetricSettings(border=border)
        self.border, self.value_range = settings.border, settings.value_range
        self._metrics = {metric: METRICS[metric].make(settings) for metric in metrics}
        self._scores: list[FrameScores] = []
        self._missing: list[float] = []  # share of each frame

    def add(self, sr: Image, hr: Image) -> FrameScores:
        """Score one frame. sr, hr: (H, W) or (3, H, W) float in [0, 1]; of a field its values.

        Where ``hr`` is NaN there is no truth: such pixels do not count.

        Raises:
            ValueError: the images do not fit each other, are smaller than a metric's window, or
                hold no outline to be measured.
            MissingExtraError: outlines or optical flow need scikit-image, which is not installed.
        """
        return self.add_batch(FramePairs.of(sr, hr))[0]

    def add_batch(self, frames: FramePairs) -> list[FrameScores]:
        """Score the next frames; errors are those of ``add``.

        All metrics are computed on the device of the frames before their scores are brought to
        the host, in one go.
        """
        unit = frames
        if self.value_range is not None:
            unit = frames.mapped(partial(to_unit, value_range=self.value_range), self.value_range)
        scores = {
            key(name): metric.add_batch(frames if METRICS[name].of_values else unit)
            for name, metric in self._metrics.items()
        }
        known = {name: score for name, score in scores.items() if score is not None}
        columns = torch.stack([frames.truth.missing(self.border), *known.values()]).tolist()
        self._missing += columns[0]
        figures = dict(zip(known, columns[1:], strict=True))
        outlines = _outlines(unit, self.outline) if self.outline else [None] * len(frames)
        found = []
        for number, outline in enumerate(outlines):
            values = {
                name: known_score(figures[name][number]) if name in figures else None
                for name in scores
            }
            found.append(FrameScores(values, outline))
        self._scores += found
        return found

    def close(self) -> None:
        """End what a metric has running; after ``result`` nothing is."""
        for metric in self._metrics.values():
            if isinstance(metric, Vmaf):
                metric.close()

    def result(self) -> ClipScores:
        """The scores of the frames added so far.

        Raises:
            ValueError: there are none.
        """
        if not self._scores:
            raise ValueError(f"clip {self.name!r} has no frame to score")
        frames = tuple(self._scores)
        return ClipScores(
            values={key(name): metric.result() for name, metric in self._metrics.items()},
            outline=mean_outline(frames),
            name=self.name,
            frames=len(frames),
            per_frame=frames,
            missing=fmean(self._missing),
            empty_frames=self._missing.count(1.0),
            value_range=self.value_range,
        )


def to_unit(values: torch.Tensor, value_range: tuple[float, float]) -> torch.Tensor:
    """The values of a field as a picture, float64: the ends of the range become 0 and 1."""
    low, high = value_range
    return (values.to(torch.float64) - low) / (high - low)


def _outlines(frames: FramePairs, method: OutlineMethod) -> list[OutlineScores | None]:
    """The outlines in each frame; that of the truth is found once for all results."""
    host = frames.on_host()
    found: list[OutlineScores | None] = []
    for number, (sr, hr) in enumerate(zip(host.sr, host.truth.images, strict=True)):
        truth = host.truth.parts.once(
            ("outline", method, number), partial(find_outline, hr.squeeze(0), method=method)
        )
        found.append(compare_outlines(sr.squeeze(0), truth, method=method))
    return found
