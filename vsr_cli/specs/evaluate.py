"""What is compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from vsr_cli.specs.degradation import BICUBIC, DegradationSpec
from vsr_cli.specs.upscale import UpscaleSpec

OutlineMethod = Literal["level", "canny", "canny-filled"]  # see metrics/contour.py

# What only a model uses when files are scored; scale may say what the files were made with.
OF_MODEL = frozenset(
    {
        "domain",
        "weights",
        "device",
        "precision",
        "batch_size",
        "tile",
        "scene_threshold",
        "consistency",
        "degradation",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSpec:
    """What is compared with the truth: what a model makes of it, or files that are there."""

    model: str | None = None
    scale: int = 2
    domain: str | None = None  # as in UpscaleSpec, and so are the next seven
    weights: tuple[Path, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    tile: int | None = None
    scene_threshold: float = 50.0
    consistency: int = 0
    lr: Path | None = None  # given low-resolution input: a file or a folder; None: degrade
    degradation: DegradationSpec = BICUBIC  # from the truth to the model's input
    against: Path | None = None  # a file or a folder to compare with, in the place of a model
    border: int | None = None  # pixels cut on each side; None: scale with a model, else 0
    outline: OutlineMethod | None = None  # how the outline is found that is measured, if one is

    def __post_init__(self) -> None:
        if (self.model is None) == (self.against is None):
            given = "neither" if self.model is None else "both"
            raise ValueError(f"give either --model NAME or --against FILE, got {given}")
        if self.against is not None and self.lr is not None:
            raise ValueError("--lr is the input of a model: it cannot go with --against")
        if self.lr is not None and self.degradation != BICUBIC:
            raise ValueError("--lr is given in the place of degrading: leave --degradation out")
        if self.border is not None and self.border < 0:
            raise ValueError(f"border must be at least 0, got {self.border}")
        if self.outline not in (None, *get_args(OutlineMethod)):
            raise ValueError(f"outline must be {get_args(OutlineMethod)}, got {self.outline!r}")
        if self.model is not None:
            self.upscale()
            return
        for field in fields(self):
            if field.name in OF_MODEL and getattr(self, field.name) != field.default:
                option = field.name.replace("_", "-")
                raise ValueError(f"--{option} belongs to --model, it cannot go with --against")

    def upscale(self) -> UpscaleSpec:
        """The settings with which ``vsr upscale`` gives the frames that are scored.

        Raises:
            ValueError: there is no model, or one of them cannot be.
        """
        if self.model is None:
            raise ValueError("a comparison of files has no model")
        return UpscaleSpec(
            model=self.model,
            scale=self.scale,
            domain=self.domain,
            weights=self.weights,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
            tile=self.tile,
            scene_threshold=self.scene_threshold,
            consistency=self.consistency,
        )
