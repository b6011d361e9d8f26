"""Simulated drops into a video, a folder of stills or an archive, and beside it what is true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import OutputError
from vsr_cli.frames import ColorInfo
from vsr_cli.media import check_output
from vsr_cli.media.pending import PendingFile, PendingFolder
from vsr_cli.media.pictures.png import encode_png
from vsr_cli.pipeline.simulate.grey_video import (
    CODECS,
    GRAY,
    check_file_output,
    encode_values,
    write_grey_video,
)
from vsr_cli.simulation.droplet import DropletTruth, simulate_droplets
from vsr_cli.specs import DropletSpec, EncodingSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

TRUTH_NAME = "truth.json"  # in a folder of stills
UNITS = "pixels; centres of pixels have whole coordinates, x to the right, y down; area in pixels"
OUTLINE = "r(theta) / radius = sum of legendre[l] P_l(cos theta), theta from the axis, clockwise"


@dataclass(frozen=True, slots=True)
class DropletReport:
    """What was written."""

    output: str
    truth: str  # the file that holds ``droplets``
    frames: int
    width: int
    height: int
    stills: bool
    clipped: float  # fraction of the values that are white
    droplets: tuple[DropletTruth, ...]  # of each frame


def simulate_droplets_to_file(
    spec: DropletSpec,
    output: Path,
    *,
    crf: float | None = None,
    overwrite: bool = False,
    on_frame: Callable[[], object] | None = None,
) -> DropletReport:
    """Render drops into ``output``, and write what is true of each frame as JSON beside it.

    ``.mkv`` is lossless grey video (FFV1), ``.mp4`` grey H.264 with quality ``crf``; a name without
    ending is a folder of 8-bit grey PNG, whose truth lies in it; ``.npz`` holds float32 in [0, 1],
    and keeps all frames in memory: 4 W H bytes each.

    Raises:
        ValueError: the ending is none of these, or ``crf`` is given for a lossless output.
        OutputError: the output or the file beside it exists, or cannot be written.
    """
    output = Path(output)
    truth = _check_output(spec, output, crf=crf, overwrite=overwrite)
    tally = _Tally(on_frame)
    frames = tally.watch(spec)
    if not output.suffix:
        _write_stills(spec, output, frames, tally, overwrite=overwrite)
    else:
        if output.suffix.lower() == ".npz":
            _write_archive(spec, output, frames, tally, overwrite=overwrite)
        else:
            _write_video(spec, output, frames, crf=crf, overwrite=overwrite)
        with PendingFile(truth, overwrite=overwrite) as pending:
            pending.path.write_text(truth_document(spec, tally.droplets))
    return DropletReport(
        output=str(output),
        truth=str(truth),
        frames=len(tally.droplets),
        width=spec.width,
        height=spec.height,
        stills=spec.stills,
        clipped=tally.clipped / (spec.frames * spec.width * spec.height),
        droplets=tuple(tally.droplets),
    )


def _check_output(spec: DropletSpec, output: Path, *, crf: float | None, overwrite: bool) -> Path:
    """Refuse, before the first frame, what could not be written; returns the truth's file."""
    kind = output.suffix.lower()
    if kind not in (*CODECS, ".npz", ""):
        accepted = ", ".join((*CODECS, ".npz"))
        raise ValueError(
            f"output must end in one of {accepted}, or have no ending, as a folder of PNG files; "
            f"got {output.name!r}"
        )
    if crf is not None and kind != ".mp4":
        raise ValueError(f"crf is for .mp4; {output.name} is lossless, got {crf = }")
    if not kind:
        _check_folder(spec, output, overwrite=overwrite)
        return output / TRUTH_NAME
    truth = output.with_suffix(".json")
    check_file_output(truth, overwrite=overwrite)
    if kind in CODECS:
        check_output(output, overwrite=overwrite)
    else:
        check_file_output(output, overwrite=overwrite)
    return truth


