"""What the structure of a file or a pipe tells while its packets are read."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from vsr_cli.media.faults.truncation import walk_structure
from vsr_cli.media.faults.walk import FileWalk, Gap, Truncation
from vsr_cli.media.pipes import StdinBytes


class StructureWatch:
    """Looks for gaps between the packets: a demuxer passes over them without a word.

    A file is walked through beside its demuxer, up to the packet that was read. A pipe is watched
    by what reads from it.
    """

    def __init__(self, path: Path, stdin: StdinBytes | None) -> None:
        self._path = path
        self._stdin = stdin
        self._file: BufferedReader | None = None
        self._walk: FileWalk | None = None
        self._first = 0  # position of the first packet

    def look(self, position: int | None, *, is_start: bool) -> list[Gap]:
        """The gaps before a packet at a position; None: not known.

        ``is_start``: packets are read from the start of the file on. Where they are not, what lies
        before the first one is of no interest.
        """
        if self._stdin is not None:
            return self._stdin.structure.take_gaps()
        if position is None or position < 0:
            return []
        if self._walk is None:
            if not self._path.is_file():
                return []
            self._first = 0 if is_start else position
            self._file = self._path.open("rb")
            self._walk = FileWalk(walk_structure(deep=True, first=self._first), self._file)
        self._walk.advance(position)
        return [gap for gap in self._walk.take_gaps() if gap.at >= self._first]

    def finish(self) -> list[Gap]:
        """The gaps behind the last packet."""
        if self._stdin is not None:
            self._stdin.drain()
            return self._stdin.structure.take_gaps()
        if self._walk is None:
            return []
        self._walk.advance()
        return [gap for gap in self._walk.take_gaps() if gap.at >= self._first]

    def truncation(self) -> Truncation | None:
        """What is missing at the end of a pipe that is over; None: nothing, or not known yet."""
        return None if self._stdin is None else self._stdin.truncation()

    def close(self) -> None:
        """Close the file; begin anew with the next packet."""
        if self._file is not None:
            self._file.close()
        self._file = self._walk = None
