"""Which picture files a path names: one file, a numbered sequence, or a folder of stills.

Standard library only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsr_cli.errors import InputError
from vsr_cli.media.pictures.numbering import NumberPattern, natural_order

STILL_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_KINDS = "PNG, JPEG, TIFF, BMP or WebP"


@dataclass(frozen=True, slots=True)
class PictureSequence:
    """The files behind a path, in the order in which they are shown."""

    path: Path  # as it was given: a file, a pattern or a folder
    kind: Literal["file", "pattern", "folder"]
    files: tuple[Path, ...]
    first_number: int = 1  # of a pattern's files


def find_sequence(path: Path) -> PictureSequence | None:
    """The pictures that a path names; None if it is a video file, or not there at all.

    A file of that very name goes before a pattern. A pattern starts at the lowest number there is.

    Raises:
        InputError: nothing fits the pattern, a number is missing, or the folder holds no pictures.
    """
    if path.is_dir():
        return PictureSequence(path, "folder", tuple(list_stills(path)))
    if path.suffix.lower() not in STILL_EXTENSIONS:
        return None
    pattern = NumberPattern.parse(path)
    if path.exists() or pattern is None:
        return PictureSequence(path, "file", (path,))
    numbered = pattern.existing()
    if not numbered:
        raise InputError(f"no file fits the pattern {path}; the first would be {pattern.path(1)}")
    first, last = min(numbered), max(numbered)
    if len(numbered) != last - first + 1:
        missing = next(number for number in range(first, last) if number not in numbered)
        raise InputError(
            f"{pattern.path(missing)} is missing: the files of {path} go from {first} to {last}; "
            "try numbering them without gaps, or give their folder"
        )
    return PictureSequence(path, "pattern", tuple(numbered.values()), first)


def list_stills(folder: str | Path) -> list[Path]:
    """The still pictures of a folder by name, 2 before 10; hidden files are left out.

    Raises:
        InputError: the folder is missing or holds none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one with {_KINDS} files")
    stills = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in STILL_EXTENSIONS and path.is_file() and path.name[0] != "."
    ]
    if not stills:
        raise InputError(f"folder {folder} holds no {_KINDS} files")
    return sorted(stills, key=natural_order)
