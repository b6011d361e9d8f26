"""The options of ``vsr upscale`` for fields of NetCDF files and Zarr stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path, PurePath
from typing import Any

import click

from vsr_cli.cli.options import Command, add_options, options_of
from vsr_cli.cli.param_types import RangeType
from vsr_cli.specs import DecodingSpec, EncodingSpec, FieldSpec, is_field

OPTION = options_of(FieldSpec)
OTHER_NAMES = {
    "variables": "variable",
    "start_s": "start",
    "end_s": "end",
    "codec_options": "codec-option",
}
OPTIONS = (
    OPTION(
        "variable",
        "Field of a NetCDF file or Zarr store. Repeatable.  [default: the only one]",
        field="variables",
        metavar="NAME",
    ),
    OPTION(
        "value-range",
        "Values of a field that networks see as 0 to 1; none is cut.  [default: measured]",
        type=RangeType(),
    ),
    OPTION(
        "boundary",
        "What follows on a field's last columns; auto: periodic around the globe.",
    ),
    OPTION(
        "conserve",
        "mean: the cells that a cell becomes keep its value as their mean, by area.",
    ),
    OPTION("window", "none: each step of a field by itself."),
)


def field_options(command: Command) -> Command:
    """Which fields, and how their values and edges are taken."""
    return add_options(OPTIONS, command)


def check_kind(
    source: Path,
    target: Path,
    fields: FieldSpec,
    encoding: EncodingSpec,
    decoding: DecodingSpec,
) -> None:
    """Refuse what is for videos with fields, and the other way round.

    Raises:
        UsageError: says which option.
    """
    if not is_field(source):
        if (name := _changed(fields, FieldSpec())) is not None:
            raise click.UsageError(f"--{name} is for fields (.nc, .zarr), {source} is none")
        if is_field(target):
            raise click.UsageError(f"{target} is for fields, but {source} is no .nc, .nc4 or .zarr")
        return
    name = _changed(encoding, EncodingSpec()) or _changed(decoding, DecodingSpec())
    if name is not None:
        raise click.UsageError(f"--{name} is for videos, {source} holds fields; leave it out")


def check_kinds(
    sources: Sequence[PurePath], fields: FieldSpec, encoding: EncodingSpec, decoding: DecodingSpec
) -> None:
    """Refuse what is for none of several files.

    Raises:
        UsageError: says which option.
    """
    kinds = {is_field(source) for source in sources}
    if True not in kinds and (name := _changed(fields, FieldSpec())) is not None:
        raise click.UsageError(f"--{name} is for fields (.nc, .zarr), and there are none")
    name = _changed(encoding, EncodingSpec()) or _changed(decoding, DecodingSpec())
    if kinds == {True} and name is not None:
        raise click.UsageError(f"--{name} is for videos, and there are only fields; leave it out")


def _changed(settings: Any, default: Any) -> str | None:
    """The first option that is not as it is by itself."""
    for field in fields(settings):
        if getattr(settings, field.name) != getattr(default, field.name):
            return OTHER_NAMES.get(field.name, field.name.replace("_", "-"))
    return None
