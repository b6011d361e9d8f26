"""What became of a file of fields: the document of ``--json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from vsr_cli.pipeline.report import FileReport, Start, peak_rss_mb

MAPPING = "(value - low) / (high - low); values outside are not cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableReport:
    """What became of one variable."""

    name: str
    units: str
    series: int  # levels and members, each by itself
    value_range: tuple[float, float]
    clipped: int  # values that the stored type could not hold
    mean_error: float | None  # largest difference of a block's mean, in its unit; None: not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport(FileReport):
    """One upscaled file of fields; its frames are the steps of all series."""

    seconds: float
    fps: float
    variables: tuple[VariableReport, ...]
    left_out: tuple[str, ...]  # variables on the grid that are not in the output
    boundary: str
    mapping: str
    warnings: list[str]
    peak_rss_mb: float

    @classmethod
    def of(
        cls,
        start: Start,
        variables: Sequence[VariableReport],
        *,
        seconds: float,
        left_out: Sequence[str],
        boundary: str,
        told: Sequence[str],
    ) -> Self:
        """``told`` are the warnings since the start."""
        frames = start.frames or 0
        return cls(
            **start.facts,
            frames=frames,
            seconds=round(seconds, 3),
            fps=round(frames / seconds, 3),
            variables=tuple(variables),
            left_out=tuple(left_out),
            boundary=boundary,
            mapping=MAPPING,
            warnings=[*start.warnings, *told],
            peak_rss_mb=peak_rss_mb(),
        )
