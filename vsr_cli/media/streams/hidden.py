"""What an edit list hides of copied audio, for targets that have no edit lists.

A QuickTime file holds more sound than a player lets hear: what the encoder puts in front, and what
was cut off later without a new encoding. In an MP4 it stays hidden. A Matroska file can hide the
start of a track, its codec delay: a player takes it off the times of the track, and does not let
hear so much. FFmpeg's muxer writes one for audio that it has encoded itself, and for Opus. It
moves the whole film by the hidden part of other audio, and lets it hear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

# Packets that a decoder must have seen before the first one that is heard: 80 ms of Opus, one of
# those that overlap, none of those that stand alone.
_OPUS_PREROLL, _PREROLL = 4, 1
_STAND_ALONE = ("pcm_", "flac", "alac")


class HiddenAudio:
    """Takes the packets that are hidden out of audio streams, all but what decoding starts with.

    Attributes:
        delays: seconds at the start of a stream that are not to be heard, by its index; the packets
            of the stream come so much later. Streams whose muxer knows it already are not in it.
    """

    def __init__(self, streams: Iterable[AudioStream]) -> None:
        self.delays: dict[int, Fraction] = {}
        self._shifts: dict[int, Fraction] = {}  # seconds, of the streams that have begun
        self._leads = {s.index: _Lead(s) for s in streams if s.start_time is not None}

    def take(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is to be written for a packet, in order."""
        index = packet.stream_index
        lead = self._leads.get(index)
        if lead is None:
            return [packet]
        if index in self._shifts:
            return [] if packet.is_discard else [_later(packet, self._shifts[index])]
        lead.packets.append(packet)
        if packet.is_discard:
            return []
        packets = list(lead.packets)
        hidden = lead.start_s - (packets[0].pts or 0) * Fraction(packet.time_base)
        shift = hidden - lead.known_s
        if shift > packet.time_base:
            self.delays[index] = hidden
        self._shifts[index] = shift if index in self.delays else Fraction(0)
        return [_later(kept, self._shifts[index]) for kept in packets]


class _Lead:
    """How a stream begins."""

    def __init__(self, stream: AudioStream) -> None:
        codec = stream.codec_context.codec.canonical_name
        self.num_preroll = _OPUS_PREROLL if codec == "opus" else _PREROLL
        if codec.startswith(_STAND_ALONE):
            self.num_preroll = 0
        self.start_s = (stream.start_time or 0) * Fraction(stream.time_base or 0)
        # What the muxer hides by itself.
        self.known_s = Fraction(stream.codec_context.delay, stream.codec_context.sample_rate or 1)
        self.packets: deque[Packet[Stream]] = deque(maxlen=self.num_preroll + 1)


def _later(packet: Packet[Stream], seconds: Fraction) -> Packet[Stream]:
    ticks = round(seconds / Fraction(packet.time_base))
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
    return packet
