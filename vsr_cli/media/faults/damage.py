"""What of a file is damaged: counted, and the end of the run when it is too much."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.media.faults.truncation import Truncation

_AGAIN = "try copying or downloading it again"


class Damage:
    """Counts the damaged packets of a file's video; more than ``tolerate`` of them are an error.

    A packet counts once, whether it cannot be decoded or is flagged by the demuxer or the decoder.
    A file that ends early counts as one, together with the packet in which it ends.

    Attributes:
        num_packets: what was counted so far.
    """

    def __init__(self, path: Path, tolerate: int, truncation: Truncation | None) -> None:
        """``truncation`` is what the structure of the file tells.

        Raises:
            InputError: the file cannot be read as it is, or one damaged packet is too many.
        """
        self.num_packets = 0
        self._path = path
        self._tolerate = tolerate
        self._truncation = truncation
        self._seen: set[int] = set()  # pts of damaged packets; hardly more than are tolerated
        self._is_pending = False  # the packet before is damaged, and may be the last one
        if truncation is None:
            return
        if not truncation.is_readable:
            raise InputError(
                f"{path} is truncated: {truncation}, and nothing can be read without it; {_AGAIN}"
            )
        self.num_packets = 1
        if not tolerate:
            raise InputError(
                f"{path} is truncated: {truncation}; {_AGAIN}, or --tolerate 1 for what is there"
            )

    def next_packet(self) -> None:
        """Say that there is one more packet: the one before is not where the file ends."""
        if self._is_pending:
            self._is_pending = False
            self._count("has damaged packets before its end")

    def note(self, pts: int | None, time_s: Fraction | None) -> None:
        """A packet is damaged, or the picture of this pts that came out of one.

        Raises:
            InputError: it is one too many.
        """
        if pts is not None:
            if pts in self._seen:
                return
            self._seen.add(pts)
        if self._truncation is not None:
            self.next_packet()
            self._is_pending = True
            return
        place = "" if time_s is None else f" near {float(time_s):.2f} s"
        self._count(f"is damaged{place}")

    def note_early_end(self, num_packets: int) -> None:
        """The file ended before its time, after so many packets.

        Raises:
            InputError: it is one too many.
        """
        if self._truncation is None:
            self._count(f"ends early, after {num_packets} packets of video")

    def notes(self) -> list[str]:
        """What was put up with, one line each."""
        notes = []
        if self._truncation is not None:
            notes.append(f"the file is truncated: {self._truncation}; what is there was taken")
        if num_packets := self.num_packets - len(notes):
            packets = "packet was" if num_packets == 1 else "packets were"
            notes.append(
                f"{num_packets} damaged {packets} put up with; where a frame is missing, the one "
                "before lasts longer"
            )
        return notes

    def _count(self, what: str) -> None:
        self.num_packets += 1
        count, limit = self.num_packets, self._tolerate
        if count <= limit:
            return
        if limit:
            raise InputError(
                f"{self._path} {what}: {count} damaged packets, and --tolerate {limit} allows no "
                f"more; {_AGAIN}, or a larger number"
            )
        raise InputError(
            f"{self._path} {what}; {_AGAIN}, or --tolerate N to put up with N damaged packets"
        )
