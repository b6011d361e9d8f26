"""Open media files: for reading with every mistake in words, for writing with exact times."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media.pipes import StdinBytes, is_pipe

_HINT = "try opening it in a player, or give another file"
_FINE_TIMESCALE = 90_000  # ticks per second; that of MPEG
_WRITE_HINTS = MappingProxyType(
    {
        errno.ENOSPC: "free some space, or write to another disk",
        errno.EDQUOT: "free some space, or write to another disk",
        errno.EFBIG: "write to a file system that holds larger files",
        errno.EPERM: "the encoder needs hardware that is not there; try --codec x264",
        errno.EACCES: "give another folder",
    }
)


def open_container(path: Path) -> InputContainer:
    """Open a media file for reading.

    Raises:
        InputError: the file is missing, a folder, empty, not readable, or not a media file.
    """
    if is_pipe(path):
        return _open_stdin()
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a video file; give one file")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); try copying or downloading it again")
    try:
        # An absolute path cannot be taken for a URL, whatever is in the name.
        return av.open(os.path.abspath(path), "r", metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: permission denied") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a video file that can be read; {_HINT}") from error


def _open_stdin() -> InputContainer:
    stdin = StdinBytes()
    try:
        return av.open(stdin, "r", metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        if stdin.interrupt is not None:
            raise stdin.interrupt from None
        raise InputError(
            "standard input is not a video that can be read; try piping y4m, Matroska or MPEG-TS, "
            "which need no seeking"
        ) from error


def main_video(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover picture.

    Raises:
        InputError: there is none, or it is in a format that cannot be decoded.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise InputError(f"{path}: the video is in a format that is not supported")
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise InputError(f"{path} holds no video (only {kinds}); give a file with a video stream")


def open_output(path: Path, container: str, *, time_base: Fraction) -> OutputContainer:
    """Create a media file. ``container`` is FFmpeg's name, ``time_base`` that of the video.

    Raises:
        av.error.FFmpegError: the file cannot be created.
    """
    # Some codecs have their place in a container by a standard that FFmpeg still calls new.
    options = {"strict": "experimental"}
    if container in ("mp4", "mov"):
        # Start offsets are kept in these ticks; the default of 1 ms would move the video.
        timescale = time_base.denominator
        options["movie_timescale"] = str(-(-_FINE_TIMESCALE // timescale) * timescale)
    return av.open(os.path.abspath(path), "w", format=container, container_options=options)


@contextlib.contextmanager
def reporting_output(path: Path, what: str) -> Iterator[None]:
    """Turn FFmpeg's errors while ``what`` is written to ``path`` into one line of ours."""
    try:
        yield
    except av.error.FFmpegError as error:
        hint = _WRITE_HINTS.get(error.errno or 0, "try another --codec, --preset or --pix-fmt")
        reason = (error.strerror or "unknown error").lower()
        raise OutputError(f"cannot write {what} to {path}: {reason}; {hint}") from error
