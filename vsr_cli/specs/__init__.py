"""The settings of every command, checked when they are made; the command line shows their defaults.

Standard library only: ``vsr --help`` reads these files and loads no torch.
"""

from vsr_cli.specs.address import Address, as_path
from vsr_cli.specs.batch import BatchSpec, SchedulerSpec, Shard
from vsr_cli.specs.bench import BenchSpec, Peer
from vsr_cli.specs.compare import Align, Box, CompareSpec, Layout, Resize
from vsr_cli.specs.degradation import (
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
from vsr_cli.specs.device import EVERY_GPU, gpu_index, is_several, parse_devices
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
    FIELD_RANGES,
    FIELD_UNITS,
    SPINUP_HOURS,
    InitialState,
    ShallowWaterSpec,
    SimulatedField,
)
from vsr_cli.specs.training import (
    Interpolation,
    LossName,
    Recipe,
    RecipeForm,
    SimulatedRun,
    TrainSpec,
    parse_simulated,
)
from vsr_cli.specs.upscale import Chroma, UpscaleSpec

__all__ = [
    "DEFAULT_METRICS",
    "EVERY_GPU",
    "FIELD_ENDINGS",
    "FIELD_RANGES",
    "FIELD_UNITS",
    "MAX_PIXELS",
    "SPINUP_HOURS",
    "Address",
    "Align",
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
    "InitialState",
    "Interpolation",
    "Jpeg",
    "Layout",
    "LossName",
    "MetricName",
    "Motion",
    "Noise",
    "OutlineMethod",
    "Peer",
    "Recipe",
    "RecipeForm",
    "RenderSpec",
    "Resize",
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
    "gpu_index",
    "is_field",
    "is_several",
    "is_zarr",
    "parse_degradation",
    "parse_devices",
    "parse_simulated",
]
