"""What an evaluation gives: scores with their protocol, and frame by frame while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vsr_cli.metrics import (
    ClipScores,
    FieldUnits,
    FrameScores,
    GridLike,
    MeanScores,
    scores_to_json,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The scores of all clips, and how they came about."""

    name: str  # the model, or the file that is compared, as it was asked for
    clips: tuple[ClipScores, ...]
    mean: MeanScores
    protocol: Mapping[str, Any]
    warnings: tuple[str, ...]
    units: FieldUnits | None = None  # of fields

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``; an infinite PSNR is null."""
        return {
            "clips": [scores_to_json(clip) for clip in self.clips],
            "mean": scores_to_json(self.mean),
            "protocol": dict(self.protocol),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFrame:
    """One frame, what became of it, and its scores; told while the run goes on."""

    clip: str
    number: int  # from 0
    border: int
    # (H, W) or (3, H, W) float64 in [0, 1], of several planes the first one; that of a field is
    # mapped there by its range, NaN where a value is missing.
    truth: Tensor
    results: tuple[Tensor, ...]  # of each model, of the truth's size
    scores: tuple[FrameScores, ...]
    grid: GridLike = "plane"


Watch = Callable[[ScoredFrame], object]


def to_json(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The document of ``--json``: that of the one model, or a list of all."""
    if len(evaluations) == 1:
        return evaluations[0].to_json()
    return {"models": [{"name": one.name, **one.to_json()} for one in evaluations]}
