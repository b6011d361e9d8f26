"""How one clip becomes a sharper one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from vsr_cli.specs.device import Precision, check_precision, parse_devices

Chroma = Literal["bicubic", "model"]
DEFAULT_SCALE = 2  # where neither a scale nor a size is asked for
MAX_ROUNDS = 1000  # of back-projection; it converges in tens
SCENE_THRESHOLD = 50.0  # per cent of dissimilarity between two frames, see pipeline.shots


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleSpec:
    """How one file becomes a sharper one."""

    model: str = "2d3d"
    # Enlargement; None: DEFAULT_SCALE, or what width and height ask for. Beside these that of the
    # networks.
    scale: int | Fraction | None = None
    width: int | None = None  # of the output, as stored; None: by height, or by scale
    height: int | None = None
    domain: str | None = None  # None: natural if there is such, else the only one there is
    weights: tuple[Path, ...] = ()  # files in the place of released ones
    device: str = "auto"  # or several of a kind, with commas; see parse_devices
    precision: Precision = "auto"
    batch_size: int | None = None  # frames at once; None: by frame size and device
    tile: int | None = None  # pixels of a stage's input; 0: whole frames; None: by network
    chroma: Chroma = "bicubic"
    scene_threshold: float = SCENE_THRESHOLD  # per cent; see pipeline.shots; 0: off
    consistency: int = 0  # rounds of back-projection after the networks

    def __post_init__(self) -> None:
        for name in ("scale", "width", "height"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        has_size = self.width is not None or self.height is not None
        if self.scale is not None and self.scale % 1 and has_size:
            raise ValueError(f"with a width or height the scale must be whole, got {self.scale}")
        parse_devices(self.device)
        check_precision(self.precision)
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch size must be at least 1, got {self.batch_size}")
        if self.tile and self.tile < 16:
            raise ValueError(f"tile must be 0 (whole frames) or at least 16, got {self.tile}")
        if not 0 <= self.scene_threshold <= 100:
            raise ValueError(f"scene threshold must be 0 to 100, got {self.scene_threshold}")
        if not 0 <= self.consistency <= MAX_ROUNDS:
            raise ValueError(f"consistency must be in 0..{MAX_ROUNDS}, got {self.consistency}")
        if self.domain == "":
            raise ValueError("domain must not be empty; leave it out for the default")
        if self.chroma not in get_args(Chroma):
            raise ValueError(f"chroma must be {get_args(Chroma)}, got {self.chroma!r}")
