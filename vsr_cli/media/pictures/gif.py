"""Write frames as an animated GIF: a palette of its own for each frame, times in 1/100 s."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.video.stream import VideoStream

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.completion import CompletingWriter
from vsr_cli.media.containers import PLACE_HINT, reporting_output
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.pictures.palette import to_palette
from vsr_cli.media.pictures.writer import refuse_settings
from vsr_cli.media.pixels.conversion import to_rgb
from vsr_cli.media.pixels.orientation import turn_upright, upright_info
from vsr_cli.media.pixels.planes import check_planes
from vsr_cli.specs import EncodingSpec

_TICK = Fraction(1, 100)  # seconds
_MAX_RATE = 100  # frames per second
_PLAYED_RATE = 50  # players show frames of less than 0.02 s for 0.1 s
_MAX_SIDE = 65_535
_FOREVER = 0


class GifWriter(CompletingWriter):
    """Writes frames as a GIF (a ``FrameWriter``), one by one: nothing is held but a few frames.

    Each frame has the 256 colours that suit it, mixed by error diffusion where it has more; alpha
    becomes transparent or opaque. An animation keeps its repetitions, other clips repeat for ever.

    Attributes:
        warnings: what is not kept; complete before the first frame.
        frames_written: frames given to the encoder; the last one when the context is left.
    """

    def __init__(
        self, path: Path, info: ClipInfo, encoding: EncodingSpec, *, overwrite: bool
    ) -> None:
        """Create the file.

        Raises:
            ValueError: the clip or the settings do not fit the format.
            OutputError: the file cannot be written.
        """
        refuse_settings(path, encoding)
        self.path, self.info = path, upright_info(info)
        self._clip = info
        self.frames_written = self.packets_written = 0
        self._display_matrix = info.display_matrix
        self.warnings = _losses(self.info)
        self._held: Frame | None = None  # its duration is known when the next frame comes
        self._first_pts = 0
        self._pending = PendingFile(path, overwrite=overwrite)
        loop = _FOREVER if info.loop is None and info.origin == "video" else info.loop
        options = {"loop": str(-1 if loop is None else loop)}
        with reporting_output(path, "anything", PLACE_HINT):
            self._container = av.open(
                str(self._pending.path.absolute()), "w", format="gif", container_options=options
            )
        try:
            with reporting_output(path, "anything"):
                self._stream = self._add_stream()
        except BaseException:
            self._abort()
            raise

    def write(self, frame: Frame) -> None:
        """Give one frame to the encoder.

        Raises:
            OutputError: the disk is full, or two frames lie within 1/100 s.
        """
        check_planes(frame, self._clip)
        if self._held is None:
            self._first_pts = frame.pts
        else:
            self._encode(self._held, self._tick(frame.pts))
        self._held = frame

    def _add_stream(self) -> VideoStream:
        stream = self._container.add_stream("gif", rate=_MAX_RATE)
        if not isinstance(stream, VideoStream):
            raise ValueError("the GIF encoder is no video encoder")
        context = stream.codec_context
        context.width, context.height = self.info.width, self.info.height
        context.pix_fmt = "pal8"
        context.time_base = _TICK
        context.flags |= Flags.frame_duration
        if self.info.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = self.info.sample_aspect_ratio
        return stream

    def _encode(self, frame: Frame, end: int) -> None:
        start = self._tick(frame.pts)
        if end <= start:
            raise OutputError(
                f"frames {self.frames_written} and {self.frames_written + 1} fall on one 1/100 s "
                "of the GIF; write an .mp4 file"
            )
        picture = self._make_picture(frame)
        picture.pts, picture.duration, picture.time_base = start, end - start, _TICK
        with reporting_output(self.path, "video"):
            self.frames_written += 1
            self._mux(picture)

    def _make_picture(self, frame: Frame) -> av.VideoFrame:
        samples = to_rgb(turn_upright(frame, self._display_matrix), self.info, bits=8)
        # The annotation of PyAV does not know the pair that it takes for this format.
        return av.VideoFrame.from_ndarray(to_palette(samples), "pal8")  # type: ignore[arg-type]

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
            self.packets_written += 1

    def _complete(self) -> None:
        if self._held is None:
            raise OutputError(f"no frame was given to write to {self.path}")
        rate = self.info.frame_rate or 1 / (_TICK * 10)
        duration = self._held.duration * self.info.time_base or 1 / rate
        end = self._tick(self._held.pts) + max(1, round(duration / _TICK))
        self._encode(self._held, end)
        with reporting_output(self.path, "the end of the file"):
            self._mux(None)
            self._container.close()
        if self.packets_written != self.frames_written:
            raise OutputError(
                f"{self.path} would hold {self.packets_written} of {self.frames_written} frames"
            )
        self._pending.commit()

    def _abort(self, error: BaseException | None = None) -> None:
        del error
        try:
            with contextlib.suppress(av.error.FFmpegError):
                self._container.close()
        finally:
            self._pending.discard()

    def _tick(self, pts: int) -> int:
        return round((pts - self._first_pts) * self.info.time_base / _TICK)


def _losses(info: ClipInfo) -> list[str]:
    """What a GIF does not keep.

    Raises:
        ValueError: the clip is too large or too fast.
    """
    rate = info.frame_rate or 0
    if max(info.width, info.height) > _MAX_SIDE:
        raise ValueError(f"a GIF has sides of at most {_MAX_SIDE}, got {info.width}x{info.height}")
    if rate > _MAX_RATE:
        raise ValueError(
            f"a GIF has at most {_MAX_RATE} frames/s, got {float(rate):g}; write an .mp4 file"
        )
    losses = ["a GIF has 256 colours in each frame: where there are more, dots mix them"]
    if rate > _PLAYED_RATE:
        losses.append(
            f"{float(rate):g} frames/s: most players show a GIF's frames of less than 0.02 s "
            "for 0.1 s"
        )
    if info.pixel_format.has_alpha:
        losses.append("a GIF's pixels are transparent or opaque: alpha is rounded")
    return losses
