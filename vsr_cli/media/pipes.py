"""Standard input and standard output as a source and a target of frames: the path ``-``.

A file of that name is ``./-`` on the command line, and an absolute path here. Standard library
only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from vsr_cli.errors import InputError, OutputError

STDIO = Path("-")


def is_pipe(path: str | Path | None) -> bool:
    """True for the path that means standard input or standard output."""
    return path is not None and Path(path) == STDIO


class StdinBytes:
    """Standard input as a file that can be read, but not sought: it may be a pipe.

    Raises:
        InputError: standard input is closed, or a terminal.
    """

    def __init__(self) -> None:
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("there is no standard input to read from; give a file")
        if sys.stdin.isatty():
            raise InputError(
                "standard input is a terminal; pipe a video into it, for example "
                "ffmpeg -i in.mp4 -f yuv4mpegpipe - | vsr upscale - out.mp4"
            )
        # What is there, not all that was asked for: a slow pipe shows its first frame at once.
        self._read = getattr(sys.stdin.buffer, "read1", sys.stdin.buffer.read)
        self.interrupt: KeyboardInterrupt | None = None  # that came while it was read

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none at the end, or when the user wanted it to end."""
        if self.interrupt is not None:
            return b""
        try:
            data: bytes = self._read(size)
        except KeyboardInterrupt as interrupt:
            # FFmpeg, which calls this, would take it for a fault of the file and ask again.
            self.interrupt = interrupt
            return b""
        return data


def open_stdout() -> BinaryIO:
    """Standard output for bytes, unbuffered: nothing is left over when the reader goes away.

    Raises:
        OutputError: standard output is closed, or a terminal.
    """
    check_stdout()
    buffer: BinaryIO = sys.stdout.buffer
    sys.stdout.flush()
    return getattr(buffer, "raw", buffer)


def check_stdout() -> None:
    """Refuse to write a video to where nobody would read it.

    Raises:
        OutputError: standard output is closed, or a terminal.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OutputError("there is no standard output to write to; give a file")
    if sys.stdout.isatty():
        raise OutputError(
            "standard output is a terminal; pipe it into another program, for example "
            "vsr upscale in.mp4 - | ffplay -"
        )


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write every byte: an unbuffered file may take a part of them at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
