"""Which reader or writer a path gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, FrameReader, FrameWriter
from vsr_cli.media.limits import check_output_pixels
from vsr_cli.media.pictures.gif import GifWriter
from vsr_cli.media.pictures.reader import StillsReader
from vsr_cli.media.pictures.sequence import find_sequence
from vsr_cli.media.pictures.writer import StillsWriter
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.pixels.untold import untold_color
from vsr_cli.media.streams.inventory import find_constant_rate, lost_streams, lost_tags
from vsr_cli.media.target import check_output, several_pictures, target_kind
from vsr_cli.media.video.alpha import is_opaque
from vsr_cli.media.video.encoder import FrameEncoder, MakePackets
from vsr_cli.media.video.reader import VideoReader
from vsr_cli.media.video.writer import VideoWriter
from vsr_cli.media.video.y4m import Y4mWriter
from vsr_cli.specs import DecodingSpec, EncodingSpec


def open_reader(path: str | Path, decoding: DecodingSpec | None = None) -> FrameReader:
    """Open a clip for reading, whole or cut.

    ``path`` is a video or picture file, a numbered sequence (``frame_%05d.png``), a folder of
    stills, or ``-`` for standard input.

    Raises:
        InputError: the file is missing, is no video, or holds nothing that can be decoded.
        ValueError: a rate was given for a clip that has times of its own.
    """
    path, decoding = Path(path), decoding or DecodingSpec()
    sequence = None if is_pipe(path) else find_sequence(path)
    if sequence is not None:
        return StillsReader(sequence, decoding)
    reader = VideoReader(path, decoding)
    if decoding.rate is not None:
        reader.close()
        raise ValueError(f"{path} has times of its own; leave --rate out, it is for stills")
    return reader


def open_writer(
    path: str | Path,
    info: ClipInfo,
    encoding: EncodingSpec | None = None,
    *,
    copy_from: Path | None = None,
    decoding: DecodingSpec | None = None,
    overwrite: bool = False,
    make_packets: MakePackets = FrameEncoder,
) -> FrameWriter:
    """Open a clip for writing. ``info`` describes the frames as they will be written.

    ``path`` is a video, GIF, y4m or picture file, a pattern (``frame_%05d.png``), a folder if the
    input is several pictures, or ``-`` for y4m on standard output.

    ``copy_from`` is the file whose other streams, tags and chapters are carried over. If
    ``decoding`` says that the frames are those of a cut of it, what lies outside of the cut is left
    out, and all timestamps are shifted equally, so that the first frame is shown at 0.

    ``make_packets`` gives the packets of a video whose frames were encoded before.

    Raises:
        OutputError: the file cannot be written, or the encoder refuses the clip.
        InputError: ``copy_from`` cannot be read.
        ValueError: the codec or its settings do not fit the file or the clip, or that is too large.
    """
    path, encoding, decoding = Path(path), encoding or EncodingSpec(), decoding or DecodingSpec()
    check_output(path, overwrite=overwrite, input_path=copy_from)
    check_output_pixels(width=info.width, height=info.height, limit=decoding.max_pixels)
    video = _video_file(copy_from)
    if target_kind(path, copy_from) == "video":
        if video is not None and info.origin == "pictures" and info.pixel_format.has_alpha:
            info = replace(info, is_opaque=is_opaque(video))
        writer: FrameWriter = VideoWriter(
            path,
            info,
            encoding,
            copy_from=video,
            decoding=decoding,
            overwrite=overwrite,
            make_packets=make_packets,
        )
    else:
        lost = _lost_beside(video, path, encoding)
        writer = _pictures_writer(path, info, encoding, copy_from, decoding, overwrite=overwrite)
        writer.warnings += lost
        writer.warnings += untold_color(path, info, is_y4m=isinstance(writer, Y4mWriter))
    writer.warnings += _lost_by_kind(writer, info, encoding)
    return writer


def _lost_beside(video: Path | None, path: Path, encoding: EncodingSpec) -> list[str]:
    """The streams, chapters and tags of a file that pictures have no place for.

    Raises:
        OutputError: there are streams or chapters, and ``encoding`` forbids to lose them.
    """
    if video is None:
        return []
    lost = lost_streams(video, path)
    if lost and encoding.strict_streams:
        raise OutputError(f"--strict-streams: {'; '.join(lost)}")
    return lost + lost_tags(video, path)


def _lost_by_kind(writer: FrameWriter, info: ClipInfo, encoding: EncodingSpec) -> list[str]:
    """What a kind of file cannot do or keep, one line each."""
    lost = []
    if encoding.keep_partial and not isinstance(writer, VideoWriter):
        lost.append("--keep-partial is for video files; nothing is kept of pictures")
    if info.icc_profile is not None and not isinstance(writer, StillsWriter):
        lost.append("the ICC profile of the pictures is not kept here; .png keeps it")
    return lost


def _pictures_writer(
    path: Path,
    info: ClipInfo,
    encoding: EncodingSpec,
    source: Path | None,
    decoding: DecodingSpec,
    *,
    overwrite: bool,
) -> FrameWriter:
    """The writer of a file that holds pictures alone: no sound, no tags."""
    kind, video = target_kind(path, source), _video_file(source)
    if kind == "gif":
        return GifWriter(path, info, encoding, overwrite=overwrite)
    if kind in ("y4m", "pipe"):
        if video is not None:
            rate = find_constant_rate(video, info.frame_rate, decoding)
            info = replace(info, frame_rate=rate)
        return Y4mWriter(path, info, encoding, overwrite=overwrite)
    sequence = several_pictures(source)
    return StillsWriter(
        path, info, encoding, sequence=sequence, is_cut=decoding.is_cut, overwrite=overwrite
    )


def _video_file(copy_from: Path | None) -> Path | None:
    """The input if it is a file that may hold other streams; not pictures, not standard input."""
    if copy_from is None or is_pipe(copy_from) or find_sequence(copy_from) is not None:
        return None
    return copy_from
