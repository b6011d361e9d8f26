"""Standard input and standard output as a source and a target of frames: the path ``-``.

A file of that name is ``./-`` on the command line, and an absolute path here. Standard library
only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media.faults.boxes import pictures_end
from vsr_cli.media.faults.truncation import walk_structure
from vsr_cli.media.faults.walk import PipeWalk, Truncation

STDIO = Path("-")
_HEAD = 1 << 16  # bytes in which an MP4 says where its index is
_SOUGHT = 1 << 15  # bytes within which FFmpeg seeks in a pipe
_DRAINED = 1 << 16  # bytes at a time


def is_pipe(path: str | Path | None) -> bool:
    """True for the path that means standard input or standard output."""
    return path is not None and Path(path) == STDIO


class StdinBytes:
    """Standard input as a file that can be read, but not sought: it may be a pipe.

    Attributes:
        structure: what the bytes that have passed tell of gaps.
        interrupt: the one that came while it was read.

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
        self.interrupt: KeyboardInterrupt | None = None
        self.structure = PipeWalk(walk_structure(deep=True))
        self._head = b""
        self._truncation: Truncation | None = None
        self._is_over = False

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none at the end, when the user wanted it to end, or in vain."""
        if self.interrupt is not None or self._pictures_end() > _SOUGHT:
            return b""
        try:
            data: bytes = self._read(size)
        except KeyboardInterrupt as interrupt:
            # FFmpeg, which calls this, would take it for a fault of the file and ask again.
            self.interrupt = interrupt
            return b""
        if data:
            self._head += data[: _HEAD - len(self._head)]
            self.structure.feed(data)
        elif not self._is_over:
            self._is_over = True
            self._truncation = self.structure.finish()
        return data

    @property
    def is_index_last(self) -> bool:
        """True for an MP4 that can be read only by seeking: its index is behind the pictures."""
        return self._pictures_end() > 0

    def truncation(self) -> Truncation | None:
        """What is missing at its end; None: nothing, or the end has not come."""
        return self._truncation

    def drain(self) -> None:
        """Read what nobody asked for, to the end."""
        while self.read(_DRAINED):
            pass
        if self.interrupt is not None:
            raise self.interrupt

    def _pictures_end(self) -> int:
        return pictures_end(self._head)


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
