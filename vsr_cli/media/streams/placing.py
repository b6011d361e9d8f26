"""Where packets and chapters of a source lie in the output: the whole film, or a cut of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vsr_cli.media.clock import exact_seconds
from vsr_cli.media.streams.metadata import chapters_within
from vsr_cli.specs import DecodingSpec

if TYPE_CHECKING:
    from av.container.core import Chapter  # is in the stubs only

_SHOWN_FOR_LONG = ("subtitle", "data")  # what began before a cut may still be on the screen in it


class PacketPlacer:
    """Moves packets from the source's timeline to that of the output.

    Of a cut, audio and video are those packets that begin within it. Subtitles and data that are
    shown at its start or its end are clipped to it.
    """

    def __init__(
        self,
        zero_s: Fraction,
        origin_s: Fraction,
        decoding: DecodingSpec,
        *,
        has_edit_lists: bool,
    ) -> None:
        """``zero_s`` comes off every time in the file; the first frame is at ``origin_s`` then.

        ``has_edit_lists`` says that the output can hide what lies before its zero.
        """
        self.is_cut = decoding.is_cut
        self._has_edit_lists = has_edit_lists
        self._zero = zero_s
        self._first = origin_s + exact_seconds(decoding.start_s or 0) if self.is_cut else None
        self._last = None if decoding.end_s is None else origin_s + exact_seconds(decoding.end_s)
        self._start = Fraction(0)  # of the cut, on the source's timeline
        self._begun: set[int] = set()  # streams of which a packet lies in the cut
        self._held: dict[int, Packet[Stream]] = {}  # may be on the screen where the cut starts

    @property
    def span(self) -> tuple[Fraction | None, Fraction | None]:
        """Start and end of the cut on the source's timeline; None: those of the file."""
        return (self._start if self.is_cut else None), self._last

    @property
    def asked(self) -> tuple[Fraction, Fraction | None] | None:
        """Start and end that were asked for, in the file's own times; None: no cut was."""
        if self._first is None:
            return None
        return self._first + self._zero, None if self._last is None else self._last + self._zero

    @property
    def origin(self) -> Fraction:
        """The time in the file that is the output's zero."""
        return self._zero + self._start

    def start(self, time_s: Fraction) -> None:
        """Say when the first frame is shown."""
        if self.is_cut:
            self._start = time_s

    def chapters(self, container: InputContainer) -> list[Chapter]:
        """The chapters of the output."""
        return chapters_within(container, zero_s=self._zero, first_s=self._first, last_s=self._last)

    def time(self, packet: Packet[Stream]) -> Fraction:
        """Where a packet lies on the source's timeline, in seconds."""
        tick = packet.dts if packet.pts is None else packet.pts
        return (tick or 0) * Fraction(packet.time_base) - self._zero

    def order_time(self, packet: Packet[Stream]) -> Fraction:
        """Where a packet lies in the order of its stream, in seconds on the source's timeline.

        That of decoding for video, whose pictures are not shown in the order of their packets.
        """
        if packet.stream.type != "video" or packet.dts is None:
            return self.time(packet)
        return packet.dts * Fraction(packet.time_base) - self._zero

    def place(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is to be written for a packet, in order, at the output's times."""
        index, kind = packet.stream_index, packet.stream.type
        is_early = self.time(packet) < self._start
        if not self.is_cut:
            if is_early and kind in _SHOWN_FOR_LONG and not self._has_edit_lists:
                return self._place_early(packet)
            if packet.is_discard and kind == "audio" and self._has_edit_lists and not is_early:
                return []  # the edit list of the output hides what is early, and no more
            return [*self.release(index), self._shifted(packet)]
        if is_early:
            return self._place_early(packet) if kind in _SHOWN_FOR_LONG else []
        if kind == "video" and index not in self._begun and not packet.is_keyframe:
            return []  # cannot be shown without what came before
        self._begun.add(index)
        if kind in _SHOWN_FOR_LONG:
            self._clip_end(packet)
        return [*self.release(index), self._shifted(packet)]

    def release(self, index: int) -> list[Packet[Stream]]:
        """The packet that is on the screen where the cut starts, if there is one."""
        packet = self._held.pop(index, None)
        if packet is None:
            return []
        packet.pts = packet.dts = self._start_tick(packet)
        return [self._shifted(packet)]

    def held(self) -> list[int]:
        """Indices of the streams of which a packet waits to be released."""
        return list(self._held)

    def _place_early(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """A packet that begins before the cut; one without a duration lasts to the next one."""
        time_base = Fraction(packet.time_base)
        if not packet.duration:
            self._held[packet.stream_index] = packet
            return []
        self._held.pop(packet.stream_index, None)
        left = self.time(packet) + packet.duration * time_base - self._start
        if (ticks := round(left / time_base)) <= 0:
            return []
        packet.pts = packet.dts = self._start_tick(packet)
        packet.duration = ticks
        self._clip_end(packet)
        return [self._shifted(packet)]

    def _clip_end(self, packet: Packet[Stream]) -> None:
        if self._last is not None and packet.duration:
            left = round((self._last - self.time(packet)) / Fraction(packet.time_base))
            packet.duration = max(1, min(packet.duration, left))

    def _start_tick(self, packet: Packet[Stream]) -> int:
        return round((self._start + self._zero) / Fraction(packet.time_base))

    def _shifted(self, packet: Packet[Stream]) -> Packet[Stream]:
        shift = round(self.origin / Fraction(packet.time_base))
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        return packet
