"""Video super-resolution for footage and for scientific fields.

The public API is loaded when it is first used: ``import vsr_cli`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsr_cli.pipeline.compare import compare_videos
    from vsr_cli.pipeline.evaluate import evaluate_clips
    from vsr_cli.pipeline.resume import resume_video
    from vsr_cli.pipeline.video import upscale_video

__version__ = "0.1.0"
__all__ = ["__version__", "compare_videos", "evaluate_clips", "resume_video", "upscale_video"]


def __getattr__(name: str) -> object:
    """Load one name of the public API."""
    if name == "upscale_video":
        return import_module("vsr_cli.pipeline.video").upscale_video
    if name == "resume_video":
        return import_module("vsr_cli.pipeline.resume").resume_video
    if name == "compare_videos":
        return import_module("vsr_cli.pipeline.compare").compare_videos
    if name == "evaluate_clips":
        return import_module("vsr_cli.pipeline.evaluate").evaluate_clips
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
