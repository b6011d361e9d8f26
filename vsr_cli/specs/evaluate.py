"""What is compared with the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from vsr_cli.specs.degradation import BICUBIC, DegradationSpec
from vsr_cli.specs.device import Precision
from vsr_cli.specs.fields import check_value_range
from vsr_cli.specs.media import MAX_PIXELS, check_max_pixels
from vsr_cli.specs.metrics import DEFAULT_METRICS, Channel, Grid, MetricName
from vsr_cli.specs.upscale import DEFAULT_SCALE, UpscaleSpec

USUAL = UpscaleSpec()
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
LPIPS_SOURCES = (
    "lpips needs weights, which are not ours to give: --lpips-weights FILE with torchvision's "
    "AlexNet (https://download.pytorch.org/models/alexnet-owt-7be5be79.pth) and another one with "
    "the heads (alex.pth in lpips/weights/v0.1 of https://github.com/richzhang/PerceptualSimilarity"
    "), or those of VGG-16"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSpec:
    """What is compared with the truth: what a model makes of it, or files that are there."""

    model: str | None = None
    scale: int = DEFAULT_SCALE
    domain: str | None = USUAL.domain  # as in UpscaleSpec, and so are the next seven
    weights: tuple[Path, ...] = USUAL.weights
    device: str = USUAL.device
    precision: Precision = USUAL.precision
    batch_size: int | None = USUAL.batch_size
    tile: int | None = USUAL.tile
    scene_threshold: float = USUAL.scene_threshold
    consistency: int = USUAL.consistency
    lr: Path | None = None  # given low-resolution input: a file or a folder; None: degrade
    degradation: DegradationSpec = BICUBIC  # from the truth to the model's input
    against: Path | None = None  # a file or a folder to compare with, in the place of a model
    border: int | None = None  # pixels cut on each side; None: scale with a model, else 0
    outline: OutlineMethod | None = None  # how the outline is found that is measured, if one is
    metrics: tuple[MetricName, ...] = DEFAULT_METRICS
    lpips_weights: tuple[Path, ...] = ()  # of the network and of the heads, or both in one
    data_range: float = 1.0  # the peak of PSNR and SSIM, for values in [0, 1]
    channel: Channel = "luma"  # what is compared
    grid: Grid = "plane"  # the sphere: frames are maps of the globe, pixels count by their area
    variables: tuple[str, ...] = ()  # of a field: one, or the two components of a flow
    value_range: tuple[float, float] | None = None  # that networks see as 0 to 1; None: the truth's
    max_pixels: int = MAX_PIXELS  # of a frame, as a file states its size

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
        check_max_pixels(self.max_pixels)
        self._check_metrics()
        self._check_fields()
        if self.model is not None:
            self.upscale()
            return
        for field in fields(self):
            if field.name in OF_MODEL and getattr(self, field.name) != field.default:
                option = field.name.replace("_", "-")
                raise ValueError(f"--{option} belongs to --model, it cannot go with --against")

    def _check_metrics(self) -> None:
        known = get_args(MetricName)
        for name in self.metrics:
            if name not in known:
                raise ValueError(f"metric must be one of {', '.join(known)}, got {name!r}")
        if not self.metrics or len({*self.metrics}) < len(self.metrics):
            raise ValueError(f"each metric is named once, at least one, got {self.metrics}")
        if not (math.isfinite(self.data_range) and self.data_range > 0):
            raise ValueError(f"data range must be a number above 0, got {self.data_range}")
        for option, words in (("channel", get_args(Channel)), ("grid", get_args(Grid))):
            if (value := getattr(self, option)) not in words:
                raise ValueError(f"{option} must be one of {', '.join(words)}, got {value!r}")
        if self.outline is not None and self.channel != "luma":
            raise ValueError("--outline measures luma: leave --channel out")
        if "lpips" in self.metrics and not self.lpips_weights:
            raise ValueError(LPIPS_SOURCES)
        if self.lpips_weights and "lpips" not in self.metrics:
            raise ValueError("--lpips-weights belongs to --metric lpips")

    def _check_fields(self) -> None:
        if len(self.variables) > 2 or len({*self.variables}) < len(self.variables):
            given = ",".join(self.variables)
            raise ValueError(f"--variable is NAME, or U,V for a flow, got {given}")
        check_value_range(self.value_range)
        if "vorticity" in self.metrics and len(self.variables) != 2:
            raise ValueError(
                "vorticity is that of a flow of two components: give a field and --variable U,V"
            )

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
