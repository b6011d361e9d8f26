"""Where an output goes: checked before anything else is loaded, complete or not there at all.

Standard library only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vsr_cli.errors import OutputError

# Extension -> FFmpeg's name of the container.
CONTAINERS: Mapping[str, str] = MappingProxyType(
    {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
)


def check_output(
    path: str | Path, *, overwrite: bool = False, input_path: str | Path | None = None
) -> None:
    """Refuse an output that could not be written in the end.

    Raises:
        ValueError: no container fits the extension, or the output is the input.
        OutputError: the folder is missing or not writable, or the file exists.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"output {path} is a folder; give a file name, such as {path / 'sr.mp4'}")
    if path.suffix.lower() not in CONTAINERS:
        raise ValueError(
            f"no container fits the output {path.name!r}; give it one of the extensions "
            + ", ".join(CONTAINERS)
        )
    _check_place(path, overwrite=overwrite, input_path=input_path)


def check_png(
    path: str | Path, *, overwrite: bool = False, input_path: str | Path | None = None
) -> None:
    """Refuse a PNG file that could not be written in the end.

    Raises:
        ValueError: the extension is another one, or the output is the input.
        OutputError: the folder is missing or not writable, or the file exists.
    """
    path = Path(path)
    if path.suffix.lower() != ".png" or path.is_dir():
        raise ValueError(f"a preview is one PNG file, got {path}; give a name that ends in .png")
    _check_place(path, overwrite=overwrite, input_path=input_path)


def _check_place(path: Path, *, overwrite: bool, input_path: str | Path | None) -> None:
    if not path.parent.is_dir():
        raise OutputError(f"folder {path.parent} does not exist; create it first")
    if input_path is not None and _same_file(path, Path(input_path)):
        raise ValueError(f"output {path} is the input; give another name")
    if path.exists() and not overwrite:
        raise OutputError(f"output {path} exists; give --overwrite or another name")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"folder {path.parent} is not writable; give another one")


class PendingFile:
    """A hidden file beside the target, which takes the target's name when it is complete.

    Its name holds this machine and process, so that the next run for the same target can tell the
    leftover of a process that was killed from the work of one that is alive.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self.target = target
        self._overwrite = overwrite
        self.path = target.with_name(f"{_prefix(target)}{os.getpid()}.part{target.suffix}")
        _remove_leftovers(target)

    def commit(self) -> None:
        """Give the file the target's name, in one step.

        Raises:
            OutputError: the target has come into being meanwhile, or the file system refuses.
        """
        if self.target.exists() and not self._overwrite:
            raise OutputError(f"output {self.target} came into being meanwhile; it was left alone")
        try:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(self.path, self.target)
        except OSError as error:
            raise OutputError(f"cannot write {self.target}: {error.strerror}") from error

    def discard(self) -> None:
        """Remove the file; the target is untouched."""
        self.path.unlink(missing_ok=True)


def _same_file(path: Path, other: Path) -> bool:
    """True for two names of one file, also by links."""
    return path.exists() and other.exists() and path.samefile(other)


def _prefix(target: Path) -> str:
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
    return f".{target.name}.{host}."


def _remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that are no longer alive left for the target."""
    pattern = re.compile(re.escape(_prefix(target)) + r"(\d+)\.part" + re.escape(target.suffix))
    with contextlib.suppress(PermissionError):  # a folder that may be written but not listed
        for path in target.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match and not _is_alive(int(match[1])):
                path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
