"""Outputs in the making: hidden beside the target, complete or not there at all.

Their names hold this machine and process, so that the next run for the same target can tell the
leftover of a process that was killed from the work of one that is alive.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import socket
import zlib
from abc import ABC, abstractmethod
from itertools import count
from pathlib import Path
from typing import Self

from vsr_cli.errors import OutputError

NAME_MAX = 255  # bytes of a file's name on nearly all file systems
_LONGEST_PID = "9" * 10
_ASIDE = ".before"  # of what a store takes the place of


class Pending(ABC):
    """An output in the making; left as a context without error it is committed, else discarded."""

    @abstractmethod
    def commit(self) -> None:
        """Let the output be there.

        Raises:
            OutputError: it has come into being meanwhile, or the file system refuses.
        """

    @abstractmethod
    def discard(self) -> None:
        """Remove what is not complete; the target is untouched."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.discard()


class PendingFile(Pending):
    """A hidden file beside the target, which takes the target's name when it is complete."""

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self.target = target = follow_link(target)
        self._overwrite = overwrite
        self.path = target.with_name(f"{_prefix(target)}{os.getpid()}.part{target.suffix}")
        _remove_leftovers(target)

    def commit(self) -> None:
        """Give the file the target's name, in one step."""
        _move(self.path, self.target, overwrite=self._overwrite)

    def keep(self) -> Path:
        """Give the file a name of its own beside the target's: NAME.partial.EXT, or a number more.

        Raises:
            OutputError: the file system refuses.
        """
        for number in count(1):
            part = f".partial{number if number > 1 else ''}{self.target.suffix}"
            kept = self.target.with_name(_shorten(self.target.stem, part) + part)
            if not kept.exists():
                break
        _move(self.path, kept, overwrite=False)
        return kept

    def discard(self) -> None:
        """Remove the file; the target is untouched."""
        self.path.unlink(missing_ok=True)


class PendingStore(PendingFile):
    """A hidden folder that is one output, such as a Zarr store.

    What was there before is moved aside first and removed last; whatever goes wrong between, this
    run or the next one puts it back.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        target = follow_link(target)
        for aside in sorted(target.parent.glob(glob.escape(_prefix(target)) + "*" + _ASIDE)):
            if not target.exists():
                os.replace(aside, target)
            else:
                shutil.rmtree(aside, ignore_errors=True)
        super().__init__(target, overwrite=overwrite)

    def commit(self) -> None:
        """Give the folder the target's name."""
        before = self.path.with_name(self.path.name + _ASIDE)
        if self._overwrite and self.target.exists():
            _move(self.target, before, overwrite=False)
        try:
            _move(self.path, self.target, overwrite=False)
        except OutputError:
            if before.exists() and not self.target.exists():
                os.replace(before, self.target)
            raise
        if before.is_dir():
            shutil.rmtree(before, ignore_errors=True)
        else:
            before.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the folder; the target is untouched."""
        shutil.rmtree(self.path, ignore_errors=True)


class PendingFolder(Pending):
    """A hidden folder beside the target, whose files move to their places when all are there.

    A folder that does not exist yet appears in one step; into one that exists, the files move one
    by one. Files that are there under other names stay.
    """

    def __init__(self, target: Path, *, folder: Path, overwrite: bool) -> None:
        """``folder`` is where the files are to lie; it may be the target or its parent.

        Raises:
            OutputError: the hidden folder cannot be made.
        """
        self.target, self.folder = target, folder
        self._overwrite = overwrite
        self._names: dict[str, None] = {}  # in order
        self.path = target.with_name(f"{_prefix(target)}{os.getpid()}.part{target.suffix}")
        _remove_leftovers(target)
        try:
            self.path.mkdir()
        except OSError as error:
            raise OutputError(f"cannot write beside {target}: {error.strerror}") from error

    def write(self, name: str, data: bytes) -> None:
        """Add a file.

        Raises:
            OutputError: the disk is full, or there are two of that name.
        """
        if name in self._names:
            raise OutputError(f"two frames would be written to {self.folder / name}")
        self._names[name] = None
        try:
            with (self.path / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / name}: {error.strerror}") from error

    def commit(self) -> None:
        """Move the files to their places."""
        if not self.folder.exists():
            _move(self.path, self.folder, overwrite=False)
            return
        for name in self._names:
            if (self.folder / name).exists() and not self._overwrite:
                raise OutputError(
                    f"output {self.folder / name} came into being meanwhile; all was left alone"
                )
        for name in self._names:
            _move(self.path / name, self.folder / name, overwrite=True)
        self.discard()

    def discard(self) -> None:
        """Remove the folder and what is in it; the target is untouched."""
        shutil.rmtree(self.path, ignore_errors=True)


def _move(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise OutputError(f"output {target} came into being meanwhile; it was left alone")
    try:
        if source.is_file():
            with source.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(source, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error


def follow_link(path: Path) -> Path:
    """The file that is written for an output: that which a symbolic link leads to, not the link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _shorten(name: str, rest: str) -> str:
    """As much of ``name`` as leaves room for ``rest`` in the name of a file."""
    room = NAME_MAX - len(os.fsencode(rest))
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name


def hidden_name(name: str, rest: str) -> str:
    """A hidden name that begins like another one and ends with ``rest``, short enough for a file.

    Of a long name a digest is in it: another one may begin alike.
    """
    kept = _shorten(name, f".{rest}")
    if kept != name:
        digest = f"{zlib.crc32(os.fsencode(name)):08x}"
        kept = _shorten(name, f".{rest}{digest}") + digest
    return f".{kept}{rest}"


def _prefix(target: Path) -> str:
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
    rest = f".{host}."
    longest = f"{rest}{_LONGEST_PID}.part{target.suffix}"
    return hidden_name(target.name, longest).removesuffix(longest) + rest


def _remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that are no longer alive left for the target."""
    pattern = re.compile(re.escape(_prefix(target)) + r"(\d+)\.part" + re.escape(target.suffix))
    with contextlib.suppress(PermissionError):  # a folder that may be written but not listed
        for path in target.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if not match or is_alive(int(match[1])):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """True if a process of this machine runs under that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
