"""Cuts of a clip that hold none of its frames."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.errors import InputError


def nothing_between(path: Path, duration_s: float | None) -> InputError:
    """The error of a cut without a frame; it tells how long the clip is, where that is known.

    Args:
        path: of the clip.
        duration_s: of the whole clip, in seconds, as the container states it.
    """
    length = f"; the clip lasts {duration_s:g} s" if duration_s else ""
    return InputError(f"{path}: no frame lies between start and end{length}")
