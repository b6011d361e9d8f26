"""Whole pictures out of those that hold two fields: FFmpeg's bwdif, one frame for each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import av
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext

from vsr_cli.errors import InputError
from vsr_cli.frames import PixelFormat
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import PictureConverter, fill_picture, make_picture, read_planes
from vsr_cli.specs import Deinterlace

_HINT = "try --deinterlace off"
_INTERLACED_ORDERS = range(2, 6)  # of FFmpeg's AVFieldOrder
# What bwdif asks of every plane.
_MIN_WIDTH, _MIN_HEIGHT = 3, 4
# Formats that bwdif does not take, and the deeper one of the same layout that carries their codes.
_CARRIERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("gray9le", "gray10le", "gray12le", "gray14le"), "gray16le"),
        **dict.fromkeys(("gbrap10le", "gbrap12le", "gbrap14le"), "gbrap16le"),
        "yuva422p12le": "yuva422p16le",
        "yuva444p12le": "yuva444p16le",
    }
)


class Deinterlacer:
    """Lets the pictures of a clip pass, and makes those that are interlaced progressive.

    One picture in, one picture out, with the times that it came with. ``auto`` changes the pictures
    that say that they are interlaced, ``bwdif`` all of them (in one that does not say which field
    is first, it is the top one), ``off`` none.

    Attributes:
        num_interlaced: pictures taken so far that say that they are interlaced.
        num_changed: pictures taken so far that were deinterlaced.
    """

    def __init__(self, mode: Deinterlace, path: Path) -> None:
        self.num_interlaced = 0
        self.num_changed = 0
        self._mode = mode
        self._path = path

    def run(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Each picture, as soon as the one after it is there.

        The filter begins with the first picture that is to be changed: a progressive clip pays
        nothing for it.

        Raises:
            InputError: an interlaced picture is too small or of a format that bwdif does not take.
        """
        for original, picture in self._filtered(pictures):
            yield picture
            self.num_interlaced += original.interlaced_frame
            self.num_changed += self.changes(original)

    def changes(self, picture: av.VideoFrame) -> bool:
        """True if a picture becomes another one, which depends on those before and after it."""
        if self._mode == "auto":
            return picture.interlaced_frame
        return self._mode == "bwdif"

    def restart_count(self) -> None:
        """Count from here: what was taken so far lies before the cut."""
        self.num_interlaced = self.num_changed = 0

    def note(self, context: VideoCodecContext) -> str:
        """What the user is to be told when all pictures were taken; empty if nothing."""
        if self.num_changed:
            return f"{self.num_changed} frames deinterlaced with bwdif"
        if self.num_interlaced:
            return (
                f"{self.num_interlaced} frames are interlaced and were taken as they are; "
                "try --deinterlace auto"
            )
        # PyAV before 18.1 does not tell.
        if self._mode == "auto" and getattr(context, "field_order", 0) in _INTERLACED_ORDERS:
            return (
                "the file calls its frames interlaced, they do not and were taken as they are; "
                "if there are combs in them, try --deinterlace bwdif"
            )
        return ""

    def _filtered(
        self, pictures: Iterator[av.VideoFrame]
    ) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
        """Each picture as it was decoded, and what became of it."""
        stretch: _Stretch | None = None
        before: av.VideoFrame | None = None
        for picture in pictures:
            if stretch is not None and not stretch.fits(picture):
                yield from stretch.finish()
                stretch = before = None
            if stretch is None and self.changes(picture):
                stretch = _Stretch(picture, self._path, every=self._mode == "bwdif")
                if before is not None:
                    stretch.see(before)
            if stretch is None:
                yield picture, picture
            else:
                yield from stretch.filter(picture)
            before = picture
        if stretch is not None:
            yield from stretch.finish()


