"""The options of ``vsr upscale`` that other commands of videos have too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from vsr_cli.cli.field_options import field_options
from vsr_cli.cli.options import (
    DEVICES,
    Command,
    add_options,
    max_pixels_option,
    model_options,
    options_of,
    pop_settings,
)
from vsr_cli.cli.param_types import FractionType, NameValueType
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

UPSCALE, DECODE, ENCODE = map(options_of, (UpscaleSpec, DecodingSpec, EncodingSpec))
SIZE_OPTIONS = (
    UPSCALE("width", "Columns of the output.  [default: by --scale]"),
    UPSCALE("height", "Rows of the output.  [default: by --scale]"),
)
CHROMA_OPTION = UPSCALE(
    "chroma", "How the colour planes are enlarged; an interpolation is its own."
)
QUALITY_OPTIONS = (
    ENCODE("crf", "Quality of the codec: lower is better and larger."),
    ENCODE("preset", "Speed of the codec, by its own name."),
)
PICTURE_OPTIONS = (
    ENCODE("codec", "x264, x265, svtav1, vp9, ffv1, prores, or FFmpeg's name."),
    *QUALITY_OPTIONS,
    ENCODE(
        "codec-option",
        "An option of the encoder, by FFmpeg's name. Repeatable.",
        field="codec_options",
        metavar="NAME=VALUE",
        type=NameValueType(),
    ),
    ENCODE("pix-fmt", "Pixel format of the output.  [default: as the input]"),
    ENCODE("keep-partial", "When the run ends early, keep what is complete as NAME.partial.EXT."),
)
STREAM_OPTIONS = (
    ENCODE("audio-codec", "Encode audio that OUT cannot hold with aac, opus, flac, ..."),
    ENCODE("strict-streams", "Fail if a stream is lost or loses something."),
)
ENCODING_OPTIONS = PICTURE_OPTIONS + STREAM_OPTIONS
DECODING_OPTIONS = (
    DECODE("start", "Second to begin at.", field="start_s"),
    DECODE("end", "Second to stop at.", field="end_s"),
    DECODE("deinterlace", "auto: frames that say they are interlaced; bwdif: all."),
    DECODE(
        "rate",
        "Frames per second of stills.  [default: 25]",
        type=FractionType("RATE", "30000/1001"),
    ),
    DECODE("tolerate", "Damaged packets to put up with; a truncated file has at least one."),
    DECODE(
        "hwaccel",
        "Decode on hardware: cuda, vaapi, ... as FFmpeg names it; auto: where it can.",
        metavar="DEVICE",
    ),
    max_pixels_option,
)


class ClipSettings(NamedTuple):
    """How one clip is read, upscaled and written."""

    upscale: UpscaleSpec
    encoding: EncodingSpec
    decoding: DecodingSpec


def clip_settings(options: Mapping[str, Any]) -> ClipSettings:
    """The settings in the values of ``clip_options``; what is left over is an UpscaleSpec's.

    Raises:
        ValueError: a value cannot be.
    """
    rest = dict(options)
    encoding, decoding = pop_settings(EncodingSpec, rest), pop_settings(DecodingSpec, rest)
    return ClipSettings(UpscaleSpec(**rest), encoding, decoding)


def size_options(command: Command) -> Command:
    """--width and --height of the output."""
    return add_options(SIZE_OPTIONS, command)


def quality_options(command: Command) -> Command:
    """--crf and --preset."""
    return add_options(QUALITY_OPTIONS, command)


def picture_encoding_options(command: Command) -> Command:
    """How pictures are encoded that have no sound and nothing else beside them."""
    return add_options(PICTURE_OPTIONS, command)


def clip_options(command: Command) -> Command:
    """How a clip is upscaled, written and read, from --model to --max-pixels."""
    model = (model_options(UpscaleSpec, DEVICES), *SIZE_OPTIONS, CHROMA_OPTION)
    return add_options(model + ENCODING_OPTIONS + DECODING_OPTIONS, command)


def file_options(command: Command) -> Command:
    """How clips are written and read, from --codec to --max-pixels."""
    return add_options(ENCODING_OPTIONS + DECODING_OPTIONS, command)


def with_settings(
    options: Mapping[str, Any], changes: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """The values of ``clip_options`` and ``field_options``, some changed, by their long names.

    ``changes`` holds what TOML and JSON have: texts, numbers, booleans, and lists of these for an
    option that can be repeated. ``where`` begins the message of an error.

    Raises:
        UsageError: there is no such option, or the value does not fit it.
    """
    params = {name: p for p in _clip_params() for name in (p.opts[0].removeprefix("--"), p.name)}
    changed, ctx = dict(options), click.get_current_context()
    for name, value in changes.items():
        param = params.get(name.replace("_", "-")) or params.get(name)
        if param is None or param.name is None:
            known = ", ".join(p.opts[0].removeprefix("--") for p in _clip_params())
            raise click.UsageError(f"{where}: no setting is called {name!r}; there are {known}")
        if isinstance(value, bool) != param.is_flag or (
            isinstance(value, list) and not param.multiple
        ):
            raise click.UsageError(f"{where}: {name} cannot be {value!r}")
        if param.is_flag:
            changed[param.name] = value
            continue
        texts = [str(item) for item in (value if isinstance(value, list) else [value])]
        try:
            changed[param.name] = param.type_cast_value(ctx, texts if param.multiple else texts[0])
        except click.BadParameter as error:
            raise click.UsageError(f"{where}: {name}: {error.message}") from None
    return changed


def _clip_params() -> list[click.Option]:
    """The declarations themselves."""
    command = click.command()(clip_options(field_options(lambda: None)))
    return [param for param in command.params if isinstance(param, click.Option)]
