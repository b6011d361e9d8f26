"""Room on the disk that is set aside, so that a file on a full disk can still be ended."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import IO

from vsr_cli.errors import OutputError

# The index of a file with little in each packet grows to about a sixteenth of it.
_INDEX_SHARE = 16
_LEAST_INDEX, _MOST_INDEX = 128 << 10, 64 << 20  # bytes
_BUFFERS = 64 << 10  # bytes that a muxer holds back, and those of other streams
_CHUNK = bytes(64 << 10)


class DiskFullError(OutputError):
    """There is no room for more than the end of the file."""


class DiskReserve:
    """A file without a name that takes up the room for the end of another one.

    ``check`` raises while that one can still be written: a muxer that has met an error of the disk
    writes nothing any more, and an MP4 without its index cannot be read.
    """

    def __init__(self, path: Path, *, target: Path, packet_size: int) -> None:
        """``path`` is the file to be ended, called ``target`` in errors.

        ``packet_size`` is how many bytes are written between two checks.
        """
        self._path, self._target = path, target
        self._slack = packet_size + _BUFFERS
        self._size = 0
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Set the room aside; where the disk has not so much, nothing is set aside or checked."""
        try:
            self._file = tempfile.TemporaryFile(  # noqa: SIM115  # given back by release
                dir=self._path.parent, buffering=0
            )
            self._grow(_LEAST_INDEX)
        except OSError:
            self._size = 0
            self.release()

    def check(self, num_bytes: int) -> None:
        """Make sure that one packet more can be written; the muxer was given so many bytes.

        Raises:
            DiskFullError: it could not.
        """
        if not self._size:
            return
        size = self._path.stat().st_size
        index = min(max(size // _INDEX_SHARE, _LEAST_INDEX), _MOST_INDEX)
        needed = self._slack + max(0, num_bytes - size)
        if self._file is None:
            needed += index
        else:
            with contextlib.suppress(OSError):  # what is left is told below
                self._grow(index)
        if shutil.disk_usage(self._path.parent).free < needed:
            raise DiskFullError(
                f"cannot write video to {self._target}: no space left on device; "
                "free some space, or write to another disk"
            )

    def release(self) -> None:
        """Give the room back: from now on it is there for the end of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _grow(self, index: int) -> None:
        while self._file is not None and self._size < index + self._slack:
            self._size += self._file.write(_CHUNK)
