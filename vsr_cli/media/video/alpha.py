"""Alpha: the decoder for VP8 and VP9 that knows of it, and whether a clip makes use of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vsr_cli.media.containers import main_video, open_container

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


def is_opaque(path: Path) -> bool:
    """True if nothing in an animation is transparent; FFmpeg gives every GIF an alpha channel."""
    with open_container(path) as container:
        try:
            for picture in container.decode(main_video(container, path)):
                if picture.to_ndarray(format="rgba")[..., 3].min() < np.iinfo(np.uint8).max:
                    return False
        except av.error.FFmpegError:
            return False  # the reader tells what is damaged
    return True
