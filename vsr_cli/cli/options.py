"""Options that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from vsr_cli.cli.examples import complete_model
from vsr_cli.specs import (
    Address,
    DegradationSpec,
    EvaluateSpec,
    UpscaleSpec,
    as_path,
    is_field,
    parse_degradation,
)
from vsr_cli.specs.degradation import BICUBIC

Command = TypeVar("Command", bound=Callable[..., Any])
MODEL = "A name, or names joined by +."
DOMAIN = (
    "Which released weights: natural, climate, ...  [default: natural, if any; of fields climate]"
)
DEVICE = "auto, cpu, cuda or cuda:N."
DEVICES = "auto, cpu, cuda, cuda:N, or for a video several: cuda:0,cuda:1, cuda:all."
SCALE = "Enlargement, 1.5 too.  [default: 2, or what reaches --width and --height]"


class FilePath(click.Path):
    """A file or a folder, whether it is there or not."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """As a path; an empty one would be the folder that one is in."""
        if not str(value):
            self.fail("a path must not be empty", param, ctx)
        address = as_path(str(value))
        if isinstance(address, Address) and is_field(address):  # videos are read from files
            return address
        return Path(os.fsdecode(super().convert(value, param, ctx)))


FILE = FilePath()


class SizeType(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A size in pixels, WIDTHxHEIGHT; the value is (width, height)."""

    name = "WIDTHxHEIGHT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read "640x320" as (640, 320)."""
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", str(value))
        if match is None:
            self.fail(f"a size is WIDTHxHEIGHT in pixels (640x320), got {value!r}", param, ctx)
        return int(match[1]), int(match[2])


class NameValueType(click.ParamType):  # type: ignore[type-arg]  # as above
    """NAME=VALUE; the value is the pair."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Read "bf=2" as ("bf", "2")."""
        name, equals, text = str(value).partition("=")
        if not (name and equals and text):
            self.fail(f"it is NAME=VALUE (bf=2), got {value!r}", param, ctx)
        return name, text


class NamesType(click.ParamType):  # type: ignore[type-arg]  # as above
    """Names with commas between them; the value is a tuple."""

    name = "NAME,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read "u,v" as ("u", "v")."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        if not all(names):
            self.fail(f"it is a name, or names with commas between them, got {value!r}", param, ctx)
        return names


class RangeType(click.ParamType):  # type: ignore[type-arg]  # as above
    """LOW,HIGH; the value is the pair."""

    name = "LOW,HIGH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Read "-40,40" as (-40.0, 40.0)."""
        try:
            low, high = map(float, str(value).split(","))
        except ValueError:
            self.fail(f"it is LOW,HIGH (-40,40), got {value!r}", param, ctx)
        return low, high


class ClipPath(FilePath):
    """A file, a folder, a pattern, or ``-`` for a pipe; ``./-`` is a file of that name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """As a path, in which ``-`` stands for the pipe alone."""
        path = super().convert(value, param, ctx)
        # A Path forgets the "./" by which a file is told from the pipe.
        return path.absolute() if path == Path("-") and str(value) != "-" else path


class FractionType(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A number such as "25" or "29.97", or a fraction such as "30000/1001"."""

    def __init__(self, name: str, example: str) -> None:
        self.name = name
        self.example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """As an exact fraction."""
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            what = f"a {self.name.lower()} is a number or a fraction ({self.example})"
            self.fail(f"{what}, got {value!r}", param, ctx)


class DegradationType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A chain of degradations."""

    name = "CHAIN"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> DegradationSpec:
        """Read "blur:sigma=1.2+bicubic" as its steps."""
        if isinstance(value, DegradationSpec):
            return value
        try:
            return parse_degradation(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def model_options(
    spec: type[UpscaleSpec | EvaluateSpec], device: str = DEVICE
) -> Callable[[Command], Command]:
    """--model and how it runs, --scale to --consistency; defaults are the spec's."""
    defaults = {field.name: field.default for field in fields(spec)}

    def option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
        default = defaults[name.replace("-", "_")]
        return click.option(f"--{name}", default=default, show_default=True, help=text, **settings)

    options = (
        click.option(
            "--model",
            "models",
            multiple=True,
            shell_complete=complete_model,
            help=f"{MODEL} Repeatable.",
        )
        if spec is EvaluateSpec
        else option("model", MODEL, shell_complete=complete_model),
        option(
            "scale",
            "Enlargement by the networks." if defaults["scale"] else SCALE,
            type=int if defaults["scale"] else FractionType("SCALE", "3/2"),
        ),
        option("domain", DOMAIN),
        option(
            "weights",
            "A weight file of your own, or MODEL=FILE. Repeatable, one for each network.",
            multiple=True,
            type=FILE,
        ),
        option("device", device),
        option(
            "precision", "fp32, bf16 or fp16; auto: fp16 on GPUs, bf16 on CPUs that gain by it."
        ),
        option("batch-size", "Frames at once.  [default: by frame size]", type=int),
        option("tile", "Pixels of a tile; 0: whole frames.  [default: by network]", type=int),
        option("scene-threshold", "Per cent of dissimilarity that is a cut; 0: off."),
        option(
            "consistency", "Rounds of back-projection at the end, so that the input comes back."
        ),
    )

    def add_all(command: Command) -> Command:
        for add in reversed(options):
            command = add(command)
        return command

    return add_all


def degradation_option(command: Command) -> Command:
    """--degradation"""
    return click.option(
        "--degradation",
        type=DegradationType(),
        default=BICUBIC,
        show_default=True,
        help="Steps from the truth to the input, joined by +.",
    )(command)


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
