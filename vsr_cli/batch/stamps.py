"""By what files and stores of files are known: their size and time, and digests of what they hold.

A Zarr store is a folder; it counts as one file, made of all that lies in it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

END_BYTES = 1 << 20  # of a file's head and of its tail


def stamp(path: Path) -> tuple[int, int]:
    """Bytes, and the time of the last change in nanoseconds.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    statuses = [file.stat() for file in _files(path)] or [path.stat()]
    return sum(status.st_size for status in statuses), max(s.st_mtime_ns for s in statuses)


def ends_digest(path: Path) -> str:
    """SHA-256 of the first and the last MiB; of a store that of its files' names and sizes."""
    if path.is_dir():
        return _listing(path).hexdigest()
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(END_BYTES))
        file.seek(max(0, size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def whole_digest(path: Path) -> str:
    """SHA-256; of a store that of its files' names and sizes and of all that they hold."""
    if path.is_dir():
        digest = _listing(path)
        for file in _files(path):
            digest.update(_digest(file).encode())
        return digest.hexdigest()
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> list[Path]:
    """The file itself, or all files of a store in the order of their names.

    Raises:
        OSError: a folder cannot be listed.
    """
    if not path.is_dir():
        return [path]
    found = [Path(top, name) for top, _, names in os.walk(path, onerror=_refuse) for name in names]
    return sorted(found)


def _listing(store: Path) -> hashlib._Hash:
    lines = [f"{file.relative_to(store)}\0{file.stat().st_size}" for file in _files(store)]
    return hashlib.sha256(os.fsencode("\n".join(lines)))


def _refuse(error: OSError) -> None:
    """What cannot be listed may have changed."""
    raise error
