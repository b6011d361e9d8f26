"""Options that several commands share, and options made from the fields of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click

from vsr_cli.cli.examples import complete_model
from vsr_cli.cli.param_types import FILE, DegradationType, FractionType
from vsr_cli.specs import BICUBIC, DEFAULT_SCALE, DecodingSpec, EvaluateSpec, UpscaleSpec

Command = TypeVar("Command", bound=Callable[..., Any])
Settings = TypeVar("Settings")
Decorator = Callable[[Command], Command]
MODEL = "A name, or names joined by +."
DOMAIN = (
    "Which released weights: natural, climate, ...  [default: natural, if any; of fields climate]"
)
DEVICE = "auto, cpu, cuda or cuda:N."
DEVICES = "auto, cpu, cuda, cuda:N, or for a video several: cuda:0,cuda:1, cuda:all."
SCALE = f"Enlargement, 1.5 too.  [default: {DEFAULT_SCALE}, or what reaches --width and --height]"


def options_of(spec: type[Any]) -> Callable[..., Callable[[Command], Command]]:
    """What makes options of a settings class: their defaults and types are those of its fields.

    ``option("batch-size", "Frames at once.")`` is --batch-size of the field ``batch_size``; where
    the two have different names, ``field`` has the field's. Closed choices, flags and options that
    can be repeated follow from the annotation. What else is given goes to ``click.option``.
    """
    kinds = get_type_hints(spec)
    defaults = {field.name: field.default for field in fields(spec)}

    def option(name: str, text: str, *, field: str = "", **more: Any) -> Decorator[Any]:
        field = field or name.replace("-", "_")
        form = _form(kinds[field], defaults[field]) | more
        return click.option(f"--{name}", field, help=text, **form)

    return option


def _form(kind: Any, default: Any) -> dict[str, Any]:
    """What click has to know of a field: its kind, and a default that is neither None nor off."""
    is_shown = default is not None and default is not False
    shown = {"default": default, "show_default": True} if is_shown else {}
    if kind is bool:
        return shown or {"is_flag": True}
    if get_origin(kind) is tuple and get_args(kind)[-1] is ...:
        return {"multiple": True, "default": default}
    either = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    first = next(each for each in either if each is not NoneType)
    if get_origin(first) is Literal:
        return {"type": click.Choice([str(word) for word in get_args(first)])} | shown
    return ({"type": first} if first in (int, float, str) else {}) | shown


def pop_settings(spec: type[Settings], options: dict[str, Any]) -> Settings:
    """The settings in the values of options, which are taken out of ``options``.

    Raises:
        ValueError: a value cannot be.
    """
    names = {field.name for field in fields(spec)} & options.keys()  # type: ignore[arg-type]
    return spec(**{name: options.pop(name) for name in names})


def add_options(options: Iterable[Decorator[Any]], command: Command) -> Command:
    """Options for a command, which shows them in that order."""
    for add in reversed([*options]):
        command = add(command)
    return command


def model_options(
    spec: type[UpscaleSpec | EvaluateSpec], device: str = DEVICE
) -> Callable[[Command], Command]:
    """--model and how it runs, from --scale to --consistency; the defaults are the spec's."""
    option, is_many = options_of(spec), spec is EvaluateSpec
    model = (
        click.option(
            "--model",
            "models",
            multiple=True,
            help=f"{MODEL} Repeatable.",
            shell_complete=complete_model,
        )
        if is_many
        else option("model", MODEL, shell_complete=complete_model)
    )
    options = (
        model,
        option("scale", "Enlargement by the networks.", type=int)
        if is_many
        else option("scale", SCALE, type=FractionType("SCALE", "3/2")),
        option("domain", DOMAIN),
        option(
            "weights",
            "A weight file of your own, or MODEL=FILE. Repeatable, one for each network.",
            type=FILE,
        ),
        option("device", device),
        option(
            "precision", "fp32, bf16 or fp16; auto: fp16 on GPUs, bf16 on CPUs that gain by it."
        ),
        option("batch-size", "Frames at once.  [default: by frame size]"),
        option("tile", "Pixels of a tile; 0: whole frames.  [default: by network]"),
        option("scene-threshold", "Per cent of dissimilarity that is a cut; 0: off."),
        option(
            "consistency", "Rounds of back-projection at the end, so that the input comes back."
        ),
    )
    return lambda command: add_options(options, command)


def degradation_option(command: Command) -> Command:
    """--degradation"""
    return click.option(
        "--degradation",
        type=DegradationType(),
        default=BICUBIC,
        show_default=True,
        help="Steps from the truth to the input, joined by +.",
    )(command)


def max_pixels_option(command: Command) -> Command:
    """--max-pixels"""
    option = options_of(DecodingSpec)
    return option("max-pixels", "Of a frame, in and out: larger sizes are taken for mistakes.")(
        command
    )


def overwrite_option(command: Command) -> Command:
    """--overwrite"""
    return click.option("--overwrite", is_flag=True, help="Replace an output that exists.")(command)


def quiet_option(command: Command) -> Command:
    """--quiet"""
    return click.option("--quiet", is_flag=True, help="Show no progress.")(command)


def json_option(command: Command) -> Command:
    """--json, as the argument ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the result as one JSON document."
    )(command)
