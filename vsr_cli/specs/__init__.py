"""The settings of every command, checked when they are made; the command line shows their defaults.

Standard library only: ``vsr --help`` reads these files and loads no torch.
"""

from vsr_cli.specs.address import Address, as_path
from vsr_cli.specs.batch import BatchSpec, SchedulerSpec, Shard
from vsr_cli.specs.bench import DEFAULT_SIZE, BenchSpec, Peer
from vsr_cli.specs.compare import Box, CompareSpec
from vsr_cli.specs.degradation import (
    BICUBIC,
    Blur,
    DegradationSpec,
    Downscale,
    Jpeg,
    Motion,
    Noise,
    Round,
    VideoCoding,
)
from vsr_cli.specs.degradation_text import parse_degradation
from vsr_cli.specs.device import (
    EVERY_GPU,
    Precision,
    check_precision,
    gpu_index,
    is_several,
    parse_devices,
)
from vsr_cli.specs.droplet import DropletSpec
from vsr_cli.specs.evaluate import EvaluateSpec, OutlineMethod
from vsr_cli.specs.fields import (
    FIELD_ENDINGS,
    Boundary,
    Conserve,
    FieldSpec,
    Window,
    is_field,
    is_zarr,
)
from vsr_cli.specs.media import MAX_PIXELS, DecodingSpec, Deinterlace, EncodingSpec
from vsr_cli.specs.metrics import DEFAULT_METRICS, Channel, Grid, MetricName
from vsr_cli.specs.render import RenderSpec
from vsr_cli.specs.simulation import (
    FIELD_UNITS,
    SPINUP_HOURS,
    ShallowWaterSpec,
    SimulatedField,
)
from vsr_cli.specs.training import (
    CUSTOM_DOMAIN,
    DEFAULT_FORM,
    Interpolation,
    LossName,
    Recipe,
    RecipeForm,
    SimulatedRun,
    TrainSpec,
    parse_simulated,
)
from vsr_cli.specs.upscale import DEFAULT_SCALE, SCENE_THRESHOLD, Chroma, UpscaleSpec

__all__ = [
    "BICUBIC",
    "CUSTOM_DOMAIN",
    "DEFAULT_FORM",
    "DEFAULT_METRICS",
    "DEFAULT_SCALE",
    "DEFAULT_SIZE",
    "EVERY_GPU",
    "FIELD_ENDINGS",
    "FIELD_UNITS",
    "MAX_PIXELS",
    "SCENE_THRESHOLD",
    "SPINUP_HOURS",
    "Address",
    "BatchSpec",
    "BenchSpec",
    "Blur",
    "Boundary",
    "Box",
    "Channel",
    "Chroma",
    "CompareSpec",
    "Conserve",
    "DecodingSpec",
    "DegradationSpec",
    "Deinterlace",
    "Downscale",
    "DropletSpec",
    "EncodingSpec",
    "EvaluateSpec",
    "FieldSpec",
    "Grid",
    "Interpolation",
    "Jpeg",
    "LossName",
    "MetricName",
    "Motion",
    "Noise",
    "OutlineMethod",
    "Peer",
    "Precision",
    "Recipe",
    "RecipeForm",
    "RenderSpec",
    "Round",
    "SchedulerSpec",
    "ShallowWaterSpec",
    "Shard",
    "SimulatedField",
    "SimulatedRun",
    "TrainSpec",
    "UpscaleSpec",
    "VideoCoding",
    "Window",
    "as_path",
    "check_precision",
    "gpu_index",
    "is_field",
    "is_several",
    "is_zarr",
    "parse_degradation",
    "parse_devices",
    "parse_simulated",
]
