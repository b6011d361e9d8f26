"""Pictures of 16 bits per sample, decoded and encoded by PyAV: Pillow would cut RGB to 8 bits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

Samples = NDArray[Any]  # (H, W, C), uint8 or uint16; C: gray, gray and alpha, RGB, RGBA

_CHANNELS: Mapping[str, int] = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
_NAME = re.compile(r"(?P<kind>gray16|ya16|rgb48|rgba64)(?P<order>le|be)")


def decode_deep(codec: str, data: bytes) -> Samples:
    """The uint16 samples of a whole PNG or TIFF file.

    Raises:
        av.error.FFmpegError: it is damaged.
        ValueError: its samples are of another kind.
    """
    context = av.CodecContext.create(codec, "r")
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"codec {codec} is no video decoder")
    picture, *_ = [*context.decode(av.Packet(data)), *context.decode(None)]
    match = _NAME.fullmatch(picture.format.name)
    if match is None:
        raise ValueError(f"samples of format {picture.format.name}")
    dtype = np.dtype(np.uint16).newbyteorder("<" if match["order"] == "le" else ">")
    plane, channels = picture.planes[0], _CHANNELS[match["kind"]]
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // 2)  # type: ignore[call-overload]
    samples: Samples = rows[: picture.height, : picture.width * channels].astype(np.uint16)
    return samples.reshape(picture.height, picture.width, channels)


def picture_of(samples: Samples) -> av.VideoFrame:
    """A picture to be encoded that holds a copy of the samples; big-endian if they have 16 bits."""
    height, width, channels = samples.shape
    name = {1: "gray", 3: "rgb24", 4: "rgba"}[channels]
    if samples.dtype == np.uint16:
        name = {1: "gray16be", 3: "rgb48be", 4: "rgba64be"}[channels]
    picture = av.VideoFrame(width, height, name)
    plane = picture.planes[0]
    wanted = samples.astype(samples.dtype.newbyteorder(">"), copy=False)
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    row_bytes = width * channels * samples.dtype.itemsize
    rows[:height, :row_bytes] = np.ascontiguousarray(wanted).view(np.uint8).reshape(height, -1)
    picture.pts, picture.time_base = 0, Fraction(1)
    return picture
