"""Audio in another codec, where the container cannot hold the source's own."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from types import MappingProxyType

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from vsr_cli.errors import InputError

AUDIO_CODECS: Mapping[str, str] = MappingProxyType(
    {"opus": "libopus", "mp3": "libmp3lame", "pcm": "pcm_s16le"}
)
_BIT_RATES: Mapping[str, int] = MappingProxyType(  # bits per second and channel
    {"libopus": 80_000, "aac": 96_000, "libmp3lame": 96_000, "ac3": 96_000, "eac3": 96_000}
)
# Layouts with the same sound in the same places, which many encoders know by the other name only;
# what stands wide in front goes to the front, as FFmpeg's programs do it.
_NEAR_LAYOUTS: Mapping[str, str] = MappingProxyType(
    {
        **{"quad(side)": "quad", "5.0(side)": "5.0", "5.1(side)": "5.1", "6.1": "6.1(back)"},
        **{"quad": "quad(side)", "5.0": "5.0(side)", "5.1": "5.1(side)", "6.1(back)": "6.1"},
        "7.1(wide)": "7.1",
    }
)
# What FFmpeg takes so many channels for where the file names none of them.
_USUAL_LAYOUTS: Mapping[str, str] = MappingProxyType(
    {
        **{"1 channels": "mono", "2 channels": "stereo", "3 channels": "2.1", "4 channels": "4.0"},
        **{"5 channels": "5.0", "6 channels": "5.1", "7 channels": "6.1", "8 channels": "7.1"},
    }
)
_OWN_ORDER = re.compile(r"\d+ channels \(")  # channels in an order that has no name
_JITTER_S = Fraction(1, 50)  # timestamps this far from the sample count are rounded, not jumps
_PREROLL_S = 1  # a decoder has settled after so many seconds


def check_audio_codec(name: str, container: str) -> str:
    """FFmpeg's name of an audio encoder.

    Raises:
        ValueError: there is none of this name, or the container cannot hold what it makes.
    """
    encoder = AUDIO_CODECS.get(name, name)
    try:
        kind = Codec(encoder, "w").type
    except ValueError as error:
        raise ValueError(
            f"audio codec {name!r} is unknown; try one of aac, opus, flac, mp3, ac3, alac, pcm"
        ) from error
    if kind != "audio":
        raise ValueError(f"{name!r} is a {kind} codec, not an audio codec; try aac, opus or flac")
    try:
        _open_trial(encoder, container, rate=48_000, layout="stereo")
    except (ValueError, av.error.FFmpegError) as error:
        raise ValueError(
            f"audio by {encoder} cannot be written into a {container} file; try opus for .webm, "
            "aac for others"
        ) from error
    return encoder


class AudioTrack:
    """One audio stream on its way into another codec, at the same times.

    Its layout stays where the encoder has it or its like, and so does its sample rate.
    """

    def __init__(self, source: AudioStream, codec: str, container: str) -> None:
        context = source.codec_context
        self._source = source
        self._codec = codec
        self._rate = _nearest_rate(codec, context.sample_rate)
        given = layout_name(context)
        self._given_layout = _USUAL_LAYOUTS.get(given, given)
        self._zero_s = Fraction(0)
        self._is_cut = False
        self._next: int | None = None  # the sample that comes next, counted at the source's rate
        self._target: AudioStream | None = None
        self._layout = self._find_layout(container)

    def __str__(self) -> str:
        given = self._source.codec_context.sample_rate
        rate = "" if self._rate == given else f" at {self._rate} Hz instead of {given} Hz"
        near = self._layout != self._given_layout
        layout = f" as {self._layout} instead of {self._given_layout}" if near else ""
        return f"{self._codec}{rate}{layout}"

    def add_to(self, output: OutputContainer) -> AudioStream:
        """Add the new stream to the output."""
        self._target = _add_stream(output, self._codec, rate=self._rate, layout=self._layout)
        return self._target

    def start(self, zero_s: Fraction, *, is_cut: bool) -> None:
        """Say which time of the file is the output's zero; of a cut, nothing before it is kept."""
        self._zero_s, self._is_cut = zero_s, is_cut

    def encode(self, packet: Packet[Stream]) -> list[Packet[AudioStream]]:
        """The packets that are ready after this one of the source.

        Raises:
            InputError: the packet cannot be decoded.
        """
        start_s = (packet.pts or 0) * Fraction(packet.time_base) - self._zero_s
        if self._is_cut and self._next is None and start_s < -_PREROLL_S:
            return []
        return self._encode(packet, start_s)

    def _find_layout(self, container: str) -> str:
        given = self._given_layout
        for layout in filter(None, (given, _NEAR_LAYOUTS.get(given))):
            if _OWN_ORDER.match(layout):
                break
            with contextlib.suppress(av.error.FFmpegError):
                _open_trial(self._codec, container, rate=self._rate, layout=layout)
                return layout
        raise ValueError(
            f"audio codec {self._codec} cannot encode stream {self._source.index} "
            f"({given}, {self._rate} Hz); try another --audio-codec"
        )

    def flush(self) -> list[Packet[AudioStream]]:
        """The packets that the decoder and the encoder still hold."""
        packets = self._encode(None, None)
        if self._target is not None and self._next is not None:
            packets += self._target.encode(None)
        return packets

    def _encode(
        self, packet: Packet[Stream] | None, start_s: Fraction | None
    ) -> list[Packet[AudioStream]]:
        if self._target is None:
            raise ValueError("the track must be added to an output first")
        try:
            frames = self._source.codec_context.decode(packet)
        except av.error.FFmpegError as error:
            place = "its end" if start_s is None else f"{float(start_s):.3f} s"
            raise InputError(
                f"audio stream {self._source.index} is damaged at {place} and cannot be encoded "
                "anew; try an .mkv file, into which it is copied as it is"
            ) from error
        packets = []
        for frame in frames:
            if self._place(frame):
                packets += self._target.encode(frame)
        return packets

    def _place(self, frame: av.AudioFrame) -> bool:
        """Give a frame its time, counted in samples; False if it lies before the output."""
        tick = Fraction(1, frame.sample_rate)
        at = self._next or 0
        if frame.pts is not None and frame.time_base:
            stated = round((frame.pts * Fraction(frame.time_base) - self._zero_s) / tick)
            if self._next is None or stated > at + _JITTER_S / tick:
                at = stated
        if self._is_cut and self._next is None and at < 0:
            return False
        self._next = at + frame.samples
        frame.pts, frame.time_base = at, tick
        return True


