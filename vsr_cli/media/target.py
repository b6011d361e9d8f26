"""Where an output goes: checked before anything else is loaded.

Standard library only: the command line asks these questions before it loads torch.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from vsr_cli.errors import OutputError
from vsr_cli.media.pending import NAME_MAX, follow_link
from vsr_cli.media.pictures.numbering import NumberPattern
from vsr_cli.media.pictures.sequence import PictureSequence, find_sequence
from vsr_cli.media.pipes import check_stdout, is_pipe

TargetKind = Literal["pipe", "video", "gif", "y4m", "still", "pattern", "folder"]

# Extension -> FFmpeg's name of the container.
CONTAINERS: Mapping[str, str] = MappingProxyType(
    {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
)
QUICKTIME, MATROSKA = ("mp4", "mov"), ("matroska", "webm")  # those names of one kind
WRITTEN_STILLS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


def target_kind(path: Path, input_path: Path | None = None) -> TargetKind:
    """What is written to a path; a folder only if the input is several picture files.

    Raises:
        ValueError: no kind of file fits the extension.
        InputError: the input names pictures that are not there.
    """
    suffix = path.suffix.lower()
    if is_pipe(path):
        return "pipe"
    if (path.is_dir() or not suffix) and several_pictures(input_path) is not None:
        return "folder"
    if suffix in WRITTEN_STILLS:
        return "still" if NumberPattern.parse(path) is None else "pattern"
    if suffix in CONTAINERS:
        return "video"
    if suffix == ".gif":
        return "gif"
    if suffix == ".y4m":
        return "y4m"
    raise ValueError(
        f"no container fits the output {path.name!r}; give it one of the extensions "
        + ", ".join([*CONTAINERS, ".gif", ".y4m", *WRITTEN_STILLS])
    )


def check_output(
    path: str | Path, *, overwrite: bool = False, input_path: str | Path | None = None
) -> None:
    """Refuse an output that could not be written in the end.

    Raises:
        ValueError: no container fits the extension, or the output is the input.
        OutputError: the folder is missing or not writable, or the file exists.
        InputError: the input names pictures that are not there.
    """
    path = Path(path)
    source = None if input_path is None or is_pipe(input_path) else Path(input_path)
    if is_pipe(path):
        check_stdout()
        return
    if (length := len(os.fsencode(path.name))) > NAME_MAX:
        raise OutputError(f"a name has at most {NAME_MAX} bytes, that of {path} has {length}")
    if path.is_dir() and several_pictures(source) is None:
        raise OutputError(f"output {path} is a folder; give a file name, such as {path / 'sr.mp4'}")
    kind = target_kind(path, source)
    if kind in ("pattern", "folder"):
        _check_pictures(path, source, overwrite=overwrite)
        _check_writable(path)
    else:
        check_place(path, overwrite=overwrite, input_path=source)


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
    check_place(path, overwrite=overwrite, input_path=input_path)


def check_place(path: Path, *, overwrite: bool, input_path: str | Path | None = None) -> None:
    """Refuse a file of any kind that could not be written in the end.

    Raises:
        ValueError: the output is the input.
        OutputError: the folder is missing or not writable, or the file exists.
    """
    _check_writable(path)
    if input_path is not None and _same_file(path, Path(input_path)):
        raise ValueError(f"output {path} is the input; give another name")
    if path.exists() and not overwrite:
        raise OutputError(f"output {path} exists; give --overwrite or another name")


def _check_writable(path: Path) -> None:
    path = follow_link(path)
    if not path.parent.is_dir():
        raise OutputError(f"folder {path.parent} does not exist; create it first")
    for folder in {path.parent, path if path.is_dir() else path.parent}:
        try:
            # The rights of a folder tell less: nobody makes files in /proc.
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise OutputError(
                f"folder {folder} is not writable: {reason}; give another one"
            ) from error


def several_pictures(input_path: Path | None) -> PictureSequence | None:
    """The input's files if it is a numbered sequence or a folder of stills, else None.

    Raises:
        InputError: the pictures are not there.
    """
    if input_path is None or is_pipe(input_path):
        return None
    sequence = find_sequence(input_path)
    return None if sequence is None or sequence.kind == "file" else sequence


def named_like(folder: Path, sequence: PictureSequence) -> tuple[Path, ...]:
    """The PNG files of a folder that are named like the files of a sequence, in their order.

    Raises:
        ValueError: two of them would have the same name.
    """
    targets = tuple(folder / f"{path.stem}.png" for path in sequence.files)
    if len({*targets}) < len(targets):
        twice = next(path for path in targets if targets.count(path) > 1)
        raise ValueError(
            f"two pictures of {sequence.path} would be written to {twice}; "
            "give a pattern as output, such as sr_%05d.png"
        )
    return targets


def picture_targets(path: Path, sequence: PictureSequence | None) -> tuple[Path, ...] | None:
    """The files that the frames of a sequence are written to, if its names or numbers say that.

    Raises:
        ValueError: two frames would be written to one file.
    """
    pattern = NumberPattern.parse(path)
    if sequence is None:
        return None
    if path.is_dir() or not path.suffix:
        return named_like(path, sequence)
    if pattern is not None and sequence.kind == "pattern":
        first = sequence.first_number
        return tuple(pattern.path(first + index) for index in range(len(sequence.files)))
    return None


def _check_pictures(path: Path, source: Path | None, *, overwrite: bool) -> None:
    """Refuse what would write over the pictures of the input, or over others unasked."""
    sequence, pattern = several_pictures(source), NumberPattern.parse(path)
    targets = picture_targets(path, sequence)
    if targets is None:
        targets = () if pattern is None else tuple(pattern.existing().values())
    taken = [target for target in targets if target.exists()]
    if sequence is not None:
        inputs = {os.path.realpath(file) for file in sequence.files}
        if any(os.path.realpath(target) in inputs for target in taken):
            raise ValueError(f"output {path} is the input; give another name or folder")
    elif source is not None and any(_same_file(target, source) for target in taken):
        raise ValueError(f"output {path} is the input; give another name or folder")
    if taken and not overwrite:
        raise OutputError(f"output {taken[0]} exists; give --overwrite, or another name or folder")


def _same_file(path: Path, other: Path) -> bool:
    """True for two names of one file, also by links."""
    return path.exists() and other.exists() and path.samefile(other)