class _Stretch:
    """One filter, for pictures of one size and format in a row."""

    def __init__(self, picture: av.VideoFrame, path: Path, *, every: bool) -> None:
        self._path = path
        self._size = picture.width, picture.height
        self._source = picture.format.name
        self._converter = PictureConverter()
        self._layout = require_planar(self._source)
        self._carrier: PixelFormat | None = None
        if self._layout.name in _CARRIERS:
            self._carrier = require_planar(_CARRIERS[self._layout.name])
        self._check_size()
        # One for each picture that the filter holds: None if it is not to come out.
        self._waiting: deque[av.VideoFrame | None] = deque()
        self._graph = self._make_graph(self._prepare(picture), every=every)

    def fits(self, picture: av.VideoFrame) -> bool:
        """True if the filter takes the picture: it has the size and format of the others."""
        return (picture.width, picture.height, picture.format.name) == (*self._size, self._source)

    def see(self, picture: av.VideoFrame) -> None:
        """Show the filter a picture that is only the neighbour of one that is to come out."""
        if self.fits(picture):
            self._graph.push(self._prepare(picture))
            self._waiting.append(None)

    def filter(self, picture: av.VideoFrame) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
        """The pictures before this one, as they were and deinterlaced."""
        self._graph.push(self._prepare(picture))
        self._waiting.append(picture)
        yield from self._pull()

    def finish(self) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
        """The pictures that the filter still holds, as they were and deinterlaced."""
        self._graph.push(None)
        yield from self._pull()
        if self._waiting:
            raise InputError(
                f"{self._path}: {len(self._waiting)} frames were lost in deinterlacing; {_HINT}"
            )

    def _check_size(self) -> None:
        width, height = self._size
        for plane in range(self._layout.num_planes):
            rows, columns = self._layout.plane_size(plane, width=width, height=height)
            if columns < _MIN_WIDTH or rows < _MIN_HEIGHT:
                raise InputError(
                    f"{self._path}: a plane of {columns}x{rows} is too small to be deinterlaced, "
                    f"it must be at least {_MIN_WIDTH}x{_MIN_HEIGHT}; {_HINT}"
                )

    def _make_graph(self, picture: av.VideoFrame, *, every: bool) -> Graph:
        graph = Graph()
        source = graph.add(
            "buffer",
            video_size=f"{picture.width}x{picture.height}",
            pix_fmt=picture.format.name,
            time_base="1/1000",  # of no account: each picture gets its own times back
            pixel_aspect="1/1",
            colorspace=str(int(picture.colorspace)),
            range=str(int(picture.color_range)),
        )
        frames = "all" if every else "interlaced"
        bwdif = graph.add("bwdif", mode="send_frame", parity="auto", deint=frames)
        graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
        return graph

    def _pull(self) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
        while True:
            try:
                filtered = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            original = self._waiting.popleft()
            if original is not None:
                yield original, self._restore(filtered, original)

    def _prepare(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture in a format that the filter takes: planar, with the same codes."""
        if self._carrier is not None:
            planes = read_planes(picture, self._layout, self._converter)
            # Converted for the sake of its flags: which field is first cannot be set from here.
            carrier = self._converter.convert(picture, self._carrier.name)
            fill_picture(carrier, planes, self._carrier)
            return carrier
        if picture.format.name.replace("yuvj", "yuv") == self._layout.name:
            return picture
        return self._converter.convert(picture, self._layout.name)

    def _restore(self, filtered: av.VideoFrame, original: av.VideoFrame) -> av.VideoFrame:
        """What came out, with the format and the times of what went in."""
        if self._carrier is not None:
            top = self._layout.max_code
            planes = read_planes(filtered, self._carrier, self._converter)
            planes = tuple(plane.int().clamp(max=top).to(plane.dtype) for plane in planes)
            width, height = self._size
            filtered = make_picture(planes, self._layout, width=width, height=height)
        if filtered.format.name.replace("yuvj", "yuv") != self._layout.name:
            raise InputError(
                f"{self._path}: {self._layout.name} cannot be deinterlaced without loss; {_HINT}"
            )
        filtered.pts, filtered.duration = original.pts, original.duration
        filtered.time_base = original.time_base
        return filtered
