"""The settings of every command, checked when they are made; the command line shows their defaults.

Standard library only: ``vsr --help`` reads these files and loads no torch.
"""

from vsr_cli.specs.droplet import DropletSpec
from vsr_cli.specs.evaluate import EvaluateSpec, OutlineMethod
from vsr_cli.specs.media import DecodingSpec, Deinterlace, EncodingSpec
from vsr_cli.specs.metrics import DEFAULT_METRICS, Channel, Grid, MetricName
from vsr_cli.specs.simulation import (
    FIELD_RANGES,
    FIELD_UNITS,
    SPINUP_HOURS,
    InitialState,
    ShallowWaterSpec,
    SimulatedField,
)
from vsr_cli.specs.training import LossName, Recipe, RecipeForm, TrainSpec
from vsr_cli.specs.upscale import Chroma, UpscaleSpec

__all__ = [
    "DEFAULT_METRICS",
    "FIELD_RANGES",
    "FIELD_UNITS",
    "SPINUP_HOURS",
    "Channel",
    "Chroma",
    "DecodingSpec",
    "Deinterlace",
    "DropletSpec",
    "EncodingSpec",
    "EvaluateSpec",
    "Grid",
    "InitialState",
    "LossName",
    "MetricName",
    "OutlineMethod",
    "Recipe",
    "RecipeForm",
    "ShallowWaterSpec",
    "SimulatedField",
    "TrainSpec",
    "UpscaleSpec",
]
