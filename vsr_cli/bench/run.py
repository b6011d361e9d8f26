"""One benchmark, from settings to a report: read this first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from vsr_cli.bench.ceilings import measure_ceilings
from vsr_cli.bench.clip import prepare_clip
from vsr_cli.bench.end_to_end import TARGET, EndToEndBench
from vsr_cli.bench.peers import check_peer
from vsr_cli.bench.peers.race import run_races
from vsr_cli.bench.report import BenchReport
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.stages import OnStep, StageBench
from vsr_cli.media import check_encoding
from vsr_cli.pipeline.device import choose_device, choose_precision, limit_threads
from vsr_cli.pipeline.size import choose_size, output_info
from vsr_cli.specs import BenchSpec, EncodingSpec, UpscaleSpec


def run_bench(
    spec: BenchSpec,
    upscale: UpscaleSpec | None = None,
    encoding: EncodingSpec | None = None,
    *,
    on_step: OnStep = lambda _: None,
) -> BenchReport:
    """Measure a peer if one is named, each stage of an upscaling, and all of it end to end.

    ``on_step`` is told what is measured next.

    Raises:
        ValueError: settings that cannot be, or a peer that cannot do this.
        VsrError: the clip, the weights, the device or the peer does not play along.
    """
    upscale, encoding = upscale or UpscaleSpec(), encoding or EncodingSpec()
    choose_precision(upscale.precision, choose_device(upscale.device))
    check_peer(spec)
    with _threads(spec.threads) as num_threads, TemporaryDirectory(prefix="vsr-bench-") as folder:
        clip = prepare_clip(spec, Path(folder))
        size = choose_size(upscale, clip.info)
        check_encoding(Path(folder, TARGET), encoding, output_info(clip.info, size))
        setting = Setting(
            bench=spec,
            upscale=upscale,
            encoding=encoding,
            clip=clip,
            size=size,
            num_threads=num_threads,
            folder=Path(folder),
        )
        settings = setting.stages(chain := setting.load())
        races = tuple(run_races(setting, chain, on_step))
        on_step("ceilings")
        ceilings = measure_ceilings(settings.device, settings.precision)
        stages = tuple(StageBench(setting, chain, settings, on_step).measure())
        on_step("end to end")
        encoded, null = EndToEndBench.of(setting).measure(spec.repeats)
        return BenchReport.of(
            setting,
            chain,
            stages=stages,
            end_to_end=encoded,
            null_sink=null,
            ceilings=ceilings,
            races=races,
        )


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """Let the networks have so many threads in this context; gives their number."""
    before = torch.get_num_threads()
    if count is not None:
        limit_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        limit_threads(before)
