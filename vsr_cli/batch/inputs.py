"""Which files a batch takes, and their places below the folder of outputs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from vsr_cli.errors import InputError, reason_of
from vsr_cli.specs import FIELD_ENDINGS, Address, BatchSpec, is_zarr

# What is taken from folders without --pattern; a named file is taken whatever it is called.
VIDEO_ENDINGS = frozenset(
    {".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"}
    | {".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)
# What can be written; any other input becomes Matroska.
WRITTEN_ENDINGS = frozenset(
    {".gif", ".jpeg", ".jpg", ".m4v", ".mkv", ".mov", ".mp4", ".png", ".tif", ".tiff", ".webm"}
    | {".webp", ".y4m", *FIELD_ENDINGS}
)
OTHER_ENDING = ".mkv"  # of what cannot be written, or not be joined, as it is
STATE_FOLDER = ".vsr-batch"  # in the folder of outputs: records, logs, locks


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One input."""

    path: Path
    place: PurePath  # below the folder of outputs, still with the input's ending


def find_inputs(sources: Iterable[Path], out_dir: Path, spec: BatchSpec) -> list[FoundFile]:
    """The files behind paths: files, folders with the tree below them, patterns with ``*?[``.

    A file that is named lies directly below the folder of outputs. What a pattern finds keeps its
    place below the last folder before the first wildcard. Outputs are no inputs: in folders and for
    patterns, what lies in the folder of outputs is left out, and so are hidden files.

    Raises:
        InputError: a path is not there, or nothing fits.
        ValueError: a folder is the folder of outputs.
    """
    found: list[FoundFile] = []
    for source in sources:
        before = len(found)
        if isinstance(source, Address):
            raise ValueError(f"{source}: a batch takes files; vsr upscale reads addresses")
        if source.is_dir() and not _is_store(source):
            found += _in_folder(source, source, out_dir, spec)
        elif source.exists() or not glob.has_magic(str(source)):
            if not (source.is_file() or _is_store(source)):
                raise InputError(f"{source} is no file" if source.exists() else _missing(source))
            found.append(FoundFile(source, PurePath(source.name)))
        else:
            found += _match(source, out_dir, spec)
        if len(found) == before:
            wanted = ", ".join(spec.patterns) or "a video's ending, or .nc, .nc4, .zarr"
            raise InputError(f"nothing in {source} has a name that fits: {wanted}; see --pattern")
    return found


def listed_file(path: Path) -> FoundFile:
    """A file of a list: a relative path keeps its folders, an absolute one its name alone.

    Raises:
        InputError: it is not there.
    """
    if not (path.is_file() or _is_store(path)):
        raise InputError(_missing(path))
    leaves = path.is_absolute() or ".." in path.parts
    return FoundFile(path, PurePath(path.name) if leaves else PurePath(path))


def output_place(place: PurePath, spec: BatchSpec) -> PurePath:
    """An output's place below the folder of outputs: with the suffix, and an ending to write."""
    ending = spec.extension
    if ending is None:
        ending = place.suffix if place.suffix.lower() in WRITTEN_ENDINGS else OTHER_ENDING
    return place.with_name(f"{place.stem}{spec.suffix}.{ending.removeprefix('.')}")


def _missing(path: Path) -> str:
    return f"{path} does not exist; check the name"


def _match(pattern: Path, out_dir: Path, spec: BatchSpec) -> Iterator[FoundFile]:
    """What fits a pattern such as ``runs/*/u.mp4``; ``**`` stands for any number of folders."""
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:first])
    ours = os.path.realpath(out_dir)
    for name in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(name)
        if _is_within(os.path.realpath(path), ours):
            continue
        if path.is_dir() and not _is_store(path):
            if not any(map(_is_store, path.parents)):
                yield from _in_folder(path, root, out_dir, spec)
        elif not any(map(_is_store, path.parents)):
            yield FoundFile(path, path.relative_to(root))


def _in_folder(folder: Path, root: Path, out_dir: Path, spec: BatchSpec) -> list[FoundFile]:
    """What a folder holds: what fits the patterns, else videos, else files of fields."""
    found = [*_walk(folder, root, out_dir, spec)]
    if found or spec.patterns:
        return found
    fields = tuple(f"*{ending}" for ending in FIELD_ENDINGS)
    return [*_walk(folder, root, out_dir, replace(spec, patterns=fields))]


def _walk(folder: Path, root: Path, out_dir: Path, spec: BatchSpec) -> Iterator[FoundFile]:
    """The files of a folder that fit, in order; links to folders are followed, but in no circle."""
    ours, seen = os.path.realpath(out_dir), set[str]()
    if os.path.realpath(folder) == ours:
        raise ValueError(f"{folder} is read and written; give another folder for the outputs")
    for name, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        here = Path(name)
        if (real := os.path.realpath(here)) in seen or real == ours:
            folders.clear()
            continue
        seen.add(real)
        stores = [name for name in folders if _is_store(here / name)]
        further = [f for f in folders if not f.startswith(".") and f not in stores]
        folders[:] = sorted(further) if spec.recursive else []
        for file in sorted([*files, *stores]):
            path = here / file
            if _fits(file, spec) and (file in stores or path.is_file()):
                yield FoundFile(path, path.relative_to(root))


def _fits(name: str, spec: BatchSpec) -> bool:
    if name.startswith("."):
        return False
    if not spec.patterns:
        return PurePath(name).suffix.lower() in VIDEO_ENDINGS
    return any(fnmatchcase(name, pattern) for pattern in spec.patterns)


def _is_store(path: Path) -> bool:
    """True for a Zarr store: a folder, but one file of fields to us."""
    return is_zarr(path) and path.is_dir()


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed may hold inputs that nobody would miss."""
    raise InputError(f"{error.filename} cannot be listed: {reason_of(error)}") from error
