"""The few calls that most scripts need; everything else is one floor below."""

from vsr_cli.api.calls import evaluate, upscale
from vsr_cli.api.model import UpscalingModel, load_model

__all__ = ["UpscalingModel", "evaluate", "load_model", "upscale"]
