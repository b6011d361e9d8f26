"""What of a file is damaged: counted, and the end of the run when it is too much."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vsr_cli.errors import InputError
from vsr_cli.media.faults.walk import Truncation
from vsr_cli.media.pipes import is_pipe

_AGAIN = "try copying or downloading it again"
_PIPE_AGAIN = "see what writes to the pipe"


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
        self._name = "standard input" if is_pipe(path) else str(path)
        self._again = _PIPE_AGAIN if is_pipe(path) else _AGAIN
        self._tolerate = tolerate
        self._truncation: Truncation | None = None
        self._num_checksums = 0  # that do not fit
        self._seen: set[int] = set()  # pts of damaged packets; hardly more than are tolerated
        self._is_pending = False  # the packet before is damaged, and may be the last one
        if truncation is not None:
            self.note_truncation(truncation)

    def note_truncation(self, truncation: Truncation) -> None:
        """The file ends early; to be said before the damage of its last packet.

        Raises:
            InputError: it cannot be read as it is, or that is one damaged packet too many.
        """
        if self._truncation is not None:
            return
        self._truncation = truncation
        if not truncation.is_readable:
            raise InputError(
                f"{self._name} is truncated: {truncation}, and nothing can be read without it; "
                f"{self._again}"
            )
        if not self._tolerate:
            raise InputError(
                f"{self._name} is truncated: {truncation}; {self._again}, or --tolerate 1 for what "
                "is there"
            )
        self._count(f"is truncated: {truncation}")

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
        self._count_near(time_s)

    def note_checksum(self, time_s: Fraction | None) -> None:
        """A checksum does not fit: something is damaged, which the decoder may not see.

        Raises:
            InputError: nothing is tolerated.
        """
        self._num_checksums += 1
        if not self._tolerate:
            self._count_near(time_s)

    def settle(self) -> None:
        """There is nothing more to come: count the checksums for which no packet was found.

        Raises:
            InputError: they are too many.
        """
        for _ in range(self._num_checksums - self.num_packets):
            self._count("has checksums that do not fit")

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
            notes.append(f"{self._name} is truncated: {self._truncation}; what is there was taken")
        if num_packets := self.num_packets - len(notes):
            packets = "packet was" if num_packets == 1 else "packets were"
            notes.append(
                f"{num_packets} damaged {packets} put up with; where a frame is missing, the one "
                "before lasts longer"
            )
        return notes

    def _count_near(self, time_s: Fraction | None) -> None:
        place = "" if time_s is None else f" near {float(time_s):.2f} s"
        self._count(f"is damaged{place}")

    def _count(self, what: str) -> None:
        self.num_packets += 1
        count, limit = self.num_packets, self._tolerate
        if count <= limit:
            return
        if limit:
            raise InputError(
                f"{self._name} {what}: {count} damaged packets, and --tolerate {limit} allows no "
                f"more; {self._again}, or a larger number"
            )
        raise InputError(
            f"{self._name} {what}; {self._again}, or --tolerate N to put up with N damaged packets"
        )
