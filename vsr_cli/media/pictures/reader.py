"""Read pictures as a clip: one file, a numbered sequence, a folder, or the pages of one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Self

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.clock import DEFAULT_RATE, cut_tick
from vsr_cli.media.cuts import nothing_between
from vsr_cli.media.pictures.pages import PictureFile
from vsr_cli.media.pictures.sequence import PictureSequence
from vsr_cli.media.pictures.stills import to_planes
from vsr_cli.media.pixels.tags import RGB_MATRIX
from vsr_cli.specs import DecodingSpec


class StillsReader:
    """The pictures of a sequence as frames (a ``FrameReader``); to be iterated once.

    The pts of a still is its place in the sequence, from 0, in ticks of 1 / rate. The pages of an
    animation have the times that the file states. All pictures must be of one size and format.

    Attributes:
        frames_read: frames handed out so far.
        lost: nothing; pictures hold nothing else.
        warnings: one line each; complete when the last frame was handed out.
    """

    def __init__(self, sequence: PictureSequence, decoding: DecodingSpec) -> None:
        self.path = sequence.path
        self.warnings: list[str] = []
        self.frames_read = 0
        self.lost: tuple[str, ...] = ()
        self._files = sequence.files
        self._max_pixels = decoding.max_pixels
        with PictureFile(self._files[0], max_pixels=self._max_pixels) as first:
            is_paged = len(self._files) == 1
            # File and page of each frame; None: its first page.
            self._places: list[tuple[Path, int | None]] = [(path, None) for path in self._files]
            if is_paged:
                self._places = [(self._files[0], page) for page in first.pages]
            durations = first.durations if is_paged else None
            if durations is not None and decoding.rate is not None:
                raise ValueError(f"{self.path} has times of its own; leave --rate out")
            time_base, self._ticks = _timeline(durations, len(self._places), decoding.rate)
            self._info = self._describe(first, time_base)
        self._first = cut_tick(decoding.start_s or 0, time_base=time_base)
        self._end = self._ticks[-1]
        if decoding.end_s is not None:
            self._end = min(self._end, cut_tick(decoding.end_s, time_base=time_base))

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip; of the whole of it, also where a cut was asked for."""
        return self._info

    @property
    def page_ticks(self) -> list[int]:
        """Where the frames begin, in ticks of the time base; of the whole clip, as ``info``."""
        return self._ticks[:-1]

    def __iter__(self) -> Iterator[Frame]:
        file: PictureFile | None = None
        try:
            for index, (path, page) in enumerate(self._places):
                pts = self._ticks[index]
                if not self._first <= pts < self._end:
                    continue
                if file is None or file.path != path:
                    if file is not None:
                        file.close()
                    file = PictureFile(path, max_pixels=self._max_pixels)
                    self._check_file(file)
                frame = self._frame(file, page)
                self.frames_read += 1
                yield replace(frame, pts=pts, duration=self._ticks[index + 1] - pts)
        finally:
            if file is not None:
                file.close()
        if not self.frames_read:
            raise nothing_between(self.path, self.info.duration_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _describe(self, first: PictureFile, time_base: Fraction) -> ClipInfo:
        planes, pixel_format = to_planes(first.page(first.pages[0]))
        height, width = planes[0].shape
        if not first.has_square_pixels:
            self._warn(f"{first.path} states pixels that are not square; they are taken for square")
        color = replace(first.color, range="full")
        if pixel_format.family == "gbr":
            color = replace(color, matrix=RGB_MATRIX)
        total = self._ticks[-1]
        steps = {end - start for start, end in zip(self._ticks, self._ticks[1:], strict=False)}
        return ClipInfo(
            width=width,
            height=height,
            pixel_format=pixel_format,
            time_base=time_base,
            color=color,
            frame_rate=1 / (steps.pop() * time_base) if len(steps) == 1 else None,
            num_frames=len(self._places),
            duration_s=float(total * time_base),
            origin="pictures",
            icc_profile=first.icc_profile,
            loop=first.loop,
        )

    def _check_file(self, file: PictureFile) -> None:
        if len(file.pages) > 1 and len(self._files) > 1:
            self._warn(f"{file.path} has {len(file.pages)} pages; the first one is taken")
        if file.icc_profile != self._info.icc_profile:
            self._warn(f"{file.path} has another ICC profile than {self._files[0]}; not converted")

    def _frame(self, file: PictureFile, page: int | None) -> Frame:
        planes, pixel_format = to_planes(file.page(file.pages[0] if page is None else page))
        height, width = planes[0].shape
        info = self._info
        if (width, height, pixel_format) != (info.width, info.height, info.pixel_format):
            which = "" if page is None else f" (page {page + 1})"
            raise InputError(
                f"{file.path}{which} is {width}x{height} {pixel_format.name}, but "
                f"{self._files[0]} is {info.width}x{info.height} {info.pixel_format.name}; "
                "the pictures of a sequence must be of one size and format"
            )
        return Frame(planes, pts=0)

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)


def _timeline(
    durations: tuple[Fraction, ...] | None, count: int, rate: Fraction | None
) -> tuple[Fraction, list[int]]:
    """The time base, and the tick at which each frame begins and the last one ends."""
    if durations is None:
        return 1 / (rate or DEFAULT_RATE), list(range(count + 1))
    time_base = Fraction(1, 1000)
    return time_base, [round(tick) for tick in accumulate(durations, initial=Fraction(0))]
