"""What a run is going to do, and what it did: the document of ``--json`` and the summary line."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from vsr_cli.frames import ClipInfo, FrameReader, FrameWriter
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import precision_name, precision_warnings
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.specs import DecodingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What will run on what; known before the first frame is computed."""

    frames: int | None  # an estimate, for progress
    model: str = ""  # see chain_name; empty: no network runs
    scale: int = 1
    domain: str | None = None
    device: str = "cpu"
    precision: str = "fp32"
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(RunStart):
    """The start of one file's way to another."""

    input: Path
    output: Path
    frame_pixels: int = 0  # of a frame of the input
    size: tuple[int, int] | None = None  # of a frame of the output, width and height

    @classmethod
    def of(
        cls,
        chain: LoadedChain,
        settings: StageSettings,
        source: Path,
        target: Path,
        *,
        frames: int | None,
        frame_pixels: int = 0,
        size: tuple[int, int] | None = None,
        warnings: Sequence[str],
    ) -> Self:
        """A file through networks; ``warnings`` are those that the chain does not give itself."""
        return cls(
            input=source,
            output=target,
            frame_pixels=frame_pixels,
            size=size,
            frames=frames,
            model=chain_name(chain),
            scale=chain.scale,
            domain=chain.domain,
            device=str(settings.device),
            precision=precision_name(settings.precision),
            warnings=(*chain_warnings(chain, settings.tile), *warnings),
        )

    @classmethod
    def of_clip(
        cls,
        chain: LoadedChain,
        settings: StageSettings,
        reader: FrameReader,
        writer: FrameWriter,
        decoding: DecodingSpec,
        *,
        size: tuple[int, int],
    ) -> Self:
        """A clip on its way from a reader to a writer of frames of ``size``, width and height."""
        return cls.of(
            chain,
            settings,
            reader.path,
            writer.path,
            frames=frames_within(reader.info, decoding),
            frame_pixels=reader.info.width * reader.info.height,
            size=size,
            warnings=(
                *precision_warnings(settings.precision, settings.device),
                *reader.warnings,
                *writer.warnings,
            ),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What a ``FileReport`` repeats of it, by the names of its fields."""
        return {
            "input": str(self.input),
            "output": str(self.output),
            "model": self.model,
            "scale": self.scale,
            "domain": self.domain,
            "device": self.device,
            "precision": self.precision,
        }


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


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run."""

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport(Report):
    """What networks have made of one file; see ``Start.facts``."""

    input: str
    output: str
    model: str
    scale: int  # of the networks
    domain: str | None
    device: str
    precision: str
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleReport(FileReport):
    """One upscaled file."""

    width: int  # of the output's frames
    height: int
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
        width, height = start.size or (0, 0)
        return cls(
            **start.facts,
            width=width,
            height=height,
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


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
