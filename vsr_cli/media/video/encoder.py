"""Frames into packets: the encoder, what it is told of the clip, and the pictures it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import DEFAULT_RATE
from vsr_cli.media.pixels.conversion import to_layout
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import PictureConverter, check_planes, make_picture
from vsr_cli.media.pixels.tags import tag_encoder, tag_picture, written_color
from vsr_cli.media.target import QUICKTIME
from vsr_cli.media.video.codecs import EncoderPlan

_NO_B_FRAMES = 2  # clips of so many frames are decoded in the order in which they are shown


class PacketMaker(Protocol):
    """What a file's video packets come from, one for each frame."""

    stream: VideoStream

    def encode(self, frame: Frame, *, is_key: bool = False) -> Iterator[Packet[VideoStream]]:
        """The packets that are ready after this frame. ``is_key`` makes it a key frame."""

    def flush(self) -> Iterator[Packet[VideoStream]]:
        """The packets that are still held."""


MakePackets = Callable[[OutputContainer, ClipInfo, EncoderPlan], PacketMaker]


def last_duration(frame: Frame, before: int, info: ClipInfo) -> tuple[int, bool]:
    """Ticks of a clip's last frame, and whether it must be a key frame.

    ``before`` is the duration of the frame before it, 0 if there is none. An MP4 keeps the duration
    of the frame that is decoded last. Where it matters, that is made the one that is shown last: no
    picture is decoded after a key frame but shown before it.
    """
    rate = info.frame_rate or DEFAULT_RATE
    usual = before or max(1, round(1 / (rate * info.time_base)))
    duration = frame.duration or usual
    return duration, duration != usual


class FrameEncoder:
    """Turns frames into packets of a new video stream of ``container``.

    The stream's header is not written here: the caller starts the container when all streams are
    added, which also opens the encoder.
    """

    def __init__(self, container: OutputContainer, info: ClipInfo, plan: EncoderPlan) -> None:
        self._info = info
        self._plan = plan
        self._layout = require_planar(plan.pix_fmt)
        self._color = written_color(info, self._layout)
        self._converter = PictureConverter()
        self._num_frames = 0
        self.stream: VideoStream = self._add_stream(container)

    def encode(self, frame: Frame, *, is_key: bool = False) -> Iterator[Packet[VideoStream]]:
        """The packets that are ready after this frame. ``is_key`` makes it a key frame.

        The encoder works while they are iterated: whoever stops in between, as an interrupt does,
        loses none and can go on.
        """
        self._num_frames += 1
        picture = self._make_picture(frame)
        picture.pts, picture.duration = frame.pts, frame.duration
        picture.time_base = self._info.time_base
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        tag_picture(picture, self._color)
        return self.stream.encode_lazy(picture)

    def flush(self) -> Iterator[Packet[VideoStream]]:
        """The packets that the encoder still holds; they are computed one by one."""
        packets = self.stream.encode_lazy(None)
        if self._num_frames > _NO_B_FRAMES:
            return packets
        # x265 gives clips this short a dts from memory that it never set.
        held = list(packets)
        for packet in held:
            packet.dts = packet.pts
        return iter(held)

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        info, plan = self._info, self._plan
        rate = info.frame_rate or DEFAULT_RATE  # a tag only
        stream = container.add_stream(plan.codec, rate=rate, options=dict(plan.options))
        if not isinstance(stream, VideoStream):
            raise ValueError(f"codec {plan.codec} is no video encoder")
        context = stream.codec_context
        # PyAV's default is slices alone, with which x264 cuts each picture into one per core.
        context.thread_type = "AUTO"
        context.width, context.height = plan.width, plan.height
        context.pix_fmt = plan.pix_fmt
        context.time_base = info.time_base
        # Without this flag the last frame of a clip lasts 1 / frame rate, whatever it says.
        context.flags |= Flags.frame_duration
        if info.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = info.sample_aspect_ratio
        if plan.codec == "libx265" and plan.container in QUICKTIME:
            context.codec_tag = "hvc1"  # the only one that Apple's players accept
        tag_encoder(context, self._color)
        stream.set_display_matrix(info.display_matrix)
        return stream

    def _make_picture(self, frame: Frame) -> av.VideoFrame:
        info, plan = self._info, self._plan
        check_planes(frame, info)
        planes = to_layout(frame, info, self._layout)
        picture = make_picture(planes, self._layout, width=plan.width, height=plan.height)
        return self._converter.convert(picture, plan.pix_fmt)  # packs the same samples, if at all
