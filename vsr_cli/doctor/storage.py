"""The released weights, the free room, and programs that are run beside vsr."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vsr_cli.doctor.finding import Finding
from vsr_cli.errors import MissingProgramError, WeightsError
from vsr_cli.metrics.vmaf import find_ffmpeg
from vsr_cli.models import parse_chain, weights
from vsr_cli.specs import DEFAULT_SCALE, UpscaleSpec

GIB = 1 << 30
ENOUGH_BYTES = GIB  # a minute of 1080p at the default quality takes some 100 MB
WEIGHT_CAUSES = (
    "the download or the copy of vsr ended early",
    "the file was changed or replaced; your own weights go by --weights FILE",
    "the sources were cloned without their large files",
)
WEIGHT_REMEDY = "pip install --force-reinstall --no-deps vsr-cli (sources: git checkout weights)"


def find_weights() -> Iterator[Finding]:
    """Every released file, held against the SHA-256 of the manifest."""
    entries = weights.released_weights()
    needed = _needed(entries)
    for entry in {entry.path: entry for entry in entries}.values():
        fault = weights.find_fault(entry)
        scales = " ".join(f"x{other.scale}" for other in entries if other.path == entry.path)
        yield Finding(
            area="weights",
            name=entry.path.name,
            is_ok=not fault,
            detail=fault or f"{entry.model} {scales} {entry.domain}, SHA-256 as released",
            is_needed=entry in needed,
            causes=WEIGHT_CAUSES,
            remedy=WEIGHT_REMEDY,
            facts={"sha256": entry.sha256, "path": str(entry.path)},
        )
    if not entries:
        yield Finding(
            area="weights",
            name="manifest.toml",
            is_ok=False,
            detail=f"no weights are listed in {weights.weights_folder()}",
            is_needed=True,
            causes=WEIGHT_CAUSES,
            remedy=WEIGHT_REMEDY,
        )


def _needed(
    entries: tuple[weights.ReleasedWeights, ...],
) -> tuple[weights.ReleasedWeights, ...]:
    """Those that vsr upscale takes if nothing else is asked for."""
    names = parse_chain(UpscaleSpec().model)
    try:
        domain = weights.choose_domain(names, DEFAULT_SCALE, None)
    except WeightsError:  # what is there covers no domain, or several
        return tuple(entry for entry in entries if entry.model in names)
    chosen = {(name, DEFAULT_SCALE, domain) for name in names}
    return tuple(e for e in entries if (e.model, e.scale, e.domain) in chosen)


def find_disk() -> Iterator[Finding]:
    """Free room of the folder for temporary files and of the one that vsr was called in."""
    folders = {"temporary folder": None, "this folder": Path.cwd()}
    for name, folder in folders.items():
        yield _room(name, folder)


def _room(name: str, folder: Path | None) -> Finding:
    try:
        folder = folder or Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
    except OSError as error:  # FileNotFoundError: no folder can be written to
        free, detail = 0, " ".join(str(error).split())
    else:
        detail = f"{folder}: {free / GIB:.1f} GiB free"
    is_ok = free >= ENOUGH_BYTES
    return Finding(
        area="disk",
        name=name,
        is_ok=is_ok,
        detail=detail,
        causes=("the disk is full", "a quota or a small tmpfs holds the folder"),
        remedy="df -h; TMPDIR=/another/folder vsr ...",
        facts={"folder": str(folder), "free_bytes": free},
    )


def find_programs() -> Iterator[Finding]:
    """The one program that vsr can call: an FFmpeg with libvmaf."""
    try:
        path, fault = find_ffmpeg(), ""
    except MissingProgramError as error:
        path, fault = "", str(error).partition(": ")[0]
    yield Finding(
        area="program",
        name="ffmpeg",
        is_ok=not fault,
        detail=fault or f"{path} has libvmaf, for --metric vmaf",
        causes=("most builds of FFmpeg have no libvmaf; nothing else in vsr needs one",),
        remedy="a static build from https://ffmpeg.org/download.html on the PATH",
        facts={"path": path},
    )
