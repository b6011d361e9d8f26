"""The settings of every command, checked when they are made; the command line shows their defaults.

Standard library only: ``vsr --help`` reads this file and loads no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

InitialState = Literal["jet", "turbulence"]
SimulatedField = Literal["vorticity", "height", "divergence", "speed"]
Chroma = Literal["bicubic", "model"]
LossName = Literal["mse", "charbonnier", "psnr"]

FIELD_UNITS: Mapping[SimulatedField, str] = MappingProxyType(
    {"vorticity": "1 / second", "height": "meter", "divergence": "1 / second", "speed": "m / s"}
)
# Physical values at code 0 and at the largest code of a video; fixed, so that two clips of the
# same field can be compared grey by grey. Values beyond are clipped.
FIELD_RANGES: Mapping[SimulatedField, tuple[float, float]] = MappingProxyType(
    {
        "vorticity": (-2.5e-4, 2.5e-4),
        "height": (7500.0, 11500.0),
        "divergence": (-5e-5, 5e-5),
        "speed": (0.0, 120.0),
    }
)
# What only a model uses when files are scored; scale may say what the files were made with.
OF_MODEL = frozenset(
    {"domain", "weights", "device", "precision", "batch_size", "tile", "scene_threshold"}
)
# The days in which nothing happens: the jet has broken up after about eight days, the vortices
# have drawn their first filaments after two.
SPINUP_HOURS: Mapping[InitialState, float] = MappingProxyType({"jet": 192.0, "turbulence": 48.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShallowWaterSpec:
    """One run of the shallow-water equations. The grid is Gaussian: width is twice the height."""

    width: int = 640
    height: int = 320
    frames: int = 120
    interval_min: float = 30.0  # model minutes between two frames
    spinup_hours: float = -1.0  # before the first frame; negative: SPINUP_HOURS[initial]
    initial: InitialState = "jet"
    seed: int = 0
    field: SimulatedField = "vorticity"

    def __post_init__(self) -> None:
        if self.width != 2 * self.height or self.height % 2 or self.height < 16:
            raise ValueError(
                "size must be twice as wide as high, with an even height of at least 16 "
                f"(for example 640x320), got {self.width}x{self.height}"
            )
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")
        if not (math.isfinite(self.interval_min) and self.interval_min > 0):
            raise ValueError(f"interval must be more than 0 minutes, got {self.interval_min}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        if self.initial not in get_args(InitialState):
            raise ValueError(f"initial must be {get_args(InitialState)}, got {self.initial!r}")
        if self.field not in get_args(SimulatedField):
            raise ValueError(f"field must be {get_args(SimulatedField)}, got {self.field!r}")
        if self.spinup_hours < 0:
            object.__setattr__(self, "spinup_hours", SPINUP_HOURS[self.initial])

    @property
    def value_range(self) -> tuple[float, float]:
        """Physical values at code 0 and at the largest code."""
        return FIELD_RANGES[self.field]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """One training run. ``recipe`` holds what is tuned, the rest says what is trained on what."""

    model: str  # fsrcnn, srnet3d, or 2d3d: both jointly
    data: tuple[Path, ...]
    output: Path
    recipe: Recipe
    validation: tuple[Path, ...] = ()
    scale: int = 2
    domain: str = "custom"
    behind: Path | None = None  # weights of the 2D stage whose output a clip model refines
    start: tuple[Path, ...] = ()  # weights to start from
    seed: int = 0
    device: str = "auto"
    precision: str = "bf16"
    checkpoint_every: int = 2000  # steps; validation too
    validation_frames: int = 8  # of each validation clip, spread over it
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("training needs at least one clip: give --data FILE")
        if self.scale < 2:
            raise ValueError(f"scale must be at least 2, got {self.scale}")
        if self.output.suffix != ".safetensors":
            raise ValueError(f"the output must end in .safetensors, got {self.output.name!r}")
        if self.checkpoint_every < 1 or self.validation_frames < 1:
            raise ValueError("checkpoint-every and validation-frames must be at least 1")
        shared = {path.resolve() for path in self.data} & {p.resolve() for p in self.validation}
        if shared:
            raise ValueError(f"{shared.pop()} is both training and validation data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained: Adam with warm-up and cosine decay on random patches."""

    steps: int
    batch_size: int
    patch: int  # pixels of the network's input
    margin: int  # pixels of the input at a patch's border that the loss leaves out
    learning_rate: float
    warmup_steps: int = 500
    loss: LossName = "mse"
    ema_decay: float = 0.999
    residual: bool = True

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.patch) < 1 or self.margin < 0:
            raise ValueError("steps, batch size and patch must be at least 1, margin at least 0")
        if 2 * self.margin >= self.patch:
            raise ValueError(f"margin must be less than half the patch, got {self.margin}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning rate must lie between 0 and 1, got {self.learning_rate}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"EMA decay must be 0 or more and less than 1, got {self.ema_decay}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingSpec:
    """How the output is encoded. None: what suits the container and the clip."""

    codec: str | None = None  # x264, x265, svtav1, vp9, ffv1, prores, or an encoder of FFmpeg
    crf: float | None = None  # constant rate factor: lower is better and larger
    preset: str | None = None  # the encoder's own name for its speed, e.g. "slow" or "8"
    pix_fmt: str | None = None  # FFmpeg's name, e.g. "yuv420p"; may lose something, and says so

    def __post_init__(self) -> None:
        if self.crf is not None and not (math.isfinite(self.crf) and 0 <= self.crf <= 63):
            raise ValueError(f"crf must be in 0..63, got {self.crf}")
        for name in ("codec", "preset", "pix_fmt"):
            if getattr(self, name) == "":
                raise ValueError(f"{name.replace('_', '-')} must not be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleSpec:
    """How one file becomes a sharper one."""

    model: str = "2d3d"
    scale: int = 2
    domain: str | None = None  # None: natural if there is such, else the only one there is
    weights: tuple[Path, ...] = ()  # files in the place of released ones
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None  # frames at once; None: by frame size and device
    tile: int | None = None  # pixels of a stage's input; 0: whole frames; None: by device
    chroma: Chroma = "bicubic"
    scene_threshold: float = 50.0  # per cent; see pipeline.shots; 0: off
    start_s: float | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scale must be at least 1, got {self.scale}")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch size must be at least 1, got {self.batch_size}")
        if self.tile and self.tile < 16:
            raise ValueError(f"tile must be 0 (whole frames) or at least 16, got {self.tile}")
        if not 0 <= self.scene_threshold <= 100:
            raise ValueError(f"scene threshold must be 0 to 100, got {self.scene_threshold}")
        if self.chroma not in get_args(Chroma):
            raise ValueError(f"chroma must be {get_args(Chroma)}, got {self.chroma!r}")
        start, end = self.start_s or 0.0, self.end_s
        if not (math.isfinite(start) and start >= 0):
            raise ValueError(f"start must be at least 0 seconds, got {start:g}")
        if end is not None and not (math.isfinite(end) and end > start):
            raise ValueError(f"end must be finite and later than start, got {start:g} to {end:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSpec:
    """What is compared with the truth: what a model makes of it, or files that are there."""

    model: str | None = None
    scale: int = 2
    domain: str | None = None  # as in UpscaleSpec, and so are the next six
    weights: tuple[Path, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    tile: int | None = None
    scene_threshold: float = 50.0
    lr: Path | None = None  # given low-resolution input: a file or a folder; None: degrade
    against: Path | None = None  # a file or a folder to compare with, in the place of a model
    border: int | None = None  # pixels cut on each side; None: scale with a model, else 0

    def __post_init__(self) -> None:
        if (self.model is None) == (self.against is None):
            given = "neither" if self.model is None else "both"
            raise ValueError(f"give either --model NAME or --against FILE, got {given}")
        if self.against is not None and self.lr is not None:
            raise ValueError("--lr is the input of a model: it cannot go with --against")
        if self.border is not None and self.border < 0:
            raise ValueError(f"border must be at least 0, got {self.border}")
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
        )
