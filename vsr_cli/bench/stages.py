"""Every stage of the pipeline by itself, fed with what the stage before it made.

The stages are the pipeline's own generators. The first pass over the frames does not count, and
gives the frames for the next stage; in the others each result is dropped when the next one comes,
as in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from vsr_cli.bench.layers import LayerClock, LayerTime, layer_works
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.timing import Timing, seconds_of, synchronise
from vsr_cli.bench.work import (
    Work,
    frame_bytes,
    network_pixels,
    network_work,
    passing_work,
    transfer_work,
    value_bytes,
)
from vsr_cli.frames import Frame, FrameReader
from vsr_cli.media import open_reader, open_writer
from vsr_cli.models.load import LoadedChain, LoadedModel
from vsr_cli.pipeline.consistency import Consistency
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.size import fit_frames, output_info
from vsr_cli.pipeline.stages import run_stage
from vsr_cli.pipeline.transfer import to_codes, to_planes
from vsr_cli.specs import DecodingSpec

StageKind = Literal["codec", "frame", "transfer", "2D", "3D"]
OnStep = Callable[[str], None]
Run = Callable[[Sequence[Frame]], Iterator[Frame]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """One stage: how long it took, and what it had to do for a frame."""

    name: str
    kind: StageKind
    timing: Timing
    work: Work
    layers: tuple[LayerTime, ...] = ()  # of a network, if they were asked for

    @property
    def is_network(self) -> bool:
        """True for a 2D or a 3D network."""
        return self.kind in ("2D", "3D")


Steps = Generator[StageTime, None, list[Frame]]  # times, and the frames for what comes next


class StageBench:
    """The stages of one setting, with networks of their own."""

    def __init__(
        self, setting: Setting, chain: LoadedChain, settings: StageSettings, on_step: OnStep
    ) -> None:
        """``on_step`` is told the name of each stage before it is measured."""
        self._on_step = on_step
        self.setting, self.chain, self.settings = setting, chain, settings
        self.clip, self.size = setting.clip, setting.size
        self.repeats = setting.bench.repeats

    def measure(self) -> Iterator[StageTime]:
        """Each stage in its turn, when it is measured."""
        settings, device = self.settings, self.settings.device
        frames = yield from self._decode()
        form, threshold = settings.pixel_format, settings.scene_threshold
        if threshold:
            mark = partial(mark_shots, pixel_format=form, threshold=threshold)
            frames, timing = self._time("scene cuts", mark, frames)
            luma = Frame(frames[0].planes[:1], pts=0)
            work = Work(flops=None, bytes=frame_bytes(luma))
            yield StageTime(name="scene cuts", kind="frame", timing=timing, work=work)
        planes, timing = self._time("host to device", partial(to_planes, settings=settings), frames)
        work = transfer_work(frames[0], planes[0], device, "upload")
        yield StageTime(name="host to device", kind="transfer", timing=timing, work=work)
        planes = yield from self._networks(planes)
        made, timing = self._time("device to host", partial(to_codes, pixel_format=form), planes)
        work = transfer_work(made[0], planes[0], device, "download")
        yield StageTime(name="device to host", kind="transfer", timing=timing, work=work)
        del planes
        yield self._encode(made, self.setting.folder / "encoded.mkv")

    def _networks(self, low: list[Frame]) -> Steps:
        """Every network, and what follows them; returns the frames of the output's size."""
        settings, frames = self.settings, low
        for model in self.chain.stages:
            given, run = frames, partial(run_stage, model=model, settings=settings)
            frames, timing = self._time(model.spec.name, run, given)
            yield StageTime(
                name=model.spec.name,
                kind="2D" if model.spec.kind == "frame" else "3D",
                timing=timing,
                work=network_work(model, given[0], frames[0], settings),
                layers=self._layers(model, run, given, frames[0]),
            )
        info, size = self.clip.info, self.size
        if (size.width, size.height) != (info.width * size.scale, info.height * size.scale):
            given, fit = frames, partial(fit_frames, info=info, size=size, settings=settings)
            frames, timing = self._time("resize", fit, given)
            work = passing_work(given[0], frames[0])
            yield StageTime(name="resize", kind="frame", timing=timing, work=work)
        if settings.consistency:
            given, project = frames, partial(self._back_project, low)
            frames, timing = self._time("consistency", project, given)
            work = passing_work(given[0], frames[0])
            yield StageTime(name="consistency", kind="frame", timing=timing, work=work)
        return frames

    def _layers(
        self, model: LoadedModel, run: Run, given: Sequence[Frame], made: Frame
    ) -> tuple[LayerTime, ...]:
        """The layers of a network in passes of their own, if they were asked for."""
        if not self.setting.bench.layers:
            return ()
        self._on_step(f"layers of {model.spec.name}")
        pixels = network_pixels(model, made, self.settings)
        works = layer_works(model, pixels, value_bytes(self.settings))
        clock = LayerClock(self.settings.device)
        for _ in range(self.repeats):
            stream = run(given)
            with clock.watch(model.module, works):
                _drain(stream)
        return clock.times(works, len(given))

    def _back_project(self, low: list[Frame], frames: Sequence[Frame]) -> Iterator[Frame]:
        info, size = self.clip.info, self.size
        consistency = Consistency(
            self.settings, (size.height / info.height, size.width / info.width)
        )
        _drain(consistency.remember(low))
        return consistency.restore(frames)

    def _time(self, name: str, run: Run, frames: Sequence[Frame]) -> tuple[list[Frame], Timing]:
        """What a stage makes of the frames, and its seconds in further passes over them."""
        self._on_step(name)
        device = self.settings.device
        made = list(run(frames))
        synchronise(device)
        # What a stage prepares when it is called is no work on frames, and not in the time.
        streams = (run(frames) for _ in range(self.repeats))
        seconds = [seconds_of(partial(_drain, stream), device) for stream in streams]
        return made, Timing(tuple(seconds), len(frames))

    def _decode(self) -> Steps:
        """From the opened file, whose first picture is decoded already; returns its frames."""
        self._on_step("decode")
        codes, seconds = self.clip.read(), []
        for _ in range(self.repeats):
            with open_reader(self.clip.path, self.clip.decoding) as reader:
                seconds.append(seconds_of(partial(_drain, reader), torch.device("cpu")))
        work = Work(flops=None, bytes=frame_bytes(codes[0]))
        timing = Timing(tuple(seconds), len(codes))
        yield StageTime(name="decode", kind="codec", timing=timing, work=work)
        return codes

    def _encode(self, frames: Sequence[Frame], path: Path) -> StageTime:
        """From the opened encoder to the complete file; the first file does not count."""
        self._on_step("encode")
        timings = [self._encode_once(frames, path) for _ in range(self.repeats + 1)][1:]
        work = Work(flops=None, bytes=frame_bytes(frames[0]))
        timing = Timing(tuple(timings), len(frames))
        return StageTime(name="encode", kind="codec", timing=timing, work=work)

    def _encode_once(self, frames: Sequence[Frame], path: Path) -> float:
        info = output_info(self.clip.info, self.size)
        limit = DecodingSpec(max_pixels=self.setting.bench.max_pixels)
        writer = open_writer(path, info, self.setting.encoding, decoding=limit, overwrite=True)

        def write() -> None:
            with writer:
                for frame in frames:
                    writer.write(frame)

        return seconds_of(write, torch.device("cpu"))


def _drain(frames: Iterable[Frame] | FrameReader) -> None:
    """Take everything, keep nothing."""
    for _ in frames:
        pass
