"""The options of an encoder: ours for every clip, those that the clip asks for, and the user's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import av
from av.codec import Codec

from vsr_cli.frames import ClipInfo
from vsr_cli.media.pixels.formats import planar_cousin
from vsr_cli.media.video.hdr import hdr_options
from vsr_cli.specs import EncodingSpec

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
# Options of an encoder that take the place of our default quality.
_RATE_CONTROL = frozenset({"b", "cq", "crf", "lossless", "qp", "rc"})


def encoder_options(
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
