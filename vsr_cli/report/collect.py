"""What a report shows, collected while the frames pass: one keeper for each clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsr_cli.report.keep import ClipKeeper

if TYPE_CHECKING:
    from torch import Tensor

    from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame

MOST_CLIPS = 6  # whose pictures are shown; curves and scores are those of all


class ReportCollector:
    """Keeps pictures of the first clips and nothing of the others, so that memory is bounded."""

    def __init__(self) -> None:
        self.clips: dict[str, ClipKeeper] = {}

    def add(self, frame: ScoredFrame) -> None:
        """Take one frame; clips come one after the other."""
        if frame.number == 0 or frame.clip not in self.clips:
            if frame.clip not in self.clips and len(self.clips) == MOST_CLIPS:
                return
            keeper = ClipKeeper(len(frame.results), border=frame.border, grid=frame.grid)
            self.clips[frame.clip] = keeper
        truth, *results = (_plane(image) for image in (frame.truth, *frame.results))
        self.clips[frame.clip].add(truth, results)


def _plane(image: Tensor) -> Tensor:
    """(H, W) as it is; of (3, H, W) the mean of the three."""
    return image if image.ndim == 2 else image.mean(0)
