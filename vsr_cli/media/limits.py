"""Sizes that no picture has: refused by what a file states, before memory is taken for them."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.media.pipes import is_pipe


def check_input_pixels(path: Path, *, width: int, height: int, limit: int) -> None:
    """Refuse a picture by the size that its file states.

    Raises:
        InputError: it has more than ``limit`` pixels.
    """
    if width * height > limit:
        name = "standard input" if is_pipe(path) else path
        raise InputError(
            f"{name} states a picture of {width}x{height}, {width * height:,} pixels, of at most "
            f"{limit:,}: the file is damaged, or give --max-pixels"
        )


def check_output_pixels(*, width: int, height: int, limit: int) -> None:
    """Refuse an output by its size.

    Raises:
        ValueError: it has more than ``limit`` pixels.
    """
    if width * height > limit:
        raise ValueError(
            f"the output would be {width}x{height}, {width * height:,} pixels, of at most "
            f"{limit:,}; try a smaller --scale, --width or --height, or give --max-pixels"
        )
