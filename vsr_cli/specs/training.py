"""What is trained on what, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from vsr_cli.specs.degradation import BICUBIC, DegradationSpec
from vsr_cli.specs.device import Precision, check_precision
from vsr_cli.specs.droplet import DropletSpec
from vsr_cli.specs.media import MAX_PIXELS, check_max_pixels
from vsr_cli.specs.simulation import InitialState, ShallowWaterSpec
from vsr_cli.specs.upscale import DEFAULT_SCALE

LossName = Literal[
    "mse",
    "unit-mse",
    "euclidean",
    "l1",
    "charbonnier",
    "psnr",
    "ssim",
    "ssim+cross-entropy",
    "adversarial",
]
Schedule = Literal["cosine", "constant", "steps"]
Optimizer = Literal["adam", "adamw", "sgd"]
# spike: relative to the usual norm; rate: each value by the learning rate (Kim 2016); none
GradientClip = Literal["spike", "rate", "none"]
RecipeForm = Literal["ours", "paper"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
DEFAULT_FORM: RecipeForm = "ours"
CUSTOM_DOMAIN = "custom"  # of weights that say no other one
SIMULATED_FRAMES = MappingProxyType({"jet": 160, "turbulence": 240, "droplet": 60})


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """A run that is simulated for the training and never written."""

    name: str  # as it was asked for, and the seed
    spec: ShallowWaterSpec | DropletSpec


def parse_simulated(text: str) -> tuple[SimulatedRun, ...]:
    """``jet:1-5`` as the runs of five seeds; ``turbulence:3``, ``droplet:1``.

    A run begins where ``vsr simulate`` does and has ``SIMULATED_FRAMES``; ``droplet`` is one drop.

    Raises:
        ValueError: no such simulation, or no seeds.
    """
    kind, _, seeds = text.partition(":")
    first, _, last = seeds.partition("-")
    if kind not in SIMULATED_FRAMES or not first.isdigit() or not (last or first).isdigit():
        known = ", ".join(SIMULATED_FRAMES)
        raise ValueError(
            f"a simulation is KIND:SEED or KIND:FIRST-LAST with one of {known}, got {text!r}"
        )
    runs = []
    for seed in range(int(first), int(last or first) + 1):
        spec: ShallowWaterSpec | DropletSpec
        if kind == "droplet":
            spec = DropletSpec(seed=seed, frames=SIMULATED_FRAMES[kind])
        else:
            initial = cast(InitialState, kind)
            spec = ShallowWaterSpec(initial=initial, seed=seed, frames=SIMULATED_FRAMES[kind])
        runs.append(SimulatedRun(name=f"{kind}:{seed}", spec=spec))
    if not runs:
        raise ValueError(f"the first seed must not be above the last one, got {text!r}")
    return tuple(runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """One training run. ``recipe`` holds what is tuned, the rest says what is trained on what."""

    model: str  # of the table; 2d3d-joint is fsrcnn and srnet3d in one graph
    data: tuple[Path, ...]  # files
    output: Path
    recipe: Recipe
    validation: tuple[Path, ...] = ()
    hold_out: float = 0.0  # part of the data that is scored on and not learnt from
    scale: int = DEFAULT_SCALE
    domain: str = CUSTOM_DOMAIN
    licence: str = ""  # of the data, for the model card
    # Weights of the 2D stage whose output a clip model refines, or an interpolation's name.
    behind: Path | Interpolation | None = None
    simulated: tuple[SimulatedRun, ...] = ()  # beside the files
    variable: str | None = None  # of files with fields; None: the only one
    start: tuple[Path, ...] = ()  # weights to start from
    degradation: DegradationSpec = BICUBIC  # from the truth to the network's input
    features: int | None = None  # channels; None: those of ``start``, or the paper's
    transfer: Path | None = None  # weights of another network, scale or width: what fits is taken
    layers: tuple[str, ...] = ()  # that are taken from there; empty: all that fit
    only: tuple[str, ...] = ()  # layers that are trained; empty: all
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"  # bf16 where the device is fast at it, else fp32
    checkpoint_every: int = 2000  # steps; validation too
    validation_frames: int = 8  # of each validation clip, spread over it
    perceptual_weights: Path | None = None  # VGG-19 of torchvision, for the adversarial loss
    tensorboard: Path | None = None  # folder for TensorBoard's event files
    max_pixels: int = MAX_PIXELS  # of a frame of the data, as a file states its size
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not (self.data or self.simulated):
            raise ValueError("training needs data: give --data FILE or --simulate jet:1-5")
        if self.scale < 2:
            raise ValueError(f"scale must be at least 2, got {self.scale}")
        if self.output.suffix != ".safetensors":
            raise ValueError(f"the output must end in .safetensors, got {self.output.name!r}")
        if self.checkpoint_every < 1 or self.validation_frames < 1:
            raise ValueError("checkpoint-every and validation-frames must be at least 1")
        shared = {path.resolve() for path in self.data} & {p.resolve() for p in self.validation}
        if shared:
            raise ValueError(f"{shared.pop()} is both training and validation data")
        if self.perceptual_weights and self.recipe.loss != "adversarial":
            raise ValueError("perceptual weights are for the loss adversarial, that of srgan")
        if not 0 <= self.hold_out < 1:
            raise ValueError(f"hold-out must be 0 or more and less than 1, got {self.hold_out}")
        check_precision(self.precision)
        check_max_pixels(self.max_pixels)
        if self.layers and self.transfer is None:
            raise ValueError("transfer-layer needs a file to take it from: give --transfer FILE")

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that are trained at once."""
        return self.recipe.scales or (self.scale,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained, on random patches."""

    steps: int
    batch_size: int
    patch: int  # pixels of the network's input
    margin: int  # pixels of the input at a patch's border that the loss leaves out
    learning_rate: float  # the peak
    last_layer_rate: float = 1.0  # of the last layer, relative to the others
    warmup_steps: int = 500
    schedule: Schedule = "cosine"
    decay_every: int = 0  # steps after which the rate of the schedule "steps" falls
    decay: float = 0.1  # to this part of what it was
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    clip: GradientClip = "spike"
    loss: LossName = "mse"
    # share of the loss that the recursions' own predictions have at first; it falls to 0
    supervision: float = 0.0
    ema_decay: float = 0.999  # 0: the weights as they are, no average
    residual: bool = True
    turns: bool = True  # the eight symmetries of the square, and time both ways
    sizes: tuple[float, ...] = (1.0,)  # copies of each still, as parts of its own size
    scales: tuple[int, ...] = ()  # trained at once, one of them in each step; empty: the run's own
    reparameterised: bool = False  # convolutions train as branches, see training.reparameterised
    patience: int = 0  # validations without a better one after which a run ends; 0: never

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.patch) < 1 or self.margin < 0:
            raise ValueError("steps, batch size and patch must be at least 1, margin at least 0")
        if 2 * self.margin >= self.patch:
            raise ValueError(f"margin must be less than half the patch, got {self.margin}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning rate must lie between 0 and 1, got {self.learning_rate}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"EMA decay must be 0 or more and less than 1, got {self.ema_decay}")
        if not 0 <= self.supervision <= 1:
            raise ValueError(f"supervision must lie between 0 and 1, got {self.supervision}")
        if min(self.last_layer_rate, self.weight_decay, self.patience, self.warmup_steps) < 0:
            raise ValueError("rates, decays, patience and warm-up must not be negative")
        if not all(0 < size <= 1 for size in self.sizes):
            raise ValueError(f"sizes must be above 0 and at most 1, got {self.sizes}")
        if self.schedule == "steps" and self.decay_every < 1:
            raise ValueError("the schedule of steps needs decay_every, at least 1")

    def finetuned(self) -> Recipe:
        """The recipe for going on from trained weights, with more data or a clip of one's own.

        The papers' form halves the rate, as Dong 2016 and Yang 2021 do when General-100 joins the
        91 images; ours takes a quarter of it and a tenth of the steps. Recursions are supervised
        no more.
        """
        if self.schedule != "cosine":
            return replace(self, learning_rate=self.learning_rate / 2, supervision=0.0)
        return replace(
            self,
            supervision=0.0,
            learning_rate=self.learning_rate / 4,
            steps=max(1, self.steps // 10),
            warmup_steps=self.warmup_steps // 10,
        )
