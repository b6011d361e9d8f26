"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


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
