"""The options of an encoder: ours for every clip, those that the clip asks for, and the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import av
from av.codec import Codec

from vsr_cli.frames import ClipInfo
from vsr_cli.media.pixels.formats import planar_cousin
from vsr_cli.media.video.encoder_trial import (
    Setting,
    check_settings,
    known_options,
    merge_settings,
)
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
    """All options of the encoder; the user's own come last and win.

    Raises:
        ValueError: the encoder does not know or does not take one that the user gave.
    """
    if codec.name == "libsvtav1":
        # SVT-AV1 has no option for it, and writes a page to stderr otherwise. 1: errors only.
        os.environ.setdefault("SVT_LOG", "1")
    settings = _user_settings(codec, encoding)
    options = dict(_FIXED_OPTIONS.get(codec.name, {}))
    if codec.name in _DEFAULT_CRF and not _RATE_CONTROL & {own.name for own in settings}:
        options["crf"] = f"{_DEFAULT_CRF[codec.name]:g}"
    layout, location = planar_cousin(pix_fmt), info.color.chroma_location
    if layout is not None and layout.chroma_shift_x and location != "unspecified":
        options["chroma_sample_location"] = location
    if hdr := hdr_options(codec.name, info.hdr):
        options[hdr[0]] = ":".join(filter(None, (options.get(hdr[0]), hdr[1])))
    check_settings(codec, options, settings, pix_fmt)
    return merge_settings(options, settings)


def _user_settings(codec: Codec, encoding: EncodingSpec) -> list[Setting]:
    """What the user set, by FFmpeg's names.

    Raises:
        ValueError: the encoder has no such option, or it is set twice.
    """
    _check_names(codec, [name for name, _ in encoding.codec_options])
    settings = []
    if encoding.crf is not None:
        if codec.name not in _DEFAULT_CRF and "nvenc" not in codec.name:
            raise ValueError(f"{codec.name} takes no crf, got {encoding.crf:g}; leave it out")
        name, value = "cq" if "nvenc" in codec.name else "crf", f"{encoding.crf:g}"
        settings.append(Setting(f"--crf {value}", name, value))
    if encoding.preset is not None:
        settings.append(_preset(codec, encoding.preset))
    for name, value in encoding.codec_options:
        setting = Setting(f"--codec-option {name}={value}", name, value)
        twice = [own.given for own in settings if own.name == name]
        if twice and not name.endswith("-params"):
            raise ValueError(f"{twice[0]} and {setting.given} set the same; give one of them")
        settings.append(setting)
    return settings


def _preset(codec: Codec, preset: str) -> Setting:
    name = _PRESET_OPTIONS.get(codec.name, "preset")
    if name not in known_options(codec):
        raise ValueError(f"{codec.name} takes no preset, got {preset!r}; leave it out")
    if codec.name in ("libx264", "libx265") and preset not in _X26X_PRESETS:
        accepted = ", ".join(_X26X_PRESETS)
        raise ValueError(f"{codec.name} has no preset {preset!r}; it has {accepted}")
    return Setting(f"--preset {preset}", name, preset)


def _check_names(codec: Codec, names: list[str]) -> None:
    """Refuse options that the encoder does not know: FFmpeg passes over them in silence."""
    known = known_options(codec)
    for name in names:
        if name not in known:
            own = av.CodecContext.create(codec.name, "w").supported_options.private
            near = get_close_matches(name, known) or [option.name for option in own]
            accepted = ", ".join(near) or "none of its own"
            raise ValueError(f"{codec.name} has no option {name!r}; it has {accepted}")
