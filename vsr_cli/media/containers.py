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
from av.codec.hwaccel import HWAccel
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media.pipes import StdinBytes, is_pipe

_HINT = "try opening it in a player, or give another file"
NEEDS_SEEKING = (
    "standard input is an MP4 with its index behind the pictures, which needs seeking; give it as "
    "a file, or pipe what ffmpeg -movflags frag_keyframe+empty_moov writes"
)
_FINE_TIMESCALE = 90_000  # ticks per second; that of MPEG
_ENCODER_HINT = "try another --codec, --preset or --pix-fmt"
PLACE_HINT = "give another folder"
_WRITE_HINTS = MappingProxyType(
    {
        errno.ENOSPC: "free some space, or write to another disk",
        errno.EDQUOT: "free some space, or write to another disk",
        errno.EFBIG: "write to a file system that holds larger files",
        errno.EPERM: "the encoder needs hardware that is not there; try --codec x264",
        errno.EACCES: "give another folder",
    }
)


def open_container(path: Path, hardware: HWAccel | None = None) -> InputContainer:
    """Open a media file for reading, its video to be decoded by hardware if that is given.

    Raises:
        InputError: the file is missing, a folder, empty, not readable, or not a media file.
    """
    if is_pipe(path):
        return open_stdin(StdinBytes(), hardware)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a video file; give one file")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); try copying or downloading it again")
    try:
        # An absolute path cannot be taken for a URL, whatever is in the name.
        return av.open(os.path.abspath(path), "r", metadata_errors="replace", hwaccel=hardware)
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: permission denied") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a video file that can be read; {_HINT}") from error


def open_stdin(stdin: StdinBytes, hardware: HWAccel | None = None) -> InputContainer:
    """Open standard input, of which nothing was read so far.

    Raises:
        InputError: it is not a media file, or none that can be read without seeking.
    """
    try:
        return av.open(stdin, "r", metadata_errors="replace", hwaccel=hardware)
    except (av.error.FFmpegError, ValueError) as error:
        if stdin.interrupt is not None:
            raise stdin.interrupt from None
        if stdin.is_index_last:
            raise InputError(NEEDS_SEEKING) from error
        if (truncation := stdin.truncation()) is not None:
            raise InputError(
                f"standard input is truncated: {truncation}, and nothing can be read without it; "
                "see why what writes to the pipe has stopped"
            ) from error
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
def reporting_output(path: Path, what: str, hint: str = _ENCODER_HINT) -> Iterator[None]:
    """Turn what goes wrong while ``what`` is written to ``path`` into one line of ours."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        hint = _WRITE_HINTS.get(error.errno or 0, hint)
        reason = (error.strerror or "unknown error").lower()
        raise OutputError(f"cannot write {what} to {path}: {reason}; {hint}") from error
