"""The hidden folder beside a target in which segments wait to be joined.

Its name holds a digest of what the segments are made of and how, so that work of other settings
is neither used nor lost. Whoever works in it holds a lock, which the system takes from a process
that dies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import av

from vsr_cli.errors import OutputError
from vsr_cli.media.containers import reporting_output
from vsr_cli.media.locks import try_lock
from vsr_cli.media.pending import follow_link, hidden_name
from vsr_cli.media.segments.joining import StoredSegment
from vsr_cli.media.segments.packets import DamagedSegmentError, read_record
from vsr_cli.media.segments.survey import Survey

_STATE, _SURVEY, _LOCK = "state.json", "survey.json", "lock"
_ENDING = ".resume"
_DIGEST = 12  # hexadecimal digits

Fingerprint = Mapping[str, str]


class BusyError(OutputError):
    """Another process works on the same target."""


class WorkFolder:
    """The work on one target with one fingerprint; a context manager that holds the lock.

    Those who share it are workers of one batch, each at a segment of its own; whoever does not has
    it alone.

    Attributes:
        path: the folder.
        damaged: files of segments that were found damaged and removed.
        others: names of what differs in the latest other work on the target, and where that is.
    """

    def __init__(self, target: Path, fingerprint: Fingerprint, *, shared: bool = False) -> None:
        """Nothing is touched before the context is entered.

        Args:
            target: the file that is to be written.
            fingerprint: all that the segments depend on, in words.
            shared: take a folder that is there, beside others.
        """
        self._target = target
        self._fingerprint = {**fingerprint, "PyAV": av.__version__}
        self.path = _folders(target, _digest(self._fingerprint))
        self.damaged: list[Path] = []
        self.others: tuple[tuple[str, ...], Path] | None = None
        self._lock: int | None = None
        self._is_shared = shared

    def place(self, number: int) -> Path:
        """The file of a segment."""
        return self.path / f"{number:06d}.segment"

    def segments(self) -> dict[int, StoredSegment]:
        """The segments that are complete, every byte of them checked; damaged ones are removed."""
        found = {}
        for path in sorted(self.path.glob("*.segment")):
            try:
                record = read_record(path)
            except DamagedSegmentError:
                path.unlink()
                self.damaged.append(path)
                continue
            if path == self.place(record.number):
                found[record.number] = StoredSegment(path, record)
        return found

    def remove_parts(self) -> None:
        """Remove what is not complete, of processes that are no longer at work."""
        for path in self.path.glob("*.part"):
            path.unlink(missing_ok=True)

    def read_survey(self) -> Survey | None:
        """What was written down of the source as a whole; None if it was not."""
        try:
            return Survey.parse((self.path / _SURVEY).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_survey(self, survey: Survey) -> None:
        """Write down what was found in the source.

        Raises:
            OutputError: the disk does not play along.
        """
        with reporting_output(self._target, "its survey"):
            _write_whole(self.path / _SURVEY, survey.to_json())

    def remove(self) -> None:
        """Remove the folder, and those of other work on the target that nobody works on."""
        shutil.rmtree(self.path, ignore_errors=True)
        remove_work(self._target)

    def remove_if_empty(self) -> bool:
        """Remove the folder if no segment is in it; says whether it was."""
        if any(self.path.glob("*.segment")):
            return False
        shutil.rmtree(self.path, ignore_errors=True)
        return True

    def __enter__(self) -> Self:
        """Make the folder, or take what is there.

        Raises:
            BusyError: another process works in it.
            OutputError: it cannot be made.
        """
        try:
            while True:
                if not self._is_shared:
                    self.path.mkdir(exist_ok=True)
                self._lock = _take_lock(self.path, shared=self._is_shared)
                if self._lock is None:
                    raise BusyError(
                        f"another run works on {self._target}, in {self.path}; wait for it"
                    )
                if _is_locked_file(self.path / _LOCK, self._lock):
                    break
                os.close(self._lock)  # who held it before has removed the folder meanwhile
            if not self._is_shared:
                self._open_state()
        except OSError as error:
            self.__exit__()
            raise OutputError(f"cannot write beside {self._target}: {error.strerror}") from error
        if not self._is_shared:
            self.others = self._find_others()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open_state(self) -> None:
        """Keep segments only beside the state that they were made with."""
        state = self.path / _STATE
        self.remove_parts()
        if _read_state(state) == self._fingerprint:
            return
        for path in self.path.glob("*.segment"):
            path.unlink()
        _write_whole(state, json.dumps(self._fingerprint, indent=1))

    def _find_others(self) -> tuple[tuple[str, ...], Path] | None:
        folders = (path for path in work_folders(self._target) if path != self.path)
        siblings = [path for path in folders if any(path.glob("*.segment"))]
        if not siblings:
            return None
        latest = max(siblings, key=lambda path: path.stat().st_mtime)
        theirs, ours = _read_state(latest / _STATE) or {}, self._fingerprint
        names = {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)}
        return tuple(sorted(names)), latest


def work_folders(target: Path) -> list[Path]:
    """All folders of work on a target."""
    pattern = _folders(target, "?" * _DIGEST)
    names = {path.name for path in pattern.parent.iterdir() if path.match(_escaped(pattern))}
    return [pattern.with_name(name) for name in sorted(names)]


def remove_work(target: Path) -> None:
    """Remove all work on a target that nobody works on."""
    for path in work_folders(target):
        with contextlib.suppress(OSError):
            lock = _take_lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(target: Path, digest: str) -> Path:
    target = follow_link(target)
    return target.with_name(hidden_name(target.name, f".{digest}{_ENDING}"))


def _escaped(pattern: Path) -> str:
    """The name as a pattern in which only the question marks of the digest stand for others."""
    digest = "?" * _DIGEST
    stem = pattern.name.removesuffix(digest + _ENDING)
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem) + digest + _ENDING


def _digest(fingerprint: Fingerprint) -> str:
    text = json.dumps(dict(fingerprint), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def _read_state(path: Path) -> dict[str, str] | None:
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there with all it holds, or not at all."""
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _take_lock(folder: Path, *, shared: bool = False) -> int | None:
    """Lock a folder; None if another process has it. Closing the descriptor gives it back."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if try_lock(descriptor, shared=shared) == "taken":
        os.close(descriptor)
        return None
    return descriptor


def _is_locked_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
