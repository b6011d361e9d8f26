"""Video super-resolution for footage and for scientific fields, on the command line and in Python.

Three calls do what ``vsr upscale`` and ``vsr eval`` do, with the same names and numbers, and give a
network to a loop of one's own::

    vsr_cli.upscale("in.mp4", "out.mp4", model="fsrcnn", scale=2)
    vsr_cli.evaluate("truth.mkv", model="fsrcnn", scale=2).mean.psnr
    vsr_cli.load_model("fsrcnn", scale=2).upscale_array(pictures)

``upscale_video``, ``resume_video``, ``upscale_on_devices``, ``compare_videos`` and
``evaluate_clips`` take every setting there is, as the frozen dataclasses ``UpscaleSpec``,
``EncodingSpec`` and so on. ``open_reader`` and ``open_writer`` are files as iterators of ``Frame``.
The commands call ``keep_freed_memory`` before they begin, which is worth the more on a CPU the
larger the frames; it changes the whole process, so a script says so itself.
Every name is loaded when it is first used: ``import vsr_cli`` loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsr_cli.api import UpscalingModel, evaluate, load_model, upscale
    from vsr_cli.errors import VsrError
    from vsr_cli.frames import ClipInfo, Frame
    from vsr_cli.media import open_reader, open_writer, shown_rgb
    from vsr_cli.pipeline.compare.run import compare_videos
    from vsr_cli.pipeline.evaluate.run import evaluate_clips
    from vsr_cli.pipeline.memory import keep_freed_memory
    from vsr_cli.pipeline.segments.devices import upscale_on_devices
    from vsr_cli.pipeline.segments.resume import resume_video
    from vsr_cli.pipeline.video import upscale_video
    from vsr_cli.specs import DecodingSpec, EncodingSpec, EvaluateSpec, FieldSpec, UpscaleSpec

__version__ = "0.1.0"
__all__ = [
    "ClipInfo",
    "DecodingSpec",
    "EncodingSpec",
    "EvaluateSpec",
    "FieldSpec",
    "Frame",
    "UpscaleSpec",
    "UpscalingModel",
    "VsrError",
    "__version__",
    "compare_videos",
    "evaluate",
    "evaluate_clips",
    "keep_freed_memory",
    "load_model",
    "open_reader",
    "open_writer",
    "resume_video",
    "shown_rgb",
    "upscale",
    "upscale_on_devices",
    "upscale_video",
]

_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "ClipInfo": "vsr_cli.frames",
        "DecodingSpec": "vsr_cli.specs",
        "EncodingSpec": "vsr_cli.specs",
        "EvaluateSpec": "vsr_cli.specs",
        "FieldSpec": "vsr_cli.specs",
        "Frame": "vsr_cli.frames",
        "UpscaleSpec": "vsr_cli.specs",
        "UpscalingModel": "vsr_cli.api",
        "VsrError": "vsr_cli.errors",
        "compare_videos": "vsr_cli.pipeline.compare.run",
        "evaluate": "vsr_cli.api",
        "evaluate_clips": "vsr_cli.pipeline.evaluate.run",
        "keep_freed_memory": "vsr_cli.pipeline.memory",
        "load_model": "vsr_cli.api",
        "open_reader": "vsr_cli.media",
        "open_writer": "vsr_cli.media",
        "resume_video": "vsr_cli.pipeline.segments.resume",
        "shown_rgb": "vsr_cli.media",
        "upscale": "vsr_cli.api",
        "upscale_on_devices": "vsr_cli.pipeline.segments.devices",
        "upscale_video": "vsr_cli.pipeline.video",
    }
)


def __getattr__(name: str) -> object:
    """Load one name of the public API."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """All names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})
