"""Frames encoded and decoded in memory, for what a codec leaves of them.

Planes stay what they are: gray is coded as gray, YUV with its own chroma, RGB as RGB. Where a coder
has fewer bits, codes are rounded to the most that are used of it and shifted back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from types import MappingProxyType
from typing import Literal

import av
import numpy as np
import torch
from av.codec import Codec
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vsr_cli.errors import InputError, VsrError
from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.imaging.ranges import sample_dtype
from vsr_cli.media.pixels.formats import planar_cousin, require_planar
from vsr_cli.media.pixels.planes import PictureConverter, make_picture, read_planes
from vsr_cli.specs import Jpeg, VideoCoding

# x265 has 12 bits too, and loses the picture there from crf 35 to 40 on (of PyAV 18.1, measured).
JPEG_BITS, MAX_VIDEO_BITS = 8, 10
TIME_BASE = Fraction(1, 25)  # one frame a tick: what times a clip has makes no difference
# x265 8-bit overwrites memory with clips 17 or 18 pixels high (of PyAV 18.1), and refuses those
# below 16. Both codecs repeat the last rows and columns up to whole blocks anyway.
BLOCK, SMALLEST = 16, 64  # pixels


@dataclass(frozen=True, slots=True)
class _Coder:
    """An encoder, set to give the same packets in every run: one thread, among other things."""

    encoder: str
    decoder: str
    options: Mapping[str, str]


# With AVX-512 x264's macroblock tree gives other packets in every run (of PyAV 18.1: six in thirty
# runs of ten frames of 80x48). Without it runs agree; CPUs without AVX2 may differ a little.
_X264 = MappingProxyType({"preset": "medium", "mbtree": "0"})
_X265 = MappingProxyType(
    {"preset": "medium", "x265-params": "log-level=error:pools=none:frame-threads=1"}
)
_CODERS: Mapping[tuple[str, bool], _Coder] = MappingProxyType(
    {
        ("h264", False): _Coder("libx264", "h264", _X264),
        ("h264", True): _Coder("libx264rgb", "h264", _X264),  # RGB has an encoder of its own
        ("h265", False): _Coder("libx265", "hevc", _X265),
        ("h265", True): _Coder("libx265", "hevc", _X265),
    }
)


def recode_frames(
    frames: Iterable[Frame], pixel_format: PixelFormat, step: Jpeg | VideoCoding
) -> Iterator[Frame]:
    """Encode and decode the frames of one clip.

    JPEG codes each frame by itself: gray and luma with libjpeg's first table of quantisation,
    chroma with its second, which is what a JPEG file of these planes holds; RGB as Pillow does by
    default, by way of YCbCr with chroma of half the size. H.264 and H.265 code the clip with B
    frames, by x264 (without its macroblock tree) and x265 at preset medium; so many frames are held
    as the encoder looks ahead.

    Args:
        frames: integer planes without alpha, all of them; in order, from the first on. JPEG also
            takes luma alone.
        pixel_format: theirs.
        step: how.

    Returns:
        As many frames, of the same size, format and times.

    Raises:
        VsrError: the codec is not there, or cannot code frames like these.
    """
    if isinstance(step, Jpeg):
        return (replace(f, planes=_jpeg(f.planes, pixel_format, step.quality)) for f in frames)
    return _code_video(frames, pixel_format, step)


def _jpeg(planes: tuple[Tensor, ...], layout: PixelFormat, quality: int) -> tuple[Tensor, ...]:
    arrays = [_with_depth(plane, layout.bits, JPEG_BITS).numpy() for plane in planes]
    decoded: list[NDArray[np.uint8]]
    if layout.family == "gbr":
        green, blue, red = arrays
        rgb = _jpeg_array(np.stack([red, green, blue], axis=-1), quality=quality)
        decoded = [rgb[..., 1], rgb[..., 2], rgb[..., 0]]
    else:
        luma = _jpeg_array(arrays[0], quality=quality)
        decoded = [luma, *(_jpeg_array(chroma, table=quality) for chroma in arrays[1:])]
    return tuple(
        _with_depth(torch.from_numpy(plane.copy()), JPEG_BITS, layout.bits) for plane in decoded
    )


def _jpeg_array(
    array: NDArray[np.uint8], *, quality: int | None = None, table: int | None = None
) -> NDArray[np.uint8]:
    """A picture through JPEG; ``table``: with the chroma's quantisation of that quality."""
    file = BytesIO()
    if table is None:
        Image.fromarray(array).save(file, "JPEG", quality=quality)
    else:
        Image.fromarray(array).save(file, "JPEG", qtables=[list(_chroma_table(table))])
    with Image.open(file) as picture:
        return np.asarray(picture)


