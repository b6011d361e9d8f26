"""The place of the chroma samples: what a file says of it, and whether another file can say it.

PyAV 18 hands the field out nowhere, but it copies it from a stream to its copy; so the header of a
file that is never written tells: Matroska states the place by two numbers, YUV4MPEG by a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType

import av
from av.video.stream import VideoStream

from vsr_cli.frames import ChromaLocation, PixelFormat
from vsr_cli.media.target import MATROSKA

# ChromaSitingHorz (0x55B7) and ChromaSitingVert (0x55B8), each with a value of one byte.
_MATROSKA = re.compile(rb"\x55\xb7\x81([\x01\x02])\x55\xb8\x81([\x01\x02])", re.DOTALL)
_MATROSKA_PLACES: Mapping[tuple[int, int], ChromaLocation] = MappingProxyType(
    {(1, 2): "left", (2, 2): "center", (1, 1): "topleft"}
)
_YUV4MPEG = re.compile(rb" C420(jpeg|mpeg2|paldv)\b")
_YUV4MPEG_PLACES: Mapping[bytes, ChromaLocation] = MappingProxyType(
    {b"jpeg": "center", b"mpeg2": "left", b"paldv": "topleft"}
)
# chroma_sample_position in the third byte of an AV1 configuration record.
_AV1_PLACES: Mapping[int, ChromaLocation] = MappingProxyType({1: "left", 2: "topleft"})


def read_chroma_location(stream: VideoStream, pixel_format: PixelFormat) -> ChromaLocation:
    """Where the file says that chroma lies; ``unspecified`` where it says nothing."""
    if pixel_format.family != "yuv" or not pixel_format.chroma_shift_x:
        return "unspecified"
    codec = stream.codec_context.codec.canonical_name
    if codec == "dvvideo":
        return "topleft" if pixel_format.chroma_shift_y else "left"  # IEC 61834-2; no tag exists
    if codec == "av1":
        record = stream.codec_context.extradata or b""
        is_record = len(record) >= 4 and record[0] == 0x81
        return _AV1_PLACES.get(record[2] & 3, "unspecified") if is_record else "unspecified"
    if codec == "rawvideo":
        found = _YUV4MPEG.search(_copied_header(stream, "yuv4mpegpipe"))
        return _YUV4MPEG_PLACES[found[1]] if found else "unspecified"
    found = _MATROSKA.search(_copied_header(stream, "matroska"))
    if found is None:
        return "unspecified"
    return _MATROSKA_PLACES.get((found[1][0], found[2][0]), "unspecified")


def keeps_location(location: ChromaLocation, *, codec: str, container: str) -> bool:
    """True if a file with this encoder and container can say so, or need not."""
    if location in ("unspecified", "left"):  # what every decoder assumes without a tag
        return True
    by_container = container in MATROSKA and location in _MATROSKA_PLACES.values()
    by_stream = codec in ("libx264", "libx265", "h264_nvenc", "hevc_nvenc")
    is_av1 = codec == "libsvtav1" and location == "topleft"
    return by_container or by_stream or is_av1


def _copied_header(stream: VideoStream, container: str) -> bytes:
    """The header of a file that would hold a copy of the stream; empty if none can be made."""
    file = BytesIO()
    try:
        with av.open(file, "w", format=container) as output:
            output.add_stream_from_template(stream)
            output.start_encoding()
            return file.getvalue()
    except (ValueError, av.error.FFmpegError):
        return b""
