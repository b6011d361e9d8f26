"""Where tables are printed: as wide as the terminal, or wide enough for a file."""

from __future__ import annotations

import sys

from rich.console import Console

FILE_WIDTH = 200  # columns, where standard output is a file or a pipe


def stdout_console() -> Console:
    """Standard output for tables; numbers in them are not coloured."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
