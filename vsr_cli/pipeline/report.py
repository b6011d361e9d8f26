"""What a run is going to do, and what it did: the document of ``--json`` and the summary line."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from vsr_cli.frames import ClipInfo, FrameReader, FrameWriter
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import precision_name, precision_warnings
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.specs import DecodingSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What will run on what; known before the first frame is computed."""

    frames: int | None  # an estimate, for progress
    model: str  # see chain_name; empty: files are compared
    scale: int
    domain: str | None
    device: str
    precision: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(RunStart):
    """The start of one file's way to another."""

    input: Path
    output: Path
    frame_pixels: int = 0  # of a frame of the input

    @classmethod
    def of(
        cls,
        chain: LoadedChain,
        settings: StageSettings,
        reader: FrameReader,
        writer: FrameWriter,
        decoding: DecodingSpec,
    ) -> Self:
        return cls(
            input=reader.path,
            output=writer.path,
            frame_pixels=reader.info.width * reader.info.height,
            frames=frames_within(reader.info, decoding),
            model=chain_name(chain),
            scale=chain.scale,
            domain=chain.domain,
            device=str(settings.device),
            precision=precision_name(settings.precision),
            warnings=(
                *chain_warnings(chain, settings.tile),
                *precision_warnings(settings.precision, settings.device),
                *reader.warnings,
                *writer.warnings,
            ),
        )


def chain_name(chain: LoadedChain) -> str:
    """The names of a chain's stages joined by a plus."""
    return "+".join(stage.spec.name for stage in chain.stages)


def chain_warnings(chain: LoadedChain, tile: int | None) -> tuple[str, ...]:
    """What there is to say of a chain before it runs, also of networks that ``--tile`` spares."""
    whole = [stage.spec.name for stage in chain.stages if tile and stage.spec.radius is None]
    return (
        *chain.warnings,
        *(f"--tile {tile} is not for {name}: it sees the whole frame at once" for name in whole),
    )


class Listener:
    """Is told how a run goes on; this one keeps still."""

    def on_start(self, start: Start) -> None:
        """All is opened and loaded, the first frame comes next."""

    def on_frame(self, number: int) -> None:
        """So many frames are written."""


def frames_within(info: ClipInfo, decoding: DecodingSpec) -> int | None:
    """How many frames a run will have, as far as the container tells."""
    if not info.duration_s:
        return info.num_frames
    num_frames = info.num_frames or round(info.duration_s * (info.frame_rate or 0))
    if not num_frames:
        return None
    end = min(info.duration_s, decoding.end_s or info.duration_s)
    part = max(0.0, end - (decoding.start_s or 0.0)) / info.duration_s
    return max(1, round(num_frames * part))


@dataclass
class Stopwatch:
    """Seconds spent inside the iterators and blocks that it watches, by name."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass items on; what producing each one takes counts for ``name``."""
        iterator = iter(items)
        try:
            while True:
                with self.block(name):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """Count the time of a ``with`` block for ``name``."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.total(name) + time.perf_counter() - before

    def total(self, name: str) -> float:
        return self.seconds.get(name, 0.0)

    def elapsed(self) -> float:
        return time.perf_counter() - self.started


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleReport:
    """One upscaled file."""

    input: str
    output: str
    model: str
    scale: int
    domain: str | None
    device: str
    precision: str
    frames: int
    frames_expected: int  # that the decoder gave; a damaged file is an error before this
    seconds: float
    fps: float
    stages: dict[str, float]  # decode_s, model_s, encode_s: each works in a thread of its own
    scene_cuts: int | None  # None: not looked for, as where no network sees two frames
    warnings: list[str]
    peak_rss_mb: float

    @classmethod
    def of(
        cls,
        start: Start,
        watch: Stopwatch,
        *,
        frames: tuple[int, int],
        scene_cuts: int | None,
        warnings: list[str],
    ) -> Self:
        """``frames`` are those written and those expected, ``warnings`` those since the start."""
        seconds = watch.elapsed()
        return cls(
            input=str(start.input),
            output=str(start.output),
            model=start.model,
            scale=start.scale,
            domain=start.domain,
            device=start.device,
            precision=start.precision,
            frames=frames[0],
            frames_expected=frames[1],
            seconds=round(seconds, 3),
            fps=round(frames[0] / seconds, 3),
            stages={
                "decode_s": round(watch.total("decode"), 3),
                "model_s": round(watch.total("model") - watch.total("wait"), 3),
                "encode_s": round(watch.total("encode"), 3),
            },
            scene_cuts=scene_cuts,
            warnings=list(dict.fromkeys([*start.warnings, *warnings])),
            peak_rss_mb=peak_rss_mb(),
        )

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return asdict(self)


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
