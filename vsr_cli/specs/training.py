"""What is trained on what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsr_cli.specs.degradation import BICUBIC, DegradationSpec

LossName = Literal["mse", "charbonnier", "psnr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """One training run. ``recipe`` holds what is tuned, the rest says what is trained on what."""

    model: str  # fsrcnn, srnet3d, or 2d3d-joint: both in one graph
    data: tuple[Path, ...]
    output: Path
    recipe: Recipe
    validation: tuple[Path, ...] = ()
    scale: int = 2
    domain: str = "custom"
    behind: Path | None = None  # weights of the 2D stage whose output a clip model refines
    start: tuple[Path, ...] = ()  # weights to start from
    degradation: DegradationSpec = BICUBIC  # from the truth to the network's input
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
    reparameterised: bool = False  # convolutions train as branches, see training.reparameterised

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.patch) < 1 or self.margin < 0:
            raise ValueError("steps, batch size and patch must be at least 1, margin at least 0")
        if 2 * self.margin >= self.patch:
            raise ValueError(f"margin must be less than half the patch, got {self.margin}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning rate must lie between 0 and 1, got {self.learning_rate}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"EMA decay must be 0 or more and less than 1, got {self.ema_decay}")
