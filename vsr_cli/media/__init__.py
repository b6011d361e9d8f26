"""Files to frames and frames to files: owns PyAV and imageio, and has never heard of a model.

The names are loaded when they are first used: ``check_output`` needs neither torch nor PyAV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from vsr_cli.media.target import check_output

if TYPE_CHECKING:
    from vsr_cli.media.opening import open_reader, open_writer
    from vsr_cli.media.pictures.sequence import list_stills
    from vsr_cli.media.pictures.stills import read_still, write_png
    from vsr_cli.media.pixels.shown import shown_rgb
    from vsr_cli.media.probing.probe import FileProbe, probe_file
    from vsr_cli.media.video.codecs import check_encoding
    from vsr_cli.media.video.reader import VideoReader
    from vsr_cli.media.video.writer import VideoWriter

__all__ = [
    "FileProbe",
    "VideoReader",
    "VideoWriter",
    "check_encoding",
    "check_output",
    "list_stills",
    "open_reader",
    "open_writer",
    "probe_file",
    "read_still",
    "shown_rgb",
    "write_png",
]


def __getattr__(name: str) -> object:
    """Load one name from the module that it lives in."""
    match name:
        case "check_encoding":
            module = "vsr_cli.media.video.codecs"
        case "list_stills":
            module = "vsr_cli.media.pictures.sequence"
        case "read_still" | "write_png":
            module = "vsr_cli.media.pictures.stills"
        case "open_reader" | "open_writer":
            module = "vsr_cli.media.opening"
        case "shown_rgb":
            module = "vsr_cli.media.pixels.shown"
        case "FileProbe" | "probe_file":
            module = "vsr_cli.media.probing.probe"
        case "VideoReader":
            module = "vsr_cli.media.video.reader"
        case "VideoWriter":
            module = "vsr_cli.media.video.writer"
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