def layout_name(context: AudioCodecContext) -> str:
    """FFmpeg's name of a stream's channel layout, such as "5.1(side)"."""
    layout = context.layout
    name = layout.name
    if _OWN_ORDER.match(name):
        # The list of its channels is the context's own, and PyAV 18.1 frees it with each of both,
        # which ends the process: this one is never freed.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return name


def _open_trial(codec: str, container: str, *, rate: int, layout: str) -> None:
    """Open the encoder in a container that is thrown away."""
    options = {"strict": "experimental"}
    with av.open(BytesIO(), "w", format=container, container_options=options) as output:
        _add_stream(output, codec, rate=rate, layout=layout)
        output.start_encoding()


def _add_stream(output: OutputContainer, codec: str, *, rate: int, layout: str) -> AudioStream:
    stream = output.add_stream(codec, rate=rate, layout=layout)
    if not isinstance(stream, AudioStream):
        raise ValueError(f"codec {codec} is no audio encoder")
    if codec in _BIT_RATES:
        stream.codec_context.bit_rate = _BIT_RATES[codec] * stream.codec_context.layout.nb_channels
    stream.codec_context.time_base = Fraction(1, rate)
    return stream


def _nearest_rate(codec: str, rate: int) -> int:
    """The rate itself if the encoder has it, else the next higher one."""
    rates = sorted(Codec(codec, "w").audio_rates or [rate])
    return next((known for known in rates if known >= rate), rates[-1])
