"""Which encoder writes a clip, with which options, in which pixel format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import av
from av.codec import Codec

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo
from vsr_cli.media.pixels.formats import planar_cousin
from vsr_cli.media.target import CONTAINERS, MATROSKA
from vsr_cli.media.video.chroma_location import keeps_location
from vsr_cli.media.video.encoder_formats import choose_format
from vsr_cli.media.video.encoder_options import encoder_options
from vsr_cli.media.video.hdr import lost_hdr
from vsr_cli.specs import EncodingSpec

# The names that people use, beside FFmpeg's own.
CODEC_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "x264": "libx264",
        "h264": "libx264",
        "x265": "libx265",
        "hevc": "libx265",
        "svtav1": "libsvtav1",
        "av1": "libsvtav1",
        "vp9": "libvpx-vp9",
        "prores": "prores_ks",
    }
)
_DEFAULT_CODECS: Mapping[str, str] = MappingProxyType(
    {"mp4": "libx264", "mov": "libx264", "matroska": "libx264", "webm": "libvpx-vp9"}
)
MILLISECOND_CONTAINERS = frozenset(MATROSKA)  # FFmpeg's muxer has no other clock
# Encoders whose bits have no place for the range; their decoders take it for limited.
_LIMITED_CODECS = frozenset({"dnxhd", "mpeg2video", "mpeg4", "prores", "prores_aw", "prores_ks"})
_MATROSKA_RATE = 500  # frames per second; from 1000 on, frames would fall on one tick of 1 ms
# FFmpeg has no larger pictures; it counts them with their edges.
_MAX_PIXELS, _EDGE = (1 << 31) // 8 - 1, 128
# Encoders that take no odd size where chroma is halved.
_EVEN_CODECS = frozenset({"libx264", "libx265", "libsvtav1"})


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """What the encoder is set to, decided before the first frame."""

    codec: str  # FFmpeg's encoder
    container: str  # FFmpeg's container
    pix_fmt: str  # what the encoder is given
    width: int  # as encoded: may be one more than the clip's
    height: int
    options: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.codec} {self.width}x{self.height} {self.pix_fmt}"


def check_encoding(path: str | Path, encoding: EncodingSpec, info: ClipInfo) -> EncoderPlan:
    """Decide how a clip is encoded into the file ``path``.

    An encoder that needs even sizes where chroma is halved gets the last row or column of an odd
    picture twice; a warning says so.

    Raises:
        ValueError: the codec is unknown or does not fit the container, the clip or the options.
        OutputError: with ``strict_streams``, the output cannot say what the clip says of itself.
    """
    path = Path(path)
    container = CONTAINERS[path.suffix.lower()]
    codec = _find_codec(encoding.codec or _DEFAULT_CODECS[container])
    if codec.name not in _storable(container):
        raise ValueError(
            f"a {path.suffix} file cannot hold {codec.name}; try {_DEFAULT_CODECS[container]}"
            + ("" if container == "matroska" else ", or an .mkv file")
        )
    warnings = []
    pix_fmt, loss = choose_format(codec, container, encoding.pix_fmt, info)
    untold = _untold(codec.name, container, info)
    if loss and encoding.pix_fmt is None and _loses_alpha(pix_fmt, info):
        untold.append(f"{loss}; try a .webm, or --codec ffv1 and an .mkv file")
    elif loss:
        warnings.append(loss)
    if untold and encoding.strict_streams:
        raise OutputError(f"--strict-streams: {'; '.join(untold)}")
    warnings += untold
    _check_times(path, container, info)
    _check_range(codec.name, pix_fmt, info)
    width, height = _encoded_size(codec.name, pix_fmt, info)
    if (width, height) != (info.width, info.height):
        warnings.append(
            f"{codec.name} needs even sizes for {pix_fmt}: the last row or column is repeated, "
            f"{info.width}x{info.height} becomes {width}x{height}"
        )
    if (width + _EDGE) * (height + _EDGE) > _MAX_PIXELS:
        raise ValueError(
            f"{width}x{height} is too large for a video, which has at most {_MAX_PIXELS:,} pixels; "
            "try a smaller --scale, --width or --height"
        )
    options = encoder_options(codec, encoding, info, pix_fmt)
    return EncoderPlan(codec.name, container, pix_fmt, width, height, options, tuple(warnings))


def _find_codec(name: str) -> Codec:
    try:
        codec = Codec(CODEC_NAMES.get(name, name), "w")
    except ValueError as error:
        raise ValueError(
            f"codec {name!r} is unknown; try one of x264, x265, svtav1, vp9, ffv1, prores"
        ) from error
    if codec.type != "video" or not codec.video_formats:
        raise ValueError(f"codec {name!r} is not a video encoder that can be used here")
    return codec


def _storable(container: str) -> set[str]:
    """FFmpeg's names of the codecs that a container can hold."""
    with av.open(BytesIO(), "w", format=container) as output:
        return output.supported_codecs


def _encoded_size(codec: str, pix_fmt: str, info: ClipInfo) -> tuple[int, int]:
    layout = planar_cousin(pix_fmt)
    if codec not in _EVEN_CODECS or layout is None:
        return info.width, info.height
    step_x, step_y = 1 << layout.chroma_shift_x, 1 << layout.chroma_shift_y
    return -(-info.width // step_x) * step_x, -(-info.height // step_y) * step_y


def _untold(codec: str, container: str, info: ClipInfo) -> list[str]:
    """A warning for each thing that the clip says of itself and the output cannot say."""
    warnings = []
    if lost := lost_hdr(codec, info.hdr):
        warnings.append(
            f"{codec} stores no {' and no '.join(lost)} metadata: left out; try --codec x265"
        )
    location = info.color.chroma_location
    if not keeps_location(location, codec=codec, container=container):
        warnings.append(
            f"{codec} in this container cannot say that chroma lies {location}: players will show "
            "it up to half a pixel off; try --codec x265, or an .mkv file"
        )
    return warnings


def _loses_alpha(pix_fmt: str, info: ClipInfo) -> bool:
    layout = planar_cousin(pix_fmt)
    is_kept = layout is not None and layout.has_alpha
    return info.pixel_format.has_alpha and not (is_kept or info.is_opaque)


def _check_range(codec: str, pix_fmt: str, info: ClipInfo) -> None:
    """Refuse full range where no decoder would hear of it, and show the wrong contrast."""
    layout = planar_cousin(pix_fmt)
    if layout is None or layout.family == "gbr" or info.pixel_format.family == "gbr":
        return
    if info.color.range == "full" and codec in _LIMITED_CODECS:
        raise ValueError(
            f"{codec} cannot say that the clip is of full range: players would show the wrong "
            "contrast; try --codec x264, or --codec ffv1 and an .mkv file"
        )


def _check_times(path: Path, container: str, info: ClipInfo) -> None:
    """Refuse frames that come faster than the container's clock ticks."""
    is_finer = container in MILLISECOND_CONTAINERS and info.time_base < Fraction(1, 1000)
    if is_finer and (info.frame_rate or 0) > _MATROSKA_RATE:
        raise ValueError(
            f"a {path.suffix} file keeps times to 1 ms, which is too coarse for "
            f"{float(info.frame_rate or 0):g} frames per second; write an .mp4 or .mov file"
        )
