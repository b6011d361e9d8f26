"""From files to jobs: what becomes of each, where it goes, and what cannot go together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from vsr_cli.batch.inputs import STATE_FOLDER, FoundFile, output_place
from vsr_cli.batch.stamps import stamp
from vsr_cli.pipeline.loaded import absolute_weights
from vsr_cli.specs import (
    BatchSpec,
    DecodingSpec,
    EncodingSpec,
    FieldSpec,
    Shard,
    UpscaleSpec,
    is_field,
)

NAME_BYTES = 150  # of a record's or log's name; a machine's name and more come behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """How one file is upscaled."""

    upscale: UpscaleSpec
    encoding: EncodingSpec
    decoding: DecodingSpec
    fields: FieldSpec = field(default_factory=FieldSpec)  # of files that hold such


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInput:
    """One entry of a list: a file, and what is to be other for it alone."""

    file: FoundFile
    settings: FileSettings
    output: PurePath | None = None  # below the folder of outputs; None: by the input's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One file to be upscaled: paths and settings, small enough to send."""

    source: Path  # absolute, as all paths here: a worker may run elsewhere
    target: Path
    place: PurePath  # of the target, below the folder of outputs
    settings: FileSettings
    overwrite: bool  # a target that no batch has made
    out_dir: Path
    size_bytes: int  # of the source
    segment_frames: int | None = None  # of long files; None: a minute's work, 0: none is split

    @property
    def is_field(self) -> bool:
        """True for a file of fields, False for a video."""
        return is_field(self.source)

    @property
    def record(self) -> Path:
        """The file that says that the job is done."""
        return self._beside(".json")

    @property
    def log(self) -> Path:
        """The file that tells what happened in every attempt."""
        return self._beside(".log")

    def _beside(self, ending: str) -> Path:
        name = self.place.name
        if len(os.fsencode(name)) > NAME_BYTES:
            name = hashlib.sha256(os.fsencode(name)).hexdigest()
        return self.out_dir / STATE_FOLDER / self.place.parent / (name + ending)


def make_jobs(inputs: Iterable[ListedInput], out_dir: Path, spec: BatchSpec) -> list[Job]:
    """One job for each input, in the order of their outputs; the shard's share of them.

    A file that is found twice for one output is one job.

    Raises:
        ValueError: two files would become one output, or an output is an input.
    """
    folder = Path(os.path.abspath(out_dir))
    jobs: dict[str, Job] = {}
    for entry in inputs:
        place = entry.output or output_place(entry.file.place, spec)
        source = Path(os.path.abspath(entry.file.path))
        job = Job(
            source=source,
            target=folder / place,
            place=place,
            settings=_absolute(entry.settings),
            overwrite=spec.overwrite,
            out_dir=folder,
            size_bytes=stamp(source)[0],
            segment_frames=spec.segment_frames,
        )
        other = jobs.setdefault(os.fspath(place), job)
        if other.source != source and not os.path.samefile(other.source, source):
            raise ValueError(
                f"{other.source} and {source} would both become {job.target}; rename one, or give "
                "their common folder, --extension or another --pattern"
            )
        if other.settings != job.settings:
            raise ValueError(f"{source} is listed twice with different settings")
    found = [jobs[name] for name in sorted(jobs)]
    _check_targets(found)
    return [job for job in found if spec.shard is None or is_in_shard(job.place, spec.shard)]


def is_in_shard(place: PurePath, shard: Shard) -> bool:
    """True if a job belongs to a shard: by the name of its output alone.

    So a file that comes or goes between two shards of one batch moves no other file.
    """
    digest = hashlib.sha256(os.fsencode(place)).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.index


def _absolute(settings: FileSettings) -> FileSettings:
    weights = absolute_weights(settings.upscale.weights)
    return replace(settings, upscale=replace(settings.upscale, weights=weights))


def _check_targets(jobs: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source) for job in jobs}
    for job in jobs:
        if os.path.realpath(job.target) in sources:
            raise ValueError(f"output {job.target} is an input; give another folder or a --suffix")
