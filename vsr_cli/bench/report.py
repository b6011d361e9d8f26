"""What a benchmark found: the document of ``--json``."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch

from vsr_cli import __version__
from vsr_cli.bench.ceilings import Ceilings
from vsr_cli.bench.end_to_end import RunTime
from vsr_cli.bench.peers.race import Race
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.stages import StageTime
from vsr_cli.bench.timing import Timing
from vsr_cli.bench.work import Work
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import precision_name, read_processor
from vsr_cli.pipeline.report import chain_name, chain_warnings, peak_rss_mb


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """One model on one clip, on one device."""

    model: str
    scale: int
    domain: str | None
    device: str
    precision: str
    threads: int
    input: str
    size: tuple[int, int]  # width, height of the input
    output_size: tuple[int, int]
    pixel_format: str
    frames: int
    repeats: int
    stages: tuple[StageTime, ...]
    end_to_end: RunTime
    null_sink: RunTime
    ceilings: Ceilings
    races: tuple[Race, ...]
    warnings: tuple[str, ...]
    peak_rss_mb: float

    @classmethod
    def of(
        cls,
        setting: Setting,
        chain: LoadedChain,
        *,
        stages: tuple[StageTime, ...],
        end_to_end: RunTime,
        null_sink: RunTime,
        ceilings: Ceilings,
        races: tuple[Race, ...],
    ) -> Self:
        """What was measured, beside what it was measured on."""
        settings, clip, size = setting.stages(chain), setting.clip, setting.size
        source = setting.bench.source
        return cls(
            model=chain_name(chain),
            scale=chain.scale,
            domain=chain.domain,
            device=str(settings.device),
            precision=precision_name(settings.precision),
            threads=setting.num_threads,
            input="synthetic" if source is None else str(source),
            size=(clip.info.width, clip.info.height),
            output_size=(size.width, size.height),
            pixel_format=clip.info.pixel_format.name,
            frames=clip.num_frames,
            repeats=setting.bench.repeats,
            stages=stages,
            end_to_end=end_to_end,
            null_sink=null_sink,
            ceilings=ceilings,
            races=races,
            warnings=chain_warnings(chain, settings.tile),
            peak_rss_mb=peak_rss_mb(),
        )

    @property
    def model_fps(self) -> float:
        """Frames per second of the networks alone, one after the other."""
        return 1000 / sum(stage.timing.ms_per_frame for stage in self.stages if stage.is_network)

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``; rates are per second, sizes width and height in pixels."""
        plain = ("model", "scale", "domain", "device", "precision", "threads", "input")
        rest = ("size", "output_size", "pixel_format", "frames", "repeats")
        return {
            **{name: getattr(self, name) for name in plain},
            "machine": machine(self.device),
            **{name: getattr(self, name) for name in rest},
            "model_fps": round(self.model_fps, 3),
            "end_to_end_fps": round(self.end_to_end.timing.fps, 3),
            "null_sink_fps": round(self.null_sink.timing.fps, 3),
            "end_to_end": self.end_to_end.to_json(),
            "null_sink": self.null_sink.to_json(),
            "stages": [stage_json(stage, self.ceilings) for stage in self.stages],
            "ceilings": {
                name: limit and round(limit) for name, limit in asdict(self.ceilings).items()
            },
            "against": [race.to_json() for race in self.races],
            "peak_rss_mb": self.peak_rss_mb,
            "versions": {"vsr": __version__, "torch": torch.__version__},
            "warnings": list(self.warnings),
        }


def stage_json(stage: StageTime, ceilings: Ceilings) -> dict[str, Any]:
    """One stage with its layers; what is not known of it is null."""
    layers = [
        {"name": layer.name, **_figures(layer.timing, layer.work, ceilings)}
        for layer in stage.layers
    ]
    figures = _figures(stage.timing, stage.work, ceilings)
    return {"name": stage.name, "kind": stage.kind, **figures, "layers": layers}


def _figures(timing: Timing, work: Work, ceilings: Ceilings) -> dict[str, Any]:
    least, most = timing.spread_ms
    return {
        "ms_per_frame": round(timing.ms_per_frame, 4),
        "ms_min": round(least, 4),
        "ms_max": round(most, 4),
        "fps": round(timing.fps, 3),
        "flops": work.flops,
        "bytes": work.bytes,
        **{f"percent_of_{name}": share for name, share in shares(timing, work, ceilings).items()},
    }


def shares(timing: Timing, work: Work, ceilings: Ceilings) -> Mapping[str, float | None]:
    """How near work comes to the machine's matrix product and to its copy, in per cent.

    The copy is that over the bus where the bytes go over it.
    """
    limits = {
        "copy": ceilings.copy_bytes_per_s,
        "upload": ceilings.upload_bytes_per_s,
        "download": ceilings.download_bytes_per_s,
    }
    amounts = {
        "matmul": (work.flops, ceilings.flops_per_s),
        "copy": (work.bytes, limits[work.way]),
    }
    return {
        name: None if amount is None or not limit else round(100 * amount * timing.fps / limit, 2)
        for name, (amount, limit) in amounts.items()
    }


def machine(device: str) -> str:
    """The processor or the GPU by its maker's name."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return read_processor()[0] or platform.processor() or platform.machine()
