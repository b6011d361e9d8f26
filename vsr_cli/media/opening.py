"""Which reader or writer a path gets."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.frames import ClipInfo, FrameReader, FrameWriter
from vsr_cli.media.target import check_output
from vsr_cli.media.video_reader import VideoReader
from vsr_cli.media.video_writer import VideoWriter
from vsr_cli.specs import DecodingSpec, EncodingSpec


def open_reader(path: str | Path, decoding: DecodingSpec | None = None) -> FrameReader:
    """Open a clip for reading, whole or cut.

    Raises:
        InputError: the file is missing, is no video, or holds nothing that can be decoded.
    """
    return VideoReader(Path(path), decoding or DecodingSpec())


def open_writer(
    path: str | Path,
    info: ClipInfo,
    encoding: EncodingSpec | None = None,
    *,
    copy_from: Path | None = None,
    decoding: DecodingSpec | None = None,
    overwrite: bool = False,
) -> FrameWriter:
    """Open a clip for writing. ``info`` describes the frames as they will be written.

    ``copy_from`` is the file whose other streams, tags and chapters are carried over. If
    ``decoding`` says that the frames are those of a cut of it, what lies outside of the cut is left
    out, and all timestamps are shifted equally, so that the first frame is shown at 0.

    Raises:
        OutputError: the file cannot be written, or the encoder refuses the clip.
        InputError: ``copy_from`` cannot be read.
        ValueError: the codec or its settings do not fit the file or the clip.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite, input_path=copy_from)
    return VideoWriter(
        path,
        info,
        encoding or EncodingSpec(),
        copy_from=copy_from,
        decoding=decoding or DecodingSpec(),
        overwrite=overwrite,
    )
