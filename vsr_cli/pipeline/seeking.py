"""Single frames out of a clip, each among its neighbours, without decoding what lies between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import open_reader
from vsr_cli.media.clock import DEFAULT_RATE
from vsr_cli.specs import DecodingSpec

SPARE_FRAMES = 2  # read before those that are needed
WIDEN = 4  # times as far back, where frames last longer than the rate says


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtClip:
    """A clip, or the cut of one, that is opened anew for each place to be looked at."""

    path: Path
    decoding: DecodingSpec
    info: ClipInfo
    origin: int  # pts of the first frame of the whole clip
    end_s: float  # as far as the file tells; its last frame may be earlier
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, decoding: DecodingSpec) -> Self:
        """Look at the beginning of a clip; at all of it if it does not say how long it is."""
        if str(path) == "-":
            raise ValueError("a preview goes to and fro in its input, which must be a file; got -")
        whole = replace(decoding, start_s=None, end_s=None)
        with open_reader(path, whole) as reader:
            frames = iter(reader)
            first = next(frames)
            end_s = reader.info.duration_s
            if end_s is None:
                last_pts = max((frame.pts for frame in frames), default=first.pts)
                end_s = float((last_pts - first.pts) * reader.info.time_base)
            warnings = tuple(reader.warnings)
        end_s = end_s if decoding.end_s is None else min(end_s, decoding.end_s)
        return cls(
            path=path,
            decoding=decoding,
            info=reader.info,
            origin=first.pts,
            end_s=end_s,
            warnings=warnings,
        )

    @property
    def start_s(self) -> float:
        return self.decoding.start_s or 0.0

    def time_s(self, frame: Frame) -> float:
        """Seconds from the first frame of the clip to this one."""
        return float((frame.pts - self.origin) * self.info.time_base)

    def places(self, number: int, reach: int) -> Iterator[tuple[list[Frame], int]]:
        """Frames in the middle of equal parts of the clip: each among its neighbours, and where."""
        length = max(0.0, self.end_s - self.start_s)
        last_pts: int | None = None
        for index in range(number):
            place_s = self.start_s + (index + 0.5) * length / number
            frames, middle = self.read_around(place_s, reach)
            if frames[middle].pts != last_pts:
                yield frames, middle
            last_pts = frames[middle].pts

    def read_around(self, place_s: float, reach: int) -> tuple[list[Frame], int]:
        """The frame that is shown at a time, with ``reach`` frames before and after it.

        There are fewer at the ends. Also given is its place among them.
        """
        back_s = float((reach + SPARE_FRAMES) / (self.info.frame_rate or DEFAULT_RATE))
        while True:
            start_s = max(self.start_s, place_s - back_s)
            is_start = start_s <= self.start_s
            try:
                before, after = self._collect(start_s, place_s, reach)
            except InputError:
                # A clip may end before the time that its file states.
                if is_start:
                    raise
                before = []
            if before and (is_start or len(before) > reach):
                return [*before, *after], len(before) - 1
            back_s *= WIDEN

    def _collect(
        self, start_s: float, place_s: float, reach: int
    ) -> tuple[list[Frame], list[Frame]]:
        """The last frames up to a time, one more than ``reach``, and as many as that after it."""
        is_start = start_s <= self.start_s
        before: deque[Frame] = deque(maxlen=reach + 1)
        after: list[Frame] = []
        cut = replace(self.decoding, start_s=start_s or self.decoding.start_s)
        with open_reader(self.path, cut) as reader:
            for frame in reader:
                if self.time_s(frame) <= place_s or (is_start and not before):
                    before.append(frame)
                    continue
                if len(after) == reach:
                    break
                after.append(frame)
        return [*before], after
