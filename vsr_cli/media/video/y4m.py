"""Write YUV4MPEG2, the uncompressed video that programs pipe to each other.

References:
    The format is that of mjpegtools (yuv4mpeg(5)); high bit depths and the range are written in
    FFmpeg's extensions of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from torch import Tensor

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.media.completion import CompletingWriter
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.pictures.writer import refuse_settings
from vsr_cli.media.pipes import is_pipe, open_stdout, write_all
from vsr_cli.media.pixels.conversion import to_layout
from vsr_cli.media.pixels.formats import holds, nearest_holding, require_planar
from vsr_cli.media.pixels.orientation import turn_upright, upright_info
from vsr_cli.media.pixels.planes import check_planes
from vsr_cli.media.pixels.tags import written_color
from vsr_cli.specs import EncodingSpec

_DEPTHS = (9, 10, 12, 14, 16)
_SPACES = MappingProxyType(
    {
        **{"gray": "mono", "yuv411p": "411 XYSCSS=411", "yuv420p": "420"},
        **{"yuv422p": "422 XYSCSS=422", "yuv444p": "444 XYSCSS=444"},
        **{f"gray{bits}le": f"mono{bits}" for bits in (9, 10, 12, 16)},
        **{
            f"yuv{name}p{bits}le": f"{name}p{bits} XYSCSS={name}P{bits}"
            for name in ("420", "422", "444")
            for bits in _DEPTHS
        },
    }
)
_SITINGS: Mapping[str, str] = MappingProxyType(
    {
        "left": "420mpeg2 XYSCSS=420MPEG2",
        "topleft": "420paldv XYSCSS=420PALDV",
    }
)
_RANGES: Mapping[str, str] = MappingProxyType({"limited": "LIMITED", "full": "FULL"})
JITTER = Fraction(1, 2)  # of a frame: containers round times
_OTHER_FORMAT = "write an .mkv file, which keeps all times"


class Y4mWriter(CompletingWriter):
    """Writes frames as YUV4MPEG2 into a file, or to standard output (a ``FrameWriter``).

    The format has one frame rate. A frame that is not shown when its number says is an error.

    Attributes:
        warnings: what is not kept; complete before the first frame.
        frames_written: frames so far.
    """

    def __init__(
        self, path: Path, info: ClipInfo, encoding: EncodingSpec, *, overwrite: bool
    ) -> None:
        """Write the header.

        Raises:
            ValueError: the clip or the settings do not fit the format.
            OutputError: the file cannot be written.
        """
        refuse_settings(path, encoding, "pix_fmt")
        self.path = path
        self.warnings: list[str] = []
        self.frames_written = 0
        self._display_matrix = info.display_matrix
        self._clip, info = info, upright_info(info)
        if not info.frame_rate:
            raise ValueError(f"y4m needs a frame rate, and the clip states none; {_OTHER_FORMAT}")
        self._info, self._rate = info, info.frame_rate
        self._layout = self._choose_layout(info.pixel_format, encoding.pix_fmt)
        self._first_pts: int | None = None
        self._pending = None if is_pipe(path) else PendingFile(path, overwrite=overwrite)
        self._file = self._open()
        self._put(_header(info, self._layout))

    def write(self, frame: Frame) -> None:
        """Write one frame.

        Raises:
            OutputError: the disk is full, or the frame rate is not constant.
        """
        check_planes(frame, self._clip)
        self._check_time(frame.pts)
        upright = turn_upright(frame, self._display_matrix)
        self._put(b"FRAME\n")
        for plane in to_layout(upright, self._info, self._layout):
            self._put(_plane_bytes(plane))
        self.frames_written += 1

    def _complete(self) -> None:
        if self._pending is None:
            return
        self._close()
        if not self.frames_written:
            raise OutputError(f"no frame was given to write to {self.path}")
        self._pending.commit()

    def _abort(self, error: BaseException | None = None) -> None:
        del error
        if self._pending is None:
            return
        try:
            with contextlib.suppress(OutputError):  # it is removed anyway
                self._close()
        finally:
            self._pending.discard()

    def _close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error

    def _open(self) -> BinaryIO:
        if self._pending is None:
            return open_stdout()
        try:
            return self._pending.path.open("wb")
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error

    def _put(self, data: bytes | memoryview) -> None:
        try:
            write_all(self._file, data)
        except BrokenPipeError:
            raise  # whoever read standard output has had enough
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error

    def _choose_layout(self, source: PixelFormat, wanted: str | None) -> PixelFormat:
        """The format that is written; says what it does not hold of the source."""
        if wanted is not None and wanted not in _SPACES:
            raise ValueError(f"y4m cannot hold {wanted!r}; it holds {', '.join(_SPACES)}")
        name = wanted or nearest_holding(source, _SPACES)
        if name is None:
            depth = next(bits for bits in (8, *_DEPTHS) if bits >= source.bits)
            opaque = source.name.replace("yuva", "yuv")
            name = opaque if opaque in _SPACES else "yuv444p" + (f"{depth}le" if depth > 8 else "")
        layout = require_planar(name)
        if not holds(layout, source):
            self.warnings.append(f"y4m cannot hold {source.name}: it is written as {name}")
        return layout

    def _check_time(self, pts: int) -> None:
        if self._first_pts is None:
            self._first_pts = pts
        seconds = (pts - self._first_pts) * self._info.time_base
        if abs(seconds * self._rate - self.frames_written) > JITTER:
            raise OutputError(irregular_times(self.frames_written, seconds, self._rate))


def irregular_times(number: int, seconds: Fraction, rate: Fraction) -> str:
    """What is said of a clip whose frame ``number`` is not shown when it should be."""
    return (
        f"y4m has one frame rate ({float(rate):.6g} frames/s), but frame {number} is shown at "
        f"{float(seconds):.3f} s, not at {float(number / rate):.3f} s; {_OTHER_FORMAT}"
    )


def _header(info: ClipInfo, layout: PixelFormat) -> bytes:
    """The line that describes the stream, as FFmpeg writes it."""
    color, rate = written_color(info, layout), info.frame_rate or Fraction(0)
    space = _SPACES[layout.name]
    if space == "420":
        space = _SITINGS.get(color.chroma_location, "420jpeg XYSCSS=420JPEG")
    aspect = info.sample_aspect_ratio or Fraction(0)
    ratio = f"{aspect.numerator}:{aspect.denominator}" if aspect else "0:0"
    fields = [
        f"YUV4MPEG2 W{info.width} H{info.height} F{rate.numerator}:{rate.denominator} Ip A{ratio}",
        f"C{space}",
        *([f"XCOLORRANGE={_RANGES[color.range]}"] if color.range in _RANGES else []),
    ]
    return " ".join(fields).encode() + b"\n"


def _plane_bytes(plane: Tensor) -> memoryview:
    samples = plane.numpy()
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).reshape(-1).data.cast("B")
