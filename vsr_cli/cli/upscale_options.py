"""The options of ``vsr upscale`` that ``vsr batch``, or ``vsr compare``, has too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, get_args

import click

from vsr_cli.cli.field_options import field_options
from vsr_cli.cli.options import DEVICES, Command, FractionType, NameValueType, model_options
from vsr_cli.specs import Chroma, DecodingSpec, Deinterlace, EncodingSpec, UpscaleSpec

DECODING = tuple(field.name for field in fields(DecodingSpec))
ENCODING = tuple(field.name for field in fields(EncodingSpec))


SIZE_OPTIONS = (
    click.option("--width", type=int, help="Columns of the output.  [default: by --scale]"),
    click.option("--height", type=int, help="Rows of the output.  [default: by --scale]"),
)
CHROMA_OPTION = click.option(
    "--chroma",
    type=click.Choice(get_args(Chroma)),
    default=UpscaleSpec().chroma,
    show_default=True,
    help="How the colour planes are enlarged; an interpolation is its own.",
)
PICTURE_ENCODING = ("codec", "crf", "preset", "codec_options", "pix_fmt", "keep_partial")
PICTURE_OPTIONS = (
    click.option("--codec", help="x264, x265, svtav1, vp9, ffv1, prores, or FFmpeg's name."),
    click.option("--crf", type=float, help="Quality of the codec: lower is better and larger."),
    click.option("--preset", help="Speed of the codec, by its own name."),
    click.option(
        "--codec-option",
        "codec_options",
        metavar="NAME=VALUE",
        type=NameValueType(),
        multiple=True,
        help="An option of the encoder, by FFmpeg's name. Repeatable.",
    ),
    click.option("--pix-fmt", help="Pixel format of the output.  [default: as the input]"),
    click.option(
        "--keep-partial",
        is_flag=True,
        help="When the run ends early, keep what is complete as NAME.partial.EXT.",
    ),
)
STREAM_OPTIONS = (
    click.option(
        "--audio-codec", help="Encode audio that OUT cannot hold with aac, opus, flac, ..."
    ),
    click.option(
        "--strict-streams", is_flag=True, help="Fail if a stream is lost or loses something."
    ),
)
ENCODING_OPTIONS = PICTURE_OPTIONS + STREAM_OPTIONS
DECODING_OPTIONS = (
    click.option("--start", "start_s", type=float, help="Second to begin at."),
    click.option("--end", "end_s", type=float, help="Second to stop at."),
    click.option(
        "--deinterlace",
        type=click.Choice(get_args(Deinterlace)),
        default=DecodingSpec().deinterlace,
        show_default=True,
        help="auto: frames that say they are interlaced; bwdif: all.",
    ),
    click.option(
        "--rate",
        type=FractionType("RATE", "30000/1001"),
        help="Frames per second of stills.  [default: 25]",
    ),
    click.option(
        "--tolerate",
        default=DecodingSpec().tolerate,
        show_default=True,
        help="Damaged packets to put up with; a truncated file has at least one.",
    ),
    click.option(
        "--hwaccel",
        metavar="DEVICE",
        default=DecodingSpec().hwaccel,
        show_default=True,
        help="Decode on hardware: cuda, vaapi, ... as FFmpeg names it; auto: where it can.",
    ),
    click.option(
        "--max-pixels",
        default=DecodingSpec().max_pixels,
        show_default=True,
        help="Of a frame, in and out: larger sizes are taken for mistakes.",
    ),
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
    encoding, decoding = pop_file_settings(rest)
    return ClipSettings(UpscaleSpec(**rest), encoding, decoding)


def pop_file_settings(options: dict[str, Any]) -> tuple[EncodingSpec, DecodingSpec]:
    """The settings in the values of ``file_options``, which are taken out of ``options``.

    Raises:
        ValueError: a value cannot be.
    """
    encoding = EncodingSpec(**{name: options.pop(name) for name in ENCODING})
    return encoding, DecodingSpec(**{name: options.pop(name) for name in DECODING})


def picture_encoding_options(command: Command) -> Command:
    """How pictures are encoded that have no sound and nothing else beside them."""
    return add_options(PICTURE_OPTIONS, command)


def clip_options(command: Command) -> Command:
    """How a clip is upscaled, written and read, from --model to --tolerate."""
    model = (model_options(UpscaleSpec, DEVICES), *SIZE_OPTIONS, CHROMA_OPTION)
    return add_options(model + ENCODING_OPTIONS + DECODING_OPTIONS, command)


def file_options(command: Command) -> Command:
    """How clips are written and read, from --codec to --tolerate."""
    return add_options(ENCODING_OPTIONS + DECODING_OPTIONS, command)


def add_options(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Options for a command, which shows them in that order."""
    for add in reversed(options):
        command = add(command)
    return command


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
