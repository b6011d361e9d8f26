"""The whole of ``vsr upscale``, from a file to a file, and to nowhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from vsr_cli.bench.clip import BenchClip
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.timing import Timing
from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.pipeline.report import Listener, Start, UpscaleReport
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

TARGET = "out.mkv"  # holds what any codec makes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """Runs of one kind: their frames, and what comes before them."""

    timing: Timing  # from the moment when all is opened and loaded to the complete file
    startup_s: float  # opening and loading; the median, as the next one
    first_frame_s: float  # from the call to the first frame that is handed to the encoder

    def to_json(self) -> dict[str, Any]:
        """Rates and times of the runs."""
        least, most = self.timing.spread_ms
        return {
            "fps": round(self.timing.fps, 3),
            "ms_per_frame": round(self.timing.ms_per_frame, 4),
            "ms_min": round(least, 4),
            "ms_max": round(most, 4),
            "startup_s": round(self.startup_s, 4),
            "first_frame_s": round(self.first_frame_s, 4),
        }


class NullWriter:
    """A ``FrameWriter`` that forgets every frame: what is left is decoding and the networks."""

    def __init__(self, path: Path, info: ClipInfo, encoding: EncodingSpec | None) -> None:
        del info, encoding
        self.path = path
        self.warnings: list[str] = []

    def write(self, frame: Frame) -> None:
        """Nothing; the frame's code values are there already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to complete."""


@dataclass
class _Clock(Listener):
    """When the parts of a run begin, in seconds of ``time.perf_counter``."""

    called: float = field(default_factory=time.perf_counter)
    started: float = 0.0
    first: float = 0.0

    def on_start(self, start: Start) -> None:
        del start
        self.started = time.perf_counter()

    def on_frame(self, number: int) -> None:
        if number == 1:
            self.first = time.perf_counter()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEndBench:
    """One clip through ``upscale_video``, again and again."""

    clip: BenchClip
    upscale: UpscaleSpec
    encoding: EncodingSpec
    target: Path  # written anew by each run

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """The clip of a benchmark, to its folder."""
        return cls(
            clip=setting.clip,
            upscale=setting.upscale,
            encoding=setting.encoding,
            target=setting.folder / TARGET,
        )

    def measure(self, repeats: int) -> tuple[RunTime, RunTime]:
        """With an encoder, and without one; by turns, so that noise hits both."""
        runs: list[list[tuple[float, float, float]]] = [[], []]
        for _ in range(repeats):
            for number, is_null in enumerate((False, True)):
                runs[number].append(self.run_once(is_null=is_null))
        encoded, null = (self._summary(each) for each in runs)
        return encoded, null

    def run_once(self, *, is_null: bool = False) -> tuple[float, float, float]:
        """Seconds of the frames, of the start, and to the first frame, of one run.

        Raises:
            InputError: another number of frames came than the clip had before.
            ValueError, VsrError: as ``upscale_video``.
        """
        clock = _Clock()
        report: UpscaleReport = upscale_video(
            self.clip.path,
            self.target,
            self.upscale,
            self.encoding,
            self.clip.decoding,
            overwrite=True,
            listener=clock,
            write=_null_writer if is_null else None,
        )
        seconds = time.perf_counter() - clock.started
        if report.frames != self.clip.num_frames:
            raise InputError(
                f"{self.clip.path} gave {report.frames} frames, and {self.clip.num_frames} before"
            )
        return seconds, clock.started - clock.called, clock.first - clock.called

    def _summary(self, runs: list[tuple[float, float, float]]) -> RunTime:
        seconds, startup, first = zip(*runs, strict=True)
        timing = Timing(tuple(seconds), self.clip.num_frames)
        return RunTime(timing=timing, startup_s=median(startup), first_frame_s=median(first))


def _null_writer(
    path: Path,
    info: ClipInfo,
    encoding: EncodingSpec | None,
    *,
    copy_from: Path,
    decoding: Any,
    overwrite: bool,
) -> NullWriter:
    """As ``open_writer``."""
    del copy_from, decoding, overwrite
    return NullWriter(path, info, encoding)
