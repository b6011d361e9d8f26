"""What the words of an option or argument are read as."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from vsr_cli.specs import (
    Address,
    Box,
    DegradationSpec,
    as_path,
    is_field,
    parse_degradation,
)


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


class ClipPath(FilePath):
    """A file, a folder, a pattern, or ``-`` for a pipe; ``./-`` is a file of that name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """As a path, in which ``-`` stands for the pipe alone."""
        path = super().convert(value, param, ctx)
        # A Path forgets the "./" by which a file is told from the pipe.
        return path.absolute() if path == Path("-") and str(value) != "-" else path


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


class FractionType(click.ParamType):  # type: ignore[type-arg]  # as above
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


class BoxType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A part of a picture in pixels, X,Y,W,H."""

    name = "X,Y,W,H"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Box:
        """Read "100,50,64,48" as a Box."""
        if isinstance(value, Box):
            return value
        if not re.fullmatch(r"\d{1,9}(,\d{1,9}){3}", str(value)):
            self.fail(
                f"a part of a picture is X,Y,W,H in pixels (100,50,64,48), got {value!r}",
                param,
                ctx,
            )
        return Box(*map(int, str(value).split(",")))
