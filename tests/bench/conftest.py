"""A small benchmark: its clip, its settings, its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_cli.bench.clip import prepare_clip
from vsr_cli.bench.setting import Setting
from vsr_cli.pipeline.size import choose_size
from vsr_cli.specs import BenchSpec, EncodingSpec, UpscaleSpec


@pytest.fixture
def make_setting(tmp_path: Path) -> Callable[..., Setting]:
    """Makes a setting of one thread for 48x32 pixels and six frames, or what is asked for."""

    def make(spec: BenchSpec | None = None, codec: str = "ffv1", **upscale: object) -> Setting:
        spec = spec or BenchSpec(size=(48, 32), frames=6, repeats=1)
        settings = UpscaleSpec(device="cpu", **upscale)  # type: ignore[arg-type]
        clip = prepare_clip(spec, tmp_path)
        return Setting(
            bench=spec,
            upscale=settings,
            encoding=EncodingSpec(codec=codec),
            clip=clip,
            size=choose_size(settings, clip.info),
            num_threads=1,
            folder=tmp_path,
        )

    return make
