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

from vsr_cli.frames import ClipInfo
from vsr_cli.media.chroma_location import keeps_location
from vsr_cli.media.formats import holds, nearest_holding, parse_planar, planar_cousin, stand_in
from vsr_cli.media.hdr import hdr_options, lost_hdr
from vsr_cli.media.target import CONTAINERS
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
# Visually transparent on upscaled footage for x264; the others' values of about the same quality.
_DEFAULT_CRF: Mapping[str, float] = MappingProxyType(
    {"libx264": 18, "libx265": 18, "libsvtav1": 24, "libvpx-vp9": 24}
)
# Encoders that take a preset under another name.
_PRESET_OPTIONS: Mapping[str, str] = MappingProxyType({"libvpx-vp9": "cpu-used"})
# x264 and x265 write a line of their own to stderr about a name that they do not know.
_X26X_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
_FIXED_OPTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "libx264": {"forced-idr": "1"},
        "libx265": {"forced-idr": "1", "x265-params": "log-level=error"},
        "libvpx-vp9": {"b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "2"},
        "ffv1": {"level": "3", "slicecrc": "1"},
    }
)
MILLISECOND_CONTAINERS = frozenset({"matroska", "webm"})  # FFmpeg's muxer has no other clock
# Options of an encoder that take the place of our default quality.
_RATE_CONTROL = frozenset({"b", "cq", "crf", "lossless", "qp", "rc"})
# Formats that an encoder lists and then refuses (FFmpeg 8.1).
_REFUSED_FORMATS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"libvpx-vp9": frozenset({"gbrap", "yuva422p", "yuva444p"})}
)
_MATROSKA_RATE = 500  # frames per second; from 1000 on, frames would fall on one tick of 1 ms
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
    """
    path = Path(path)
    container = CONTAINERS[path.suffix.lower()]
    codec = _find_codec(encoding.codec or _DEFAULT_CODECS[container])
    if codec.name not in _storable(container):
        raise ValueError(
            f"a {path.suffix} file cannot hold {codec.name}; "
            f"try {_DEFAULT_CODECS[container]}, or an .mkv file"
        )
    warnings = []
    pix_fmt, loss = _choose_pix_fmt(codec, encoding.pix_fmt, info)
    if loss:
        warnings.append(loss)
    warnings += _untold(codec.name, container, info)
    _check_times(path, container, info)
    width, height = _encoded_size(codec.name, pix_fmt, info)
    if (width, height) != (info.width, info.height):
        warnings.append(
            f"{codec.name} needs even sizes for {pix_fmt}: the last row or column is repeated, "
            f"{info.width}x{info.height} becomes {width}x{height}"
        )
    options = _options(codec, encoding, info, pix_fmt)
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


def _choose_pix_fmt(codec: Codec, wanted: str | None, info: ClipInfo) -> tuple[str, str]:
    """The encoder's pixel format, and a warning if it loses something of the source.

    What is lost without being asked for: the alpha of pictures, and the rounding of RGB to YUV with
    full chroma. Pictures are RGB by nature, and few encoders take it.
    """
    source = info.pixel_format
    refused = _REFUSED_FORMATS.get(codec.name, frozenset())
    offered = [f.name for f in codec.video_formats or [] if not f.name.startswith("yuvj")]
    usable = [name for name in offered if planar_cousin(name) is not None and name not in refused]
    if wanted is not None:
        target = planar_cousin(wanted) if wanted in usable else None
        if target is None:
            raise ValueError(
                f"{codec.name} cannot hold pixel format {wanted!r}; it holds " + ", ".join(usable)
            )
        part = "its alpha" if source.has_alpha > target.has_alpha else "something of it"
        loss = f"{source.name} is written as {wanted}, which loses {part}"
        return wanted, "" if holds(target, source) else loss
    name, loss = nearest_holding(source, usable), ""
    if name is None and info.origin == "pictures":
        name, loss = stand_in(source, usable)
    if name is None:
        planar = [name for name in usable if parse_planar(name) is not None]
        raise ValueError(
            f"{codec.name} cannot hold {source.name} without loss; give --pix-fmt with one of "
            f"{', '.join(planar or usable)}, or --codec ffv1 and an .mkv file"
        )
    return name, loss


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


def _check_times(path: Path, container: str, info: ClipInfo) -> None:
    """Refuse frames that come faster than the container's clock ticks."""
    is_finer = container in MILLISECOND_CONTAINERS and info.time_base < Fraction(1, 1000)
    if is_finer and (info.frame_rate or 0) > _MATROSKA_RATE:
        raise ValueError(
            f"a {path.suffix} file keeps times to 1 ms, which is too coarse for "
            f"{float(info.frame_rate or 0):g} frames per second; write an .mp4 or .mov file"
        )


def _options(
    codec: Codec, encoding: EncodingSpec, info: ClipInfo, pix_fmt: str
) -> Mapping[str, str]:
    """All options of the encoder; the user's own come last and win."""
    options = dict(_FIXED_OPTIONS.get(codec.name, {})) | _quality_options(codec.name, encoding)
    layout, location = planar_cousin(pix_fmt), info.color.chroma_location
    if layout is not None and layout.chroma_shift_x and location != "unspecified":
        options["chroma_sample_location"] = location
    if hdr := hdr_options(codec.name, info.hdr):
        options[hdr[0]] = ":".join(filter(None, (options.get(hdr[0]), hdr[1])))
    _check_names(codec, [name for name, _ in encoding.codec_options])
    for name, value in encoding.codec_options:
        # Parameters of x264, x265 and SVT-AV1 join those that are set here.
        is_list = name.endswith("-params") and name in options
        options[name] = f"{options[name]}:{value}" if is_list else value
    return options


def _check_names(codec: Codec, names: list[str]) -> None:
    """Refuse options that the encoder does not know: FFmpeg passes over them in silence."""
    known = av.CodecContext.create(codec.name, "w").supported_options
    for name in names:
        if name not in {option.name for option in (*known.generic, *known.private)}:
            own = ", ".join(option.name for option in known.private) or "none of its own"
            raise ValueError(f"{codec.name} has no option {name!r}; it has {own}")


def _quality_options(codec: str, encoding: EncodingSpec) -> dict[str, str]:
    options: dict[str, str] = {}
    default = _DEFAULT_CRF.get(codec)
    if encoding.crf is not None and default is None and "nvenc" not in codec:
        raise ValueError(f"{codec} takes no crf, got {encoding.crf:g}; leave it out")
    own = _RATE_CONTROL & {name for name, _ in encoding.codec_options}
    crf = encoding.crf if encoding.crf is not None or own else default
    if crf is not None:
        options["cq" if "nvenc" in codec else "crf"] = f"{crf:g}"
    if encoding.preset is not None:
        if codec in ("ffv1", "prores_ks"):
            raise ValueError(f"{codec} takes no preset, got {encoding.preset!r}; leave it out")
        if codec in ("libx264", "libx265") and encoding.preset not in _X26X_PRESETS:
            known = ", ".join(_X26X_PRESETS)
            raise ValueError(f"{codec} has no preset {encoding.preset!r}; it has {known}")
        options[_PRESET_OPTIONS.get(codec, "preset")] = encoding.preset
    return options
