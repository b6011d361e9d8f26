"""The packets of one segment in a file, exactly as its encoder gave them.

No container of video would do. Matroska has another clock, MP4 and Matroska write the packets of
H.264 in another form than the encoder's, NUT knows neither durations nor times of decoding. So each
packet is a member of a ZIP archive, which has a checksum for each and no end unless it is complete;
the last member is a record of what is in it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from av.packet import Packet, PktSideDataT
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError

_RECORD = "segment.json"
# What comes with a packet and is lost here: not one of them would be the same without it.
_NEEDED_SIDE_DATA: tuple[PktSideDataT, ...] = (
    *("matroska_block_additional", "new_extradata", "palette", "param_change"),
)


class DamagedSegmentError(OutputError):
    """A file does not hold what its segment must."""


@dataclass(frozen=True, slots=True)
class FrameMark:
    """A frame of the source by which its place is found again."""

    pts: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord:
    """What is in the file of a segment. Ticks are those of the clip."""

    number: int  # in the clip
    extradata: str  # of the encoder, in hexadecimal
    times: tuple[tuple[int, int], ...]  # pts and duration of each frame, as they are shown
    packets: tuple[tuple[int, int, int, bool], ...]  # pts, dts, duration, is key: as decoded
    scene_cuts: int  # between its frames, and before its first one
    head: FrameMark  # the first frame that went in
    tail: tuple[FrameMark, ...]  # the last ones: as many as the segment after it has to see
    is_last: bool  # of the clip

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        fields: dict[str, Any] = json.loads(text)
        fields["times"] = tuple(tuple(time) for time in fields["times"])
        fields["packets"] = tuple(tuple(packet) for packet in fields["packets"])
        fields["head"] = FrameMark(**fields["head"])
        fields["tail"] = tuple(FrameMark(**mark) for mark in fields["tail"])
        return cls(**fields)

    def to_json(self) -> str:
        """What ``parse`` reads."""
        return json.dumps(asdict(self))


class PacketFile:
    """A file of packets that is being written."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w")
        self._num_packets = 0

    def add(self, packet: Packet[VideoStream]) -> None:
        """Append one packet.

        Raises:
            OutputError: more belongs to it than can be kept.
        """
        for kind in _NEEDED_SIDE_DATA:
            if packet.has_sidedata(kind):
                raise OutputError(
                    f"packets of this encoder come with {kind}, which segments cannot keep; "
                    "try another --codec, or one device without --resume"
                )
        self._archive.writestr(_member(self._num_packets), bytes(packet))
        self._num_packets += 1

    def finish(self, record: SegmentRecord) -> None:
        """Write the record, and the end of the file."""
        self._archive.writestr(_RECORD, record.to_json())
        self._archive.close()

    def close(self) -> None:
        """Close a file that is not wanted any more; closing twice does nothing."""
        self._archive.close()


def read_record(path: Path) -> SegmentRecord:
    """The record of a file, of which every byte is compared with its checksum.

    Raises:
        DamagedSegmentError: the file is not complete, or not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            record = SegmentRecord.parse(archive.read(_RECORD))
            members = set(archive.namelist())
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DamagedSegmentError(f"{path} is damaged: {error}") from error
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise DamagedSegmentError(f"{path} has no record that can be read: {error}") from error
    wanted = {_member(number) for number in range(len(record.packets))} | {_RECORD}
    if damaged is not None or members != wanted or len(record.times) != len(record.packets):
        raise DamagedSegmentError(f"{path} is damaged: {damaged or 'packets are missing'}")
    return record


def read_packets(path: Path, record: SegmentRecord, *, time_base: Fraction) -> Iterator[Packet]:  # type: ignore[type-arg]
    """The packets of a file in order of decoding, with their times in ticks of the clip.

    Raises:
        DamagedSegmentError: the file is not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for number, (pts, dts, duration, is_key) in enumerate(record.packets):
                packet: Packet[Any] = Packet(archive.read(_member(number)))
                packet.time_base = time_base
                packet.pts, packet.dts, packet.duration = pts, dts, duration
                packet.is_keyframe = is_key
                yield packet
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DamagedSegmentError(f"{path} is damaged: {error}; the same call does it anew") from (
            error
        )


def _member(number: int) -> str:
    return f"{number:06d}"
