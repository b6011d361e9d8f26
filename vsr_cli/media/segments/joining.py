"""Segments into one video: their packets one after the other, as if of one encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.segments.packets import SegmentRecord, read_packets
from vsr_cli.media.video.codecs import EncoderPlan
from vsr_cli.media.video.encoder import FrameEncoder


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment that is complete, and where."""

    path: Path
    record: SegmentRecord


class StoredPackets:
    """Gives a ``VideoWriter`` the packets of segments in the place of those of an encoder.

    The stream is that of an encoder, which is opened and never given a frame: the file's header is
    the one that it would have had.
    """

    def __init__(
        self,
        container: OutputContainer,
        info: ClipInfo,
        plan: EncoderPlan,
        *,
        segments: Sequence[StoredSegment],
    ) -> None:
        self._info, self._plan, self._segments = info, plan, segments
        self._encoder = FrameEncoder(container, info, plan)
        self._packets = self._read()
        self._shift: int | None = None  # ticks taken off every pts
        self.stream: VideoStream = self._encoder.stream
        self._decoding = iter(decoding_times([segment.record for segment in segments]))

    def encode(self, frame: Frame, *, is_key: bool = False) -> Iterator[Packet[VideoStream]]:
        """The next packet, as many of them as there are frames; which one ``frame`` is is known.

        Raises:
            OutputError: a segment is damaged, or does not fit to the others.
        """
        del is_key
        if self._shift is None:
            self._shift = self._segments[0].record.times[0][0] - frame.pts
            self._check_extradata()
        packet = next(self._packets)
        packet.pts = (packet.pts or 0) - self._shift
        packet.dts = next(self._decoding) - self._shift
        yield packet

    def flush(self) -> Iterator[Packet[VideoStream]]:
        """Nothing: there is a packet for each frame."""
        return iter(())

    def _read(self) -> Iterator[Packet[Any]]:
        for segment in self._segments:
            yield from read_packets(segment.path, segment.record, time_base=self._info.time_base)

    def _check_extradata(self) -> None:
        extradata = bytes(self.stream.codec_context.extradata or b"").hex()
        if any(segment.record.extradata != extradata for segment in self._segments):
            raise OutputError(
                f"the segments have other headers than {self._plan.codec} gives, so that they "
                "cannot be joined; take one device without --resume, or another --codec"
            )


def decoding_times(records: Sequence[SegmentRecord]) -> list[int]:
    """A dts for each packet of all segments: those of the encoders if they fit to each other.

    Where frames come at uneven times, the decoding of a segment may have to begin before that of
    the one before it has ended. Then a picture is decoded when the one is shown that is D before
    it in order of presentation, as x264 has it; D is the smallest number for which no picture is
    shown before it is decoded.
    """
    packets = [packet for record in records for packet in record.packets]
    stated = [dts for _, dts, *_ in packets]
    is_increasing = all(a < b for a, b in pairwise(stated))
    if is_increasing and all(dts <= pts for pts, dts, *_ in packets):
        return stated
    shown = sorted(pts for pts, *_ in packets)
    place = {pts: number for number, pts in enumerate(shown)}
    delay = max(number - place[pts] for number, (pts, *_) in enumerate(packets))
    lead = shown[min(delay, len(shown) - 1)] - shown[0] if delay else 0
    early = [pts - lead for pts in shown[:delay]]
    return [*early, *shown[: len(shown) - delay]]
