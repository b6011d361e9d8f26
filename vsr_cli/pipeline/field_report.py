"""What became of a file of fields: the document of ``--json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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
class FieldReport:
    """One upscaled file of fields."""

    input: str
    output: str
    model: str
    scale: int
    domain: str | None
    device: str
    precision: str
    frames: int  # steps of all series
    seconds: float
    fps: float
    variables: tuple[VariableReport, ...]
    left_out: tuple[str, ...]  # variables on the grid that are not in the output
    boundary: str
    mapping: str
    warnings: list[str]
    peak_rss_mb: float

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return asdict(self)
