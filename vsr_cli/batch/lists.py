"""Lists of inputs: one path a line, or TOML where files have settings of their own."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from vsr_cli.errors import InputError, reason_of


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One file of a list."""

    path: Path
    output: PurePath | None  # below the folder of outputs
    settings: Mapping[str, Any]  # options of ``vsr upscale`` by their names, as TOML gives them


def read_list(path: Path) -> list[ListEntry]:
    """The entries of a list; ``-`` is standard input. Relative paths start where the process is.

    A file that ends in .toml holds tables ``[[file]]`` with ``path``, if wanted ``output``, and any
    option of ``vsr upscale`` by its long name. Any other holds a path in each line, as ``find``
    prints them; empty lines and those that begin with # are left out.

    Raises:
        InputError: the list cannot be read, or is empty.
        ValueError: it does not say what it should.
    """
    try:
        data = sys.stdin.buffer.read() if path == Path("-") else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason_of(error)}") from error
    if path.suffix.lower() == ".toml":
        entries = _read_toml(path, data)
    else:
        lines = [os.fsdecode(line.rstrip(b"\r")) for line in data.split(b"\n")]
        named = [line for line in lines if line.strip() and not line.startswith("#")]
        entries = [ListEntry(Path(line), None, {}) for line in named]
    if not entries:
        raise InputError(f"the list {path} names no file")
    return entries


def _read_toml(path: Path, data: bytes) -> list[ListEntry]:
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    tables = document.pop("file", [])
    if document or not isinstance(tables, list):
        other = ", ".join(document) or "file"
        raise ValueError(f"{path} holds tables [[file]] alone, got {other}")
    return [_entry(path, number, table) for number, table in enumerate(tables, 1)]


def _entry(path: Path, number: int, table: object) -> ListEntry:
    where = f"{path}, file {number}"
    if not isinstance(table, dict) or not isinstance(table.get("path"), str) or not table["path"]:
        raise ValueError(f"{where}: it needs a path, such as path = 'runs/a.mp4'")
    settings = {key: value for key, value in table.items() if key not in ("path", "output")}
    output = table.get("output")
    if output is None:
        return ListEntry(Path(table["path"]), None, settings)
    if not isinstance(output, str) or not output:
        raise ValueError(f"{where}: output is a path, got {output!r}")
    place = PurePath(output)
    if place.is_absolute() or ".." in place.parts or not place.name:
        raise ValueError(f"{where}: output lies below the folder of outputs, got {output!r}")
    return ListEntry(Path(table["path"]), place, settings)
