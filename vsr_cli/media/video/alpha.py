"""The decoder for VP8 and VP9 with an alpha channel, of which FFmpeg's own ones know nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

# The tag of a stream whose packets hold a second picture, the alpha channel (WebM's AlphaMode).
ALPHA_TAG = "alpha_mode"
# FFmpeg's own decoder -> the one that decodes both pictures of a packet.
_DECODERS: Mapping[str, str] = MappingProxyType({"vp8": "libvpx", "vp9": "libvpx-vp9"})
_BT601 = 5  # the only matrix that VP8 has


def alpha_decoder(stream: VideoStream) -> VideoCodecContext | None:
    """A decoder whose pictures have the stream's alpha; None if the stream's own one is right."""
    name = _DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get(ALPHA_TAG) != "1":
        return None
    context = av.CodecContext.create(name, "r")
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} must be a video decoder, got {type(context).__name__}")
    context.extradata = stream.codec_context.extradata
    context.thread_type = "AUTO"
    if name == "libvpx":
        # Told to the stream, for what its pictures leave open: libvpx clears its own context's.
        stream.codec_context.colorspace = _BT601
    return context