def truth_document(
    spec: DropletSpec, droplets: Sequence[DropletTruth], files: Sequence[str] = ()
) -> str:
    """What is true of each frame, as JSON; ``files`` are those of single frames, if there are."""
    named = [{"file": file} for file in files] or [{}] * len(droplets)
    document = {
        "units": UNITS,
        "outline": OUTLINE,
        "spec": asdict(spec),
        "droplets": [file | asdict(d) for file, d in zip(named, droplets, strict=True)],
    }
    return json.dumps(document, indent=1) + "\n"


class _Tally:
    """Watches the frames go by."""

    def __init__(self, on_frame: Callable[[], object] | None) -> None:
        self._on_frame = on_frame
        self.droplets: list[DropletTruth] = []
        self.clipped = 0

    def watch(self, spec: DropletSpec) -> Iterator[Values]:
        """Hand on the values of each frame, (H, W); what is true of it stays here."""
        for values, truth in simulate_droplets(spec):
            self.droplets.append(truth)
            self.clipped += int(np.count_nonzero(values >= 1))
            yield values
            if self._on_frame is not None:
                self._on_frame()


def _write_video(
    spec: DropletSpec,
    output: Path,
    frames: Iterable[Values],
    *,
    crf: float | None,
    overwrite: bool,
) -> None:
    encoding = EncodingSpec(codec=CODECS[output.suffix.lower()], crf=crf, pix_fmt=GRAY.name)
    comment = {"droplet": asdict(spec), "truth": output.with_suffix(".json").name}
    write_grey_video(output, spec, frames, comment, encoding, overwrite=overwrite)


def _write_archive(
    spec: DropletSpec, output: Path, frames: Iterable[Values], tally: _Tally, *, overwrite: bool
) -> None:
    """Frames (T, H, W) float32, and each measure of the truth as an array (T,) of its name."""
    values = np.empty((spec.frames, spec.height, spec.width), np.float32)
    for number, frame in enumerate(frames):
        values[number] = frame
    columns: dict[str, Any] = {
        name: np.array([getattr(droplet, name) for droplet in tally.droplets])
        for name in DropletTruth.__slots__
    }
    pending = PendingFile(output, overwrite=overwrite)
    with pending, pending.path.open("wb") as file:
        np.savez(file, frames=values, spec=np.array(json.dumps(asdict(spec))), **columns)


def _write_stills(
    spec: DropletSpec, output: Path, frames: Iterable[Values], tally: _Tally, *, overwrite: bool
) -> None:
    """Pictures numbered from 1, and the truth; all appear when all are complete."""
    with PendingFolder(output, folder=output, overwrite=overwrite) as folder:
        names = _picture_names(spec)
        for name, values in zip(names, frames, strict=True):
            samples = encode_values(values, (0.0, 1.0))[..., None]
            folder.write(name, encode_png(samples, color=ColorInfo(), icc_profile=None))
        folder.write(TRUTH_NAME, truth_document(spec, tally.droplets, names).encode())


def _check_folder(spec: DropletSpec, output: Path, *, overwrite: bool) -> None:
    """Refuse, before the first frame, a folder that could not be written after the last.

    Pictures whose truth the file beside them does not hold would be taken for simulated ones.
    """
    if not output.parent.is_dir():
        raise OutputError(f"folder {output.parent} does not exist; create it first")
    if output.exists() and not output.is_dir():
        raise OutputError(f"output {output} is a file; give another name, or one with an ending")
    found = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if found and not overwrite:
        raise OutputError(f"folder {output} is not empty; give --overwrite or another name")
    others = sorted(found - {TRUTH_NAME, *_picture_names(spec)})
    if others:
        raise OutputError(f"folder {output} holds other files ({others[0]}); give another name")


def _picture_names(spec: DropletSpec) -> tuple[str, ...]:
    """The files of a folder's pictures, numbered from 1 as all pictures that are written."""
    return tuple(f"{number + 1:05d}.png" for number in range(spec.frames))
