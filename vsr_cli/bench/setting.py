"""What all measurements of one benchmark share; other processes get it as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vsr_cli.bench.clip import BenchClip
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import OutputSize
from vsr_cli.specs import BenchSpec, EncodingSpec, UpscaleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The settings of a benchmark, its clip, and a folder for what it writes."""

    bench: BenchSpec
    upscale: UpscaleSpec
    encoding: EncodingSpec
    clip: BenchClip
    size: OutputSize
    num_threads: int
    folder: Path  # temporary

    def load(self) -> LoadedChain:
        """The networks; those of another call are others."""
        spec = self.upscale
        return load_chain(spec.model, self.size.scale, domain=spec.domain, weights=spec.weights)

    def stages(self, chain: LoadedChain) -> StageSettings:
        """What the stages of ``chain`` share, for the clip as it is."""
        return StageSettings.of(self.upscale, self.clip.info, chain)

    def luma_stages(self, chain: LoadedChain) -> StageSettings:
        """The same for ``clip.read_luma``."""
        return StageSettings.of(self.upscale, self.clip.luma_info, chain)
