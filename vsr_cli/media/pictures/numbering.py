"""Numbered file names: a printf pattern such as ``frame_%05d.png``, and the order 2 before 10.

Standard library only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FIELD = re.compile(r"%(?:0(?P<width>\d+))?d")
_RUN = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """File names of one folder that differ in a number."""

    folder: Path
    before: str  # what the names begin with
    width: int  # digits at least, filled up with zeros; 1: no filling
    after: str

    @classmethod
    def parse(cls, path: Path) -> Self | None:
        """The pattern that a path spells, with ``%d`` or ``%05d`` once in its name; else None."""
        fields = list(_FIELD.finditer(path.name))
        if len(fields) != 1:
            return None
        (field,) = fields
        before, after = path.name[: field.start()], path.name[field.end() :]
        return cls(path.parent, before, int(field["width"] or 1), after)

    def path(self, number: int) -> Path:
        """The file of a number."""
        return self.folder / f"{self.before}{number:0{self.width}d}{self.after}"

    def number(self, name: str) -> int | None:
        """The number that a file's name holds; None for a name that does not fit."""
        if not (name.startswith(self.before) and name.endswith(self.after)):
            return None
        digits = name[len(self.before) : len(name) - len(self.after)]
        if not (digits.isascii() and digits.isdigit()):
            return None
        number = int(digits)
        return number if self.path(number).name == name else None

    def existing(self) -> dict[int, Path]:
        """The files that there are, by ascending number."""
        if not self.folder.is_dir():
            return {}
        found = {
            number: path
            for path in self.folder.iterdir()
            if (number := self.number(path.name)) is not None
        }
        return dict(sorted(found.items()))


def natural_order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """A key that sorts names by the numbers in them: ``a2`` before ``a10``."""
    parts = _RUN.split(path.name)
    key = [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]
    return key, path.name
