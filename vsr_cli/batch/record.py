"""Records: what was made of what, one small file for each output.

They lie in a hidden folder among the outputs, one for each, so that any number of shards, machines
or runs write at once and none waits for another; a moved folder takes them along.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from vsr_cli import __version__
from vsr_cli.batch.field_file import count_steps
from vsr_cli.batch.jobs import Job
from vsr_cli.batch.stamps import ends_digest, stamp, whole_digest
from vsr_cli.errors import OutputError, VsrError
from vsr_cli.media.pending import is_alive
from vsr_cli.pipeline.loaded import weight_paths
from vsr_cli.pipeline.verify import count_frames

FORMAT = 1
# What does not change an output: where and in what portions it is computed, what is kept of a
# failed run. ``tolerate`` is compared by itself.
NEUTRAL = frozenset(
    {"device", "batch_size", "tile", "keep_partial", "tolerate", "max_pixels", "hwaccel"}
)

Reason = Literal["new", "unfinished", "input changed", "settings changed", "output changed", "done"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """By what an input is known: the ends tell files of one size apart, the whole settles it."""

    size: int
    mtime_ns: int
    ends: str  # SHA-256 of the first and the last MiB
    whole: str  # SHA-256

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Read a file, all of it."""
        size, mtime_ns = stamp(path)
        return cls(size, mtime_ns, ends_digest(path), whole_digest(path))

    def fits(self, path: Path) -> bool:
        """True if a file is still the same.

        With its size, time and ends as they were it is taken for the same; where the time alone is
        another, as after a copy, all of it is read.
        """
        size, mtime_ns = stamp(path)
        if size != self.size or ends_digest(path) != self.ends:
            return False
        return mtime_ns == self.mtime_ns or whole_digest(path) == self.whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a job has made, or is making."""

    state: Literal["running", "done"]
    input: Fingerprint
    settings: Mapping[str, Any]  # see ``settings_document``
    tolerate: int
    frames: int = 0  # of the output, counted in the file
    output_size: int = 0
    output_mtime_ns: int = 0
    report: Mapping[str, Any] | None = None  # that of ``vsr upscale --json``
    token: str = ""  # of the attempt that wrote it, while it is running
    started_ns: int = 0  # by the clock of the machine that wrote it
    may_replace: bool = False  # what lies at the output's place is a batch's, or was given away
    is_joining: bool = False  # the output may appear from now on

    def write(self, path: Path, source: Path) -> None:
        """Put the record in its place, in one step.

        Raises:
            OutputError: the disk does not play along.
        """
        document = {"format": FORMAT, "version": __version__, "source": str(source), **asdict(self)}
        part = path.with_name(f"{path.name}.{os.uname().nodename}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"cannot write {path}: {error.strerror}") from error


def remove_leftovers(folder: Path) -> None:
    """Remove records that processes of this machine, dead by now, were writing."""
    for path in folder.rglob(f"*.{os.uname().nodename}.*.part"):
        pid = path.name.split(".")[-2]
        if pid.isdigit() and not is_alive(int(pid)):
            path.unlink(missing_ok=True)


def read_record(path: Path) -> Record | None:
    """The record in a file; None if there is none that can be read."""
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            return None
        names = {field.name for field in fields(Record)} & document.keys()
        known = {name: document[name] for name in names}
        return Record(**known | {"input": Fingerprint(**document["input"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def settings_document(job: Job) -> dict[str, Any]:
    """The settings that shape an output, as JSON has them; weights by their SHA-256."""
    document: dict[str, Any] = {}
    settings, shape = job.settings, (job.settings.encoding, job.settings.decoding)
    for part in (settings.upscale, *((settings.fields,) if job.is_field else shape)):
        document |= asdict(part)
    files = weight_paths(settings.upscale.weights)
    document["weights"] = [_sha256(path) for path in files]
    return {name: _plain(document[name]) for name in sorted(document) if name not in NEUTRAL}


def why_to_run(job: Job) -> Reason:
    """Why a job is to be run, or that it is done.

    A tolerance that was raised since changes nothing about a complete output; one that was lowered
    may. An output whose size and time are those of the record was counted already; any other is
    counted again.

    Raises:
        OSError: the input cannot be read.
    """
    record = read_record(job.record)
    if record is None:
        return "new"
    if record.state != "done":
        return "unfinished"
    if not record.input.fits(job.source):
        return "input changed"
    is_stricter = record.tolerate > job.settings.decoding.tolerate
    if record.settings != settings_document(job) or is_stricter:
        return "settings changed"
    return "done" if is_intact(job, record) else "output changed"


def is_intact(job: Job, record: Record) -> bool:
    """True if an output is still what was recorded."""
    try:
        if stamp(job.target) == (record.output_size, record.output_mtime_ns):
            return True
        return count_output(job) == record.frames
    except (OSError, VsrError):
        return False


def count_output(job: Job) -> int:
    """The frames of an output: of a video its packets are counted, a file of fields is opened.

    Raises:
        OutputError: it is not there, or damaged.
    """
    return count_steps(job) if job.is_field else count_frames(job.target)


def _sha256(path: Path) -> str:
    """The digest of a weight file; the run itself says what is wrong with one that is missing."""
    try:
        return whole_digest(path)
    except OSError:
        return ""


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Fraction | Path) else value