@lru_cache(maxsize=4)
def _chroma_table(quality: int) -> tuple[int, ...]:
    """The quantisation that libjpeg gives chroma."""
    file = BytesIO()
    Image.new("YCbCr", (8, 8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        tables: Mapping[int, list[int]] = picture.quantization  # type: ignore[attr-defined]
        return tuple(tables[1])


def _code_video(frames: Iterable[Frame], layout: PixelFormat, step: VideoCoding) -> Iterator[Frame]:
    waiting: deque[Frame] = deque()  # what is on its way through the encoder
    trip: _RoundTrip | None = None
    for frame in frames:
        trip = trip or _RoundTrip(layout, step, frame)
        waiting.append(frame)
        for planes in trip.send(frame):
            yield replace(waiting.popleft(), planes=planes)
    for planes in trip.send(None) if trip else ():
        yield replace(waiting.popleft(), planes=planes)
    if waiting:
        raise VsrError(f"{step} lost {len(waiting)} frames on their way; try another codec")


class _RoundTrip:
    """One clip's way through encoder and decoder."""

    def __init__(self, layout: PixelFormat, step: VideoCoding, first: Frame) -> None:
        coder = _CODERS[step.codec, layout.family == "gbr"]
        self.step, self.layout = step, layout
        self.height, self.width = first.planes[0].shape
        self.pix_fmt = _choose_format(coder.encoder, layout, step)
        self.coded = require_planar(self.pix_fmt)
        self.converter = PictureConverter()
        self.sent = 0
        self.encoder = _video_context(coder.encoder, "w")
        self.decoder = _video_context(coder.decoder, "r")
        self.encoder.options = {**coder.options, "crf": f"{step.crf:g}"}
        self.encoder.width, self.encoder.height = map(_coded_side, (self.width, self.height))
        self.encoder.pix_fmt = self.pix_fmt
        self.encoder.time_base, self.encoder.framerate = TIME_BASE, 1 / TIME_BASE
        self.encoder.thread_count = self.decoder.thread_count = 1

    def send(self, frame: Frame | None) -> Iterator[tuple[Tensor, ...]]:
        """Hand over a frame, or None at the end; returns the planes that are ready."""
        picture = None if frame is None else self._picture(frame)
        try:
            packets: list[Packet[VideoStream] | None] = [*self.encoder.encode(picture)]
            packets += [None] if frame is None else []
            decoded = [shown for packet in packets for shown in self.decoder.decode(packet)]
        except FFmpegError as error:
            size = f"{self.width}x{self.height} {self.layout.name}"
            raise VsrError(f"{self.step} cannot code frames of {size}: {error}") from error
        return map(self._planes, decoded)

    def _picture(self, frame: Frame) -> av.VideoFrame:
        planes = tuple(
            _with_depth(plane, self.layout.bits, self.coded.bits) for plane in frame.planes
        )
        size = {"width": self.encoder.width, "height": self.encoder.height}
        picture = self.converter.convert(make_picture(planes, self.coded, **size), self.pix_fmt)
        picture.pts, picture.time_base = self.sent, TIME_BASE
        self.sent += 1
        return picture

    def _planes(self, picture: av.VideoFrame) -> tuple[Tensor, ...]:
        """The planes that were sent: FFmpeg shows H.264 of gray as YUV."""
        found = read_planes(picture, require_planar(picture.format.name), self.converter)
        planes = []
        for number in range(self.layout.num_planes):
            height, width = self.layout.plane_size(number, width=self.width, height=self.height)
            plane = found[number][:height, :width].contiguous()
            planes.append(_with_depth(plane, self.coded.bits, self.layout.bits))
        return tuple(planes)


def _video_context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    context = av.CodecContext.create(name, mode)
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} is no video codec, but a {context.type} one")
    return context


def _choose_format(encoder: str, layout: PixelFormat, step: VideoCoding) -> str:
    """The encoder's format of the same planes: as deep as these, or as deep as it has."""
    try:
        formats = Codec(encoder, "w").video_formats or []
    except ValueError as error:
        raise VsrError(f"{step} needs {encoder}, which this build of PyAV has not") from error
    fitting: dict[int, str] = {}
    for name in (form.name for form in formats if not form.name.startswith("yuvj")):
        found = planar_cousin(name)
        if found is None or found.has_alpha or found.bits > MAX_VIDEO_BITS:
            continue
        if _planes_of(found) == _planes_of(layout):
            fitting.setdefault(found.bits, name)
    if not fitting:
        raise InputError(
            f"{step} cannot code {layout.name}: convert the clip, to yuv420p for example"
        )
    return fitting[min((b for b in fitting if b >= layout.bits), default=max(fitting))]


def _planes_of(layout: PixelFormat) -> tuple[str, int, int]:
    return layout.family, layout.chroma_shift_x, layout.chroma_shift_y


def _coded_side(length: int) -> int:
    return max(SMALLEST, -(-length // BLOCK) * BLOCK)


def _with_depth(plane: Tensor, bits: int, target: int) -> Tensor:
    """Codes of ``bits`` as those of another depth: shifted, and rounded where bits are lost."""
    codes = plane.to(torch.int32)
    if target < bits:
        codes = (codes + (1 << (bits - target - 1)) >> (bits - target)).clamp(max=(1 << target) - 1)
    else:
        codes = codes << (target - bits)
    return codes.to(sample_dtype(replace(_ANY, bits=target)))


_ANY = PixelFormat("", "gray", 8)
