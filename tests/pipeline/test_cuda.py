"""On a GPU: the same pictures as on the CPU, and how fast each stage is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vsr_cli.media import open_reader
from vsr_cli.models import get_spec
from vsr_cli.models.load import LoadedModel, load_chain
from vsr_cli.models.rewrite.faster import channels_last, rewrite
from vsr_cli.pipeline.segments.devices import upscale_on_devices
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

pytestmark = [pytest.mark.cuda, pytest.mark.usefixtures("require_cuda")]
SIZE = (96, 160)  # (H, W) of the low-resolution frames


def _run(
    model: LoadedModel, frames: torch.Tensor, device: str, precision: torch.dtype
) -> np.ndarray:
    module = channels_last(rewrite(model.module)).to(device)
    half = precision != torch.float32
    with torch.inference_mode(), torch.autocast(device, dtype=precision, enabled=half):
        result = module(frames.to(device)).float().clamp(0, 1).cpu()
    codes: np.ndarray = (result * 255).numpy()
    return codes


@pytest.fixture(params=["fsrcnn", "srnet3d"])
def stage(
    request: pytest.FixtureRequest, random_weights: tuple[Path, Path]
) -> Callable[[], LoadedModel]:
    """Loads one stage afresh at each call."""

    def load() -> LoadedModel:
        chain = load_chain("2d3d", 2, weights=random_weights)
        return next(stage for stage in chain.stages if stage.spec.name == request.param)

    return load


def _frames(model: LoadedModel) -> torch.Tensor:
    time_axis = (5,) if model.spec.kind == "clip" else ()
    return torch.rand((2, 1, *time_axis, *SIZE), generator=torch.Generator().manual_seed(1))


def test_fp32_agrees_with_the_cpu(stage: Callable[[], LoadedModel]) -> None:
    frames = _frames(stage())
    cpu = _run(stage(), frames, "cpu", torch.float32)
    gpu = _run(stage(), frames, "cuda", torch.float32)
    assert np.abs(cpu - gpu).max() <= 1  # code value


def test_every_gpu_makes_the_frames_of_one(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * tick for tick in range(14)])
    spec, ffv1 = UpscaleSpec(model="2d3d-fast", precision="fp32"), EncodingSpec(codec="ffv1")
    one, every = tmp_path / "one.mkv", tmp_path / "every.mkv"
    upscale_video(source, one, replace(spec, device="cuda"), ffv1)
    report = upscale_on_devices(
        source, every, replace(spec, device="cuda:all"), ffv1, segment_frames=3
    )
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    assert report.device == ",".join(gpus)
    clips = []
    for path in (one, every):
        with open_reader(path) as reader:
            clips.append([plane.int() for frame in reader for plane in frame.planes])
    assert len(clips[0]) == len(clips[1]) == 3 * 14
    assert max((a - b).abs().max() for a, b in zip(*clips, strict=True)) <= 1  # code value


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_the_cpu(
    stage: Callable[[], LoadedModel], precision: torch.dtype
) -> None:
    frames = _frames(stage())
    cpu = _run(stage(), frames, "cpu", torch.float32)
    gpu = _run(stage(), frames, "cuda", precision)
    assert np.abs(cpu - gpu).mean() < 0.1  # code values


def test_frames_per_second_are_reported(record_property: Callable[[str, object], None]) -> None:
    """640x320 from 320x160, random weights; median of ten synchronised calls after a warm-up."""
    rates = {}
    for name, shape in (("fsrcnn", (8, 1, 160, 320)), ("srnet3d", (4, 1, 5, 320, 640))):
        spec = get_spec(name)
        model = spec.build(spec.scales[0], True).eval()
        module = channels_last(rewrite(model)).cuda()
        frames = torch.rand(shape, device="cuda")
        seconds = []
        with torch.inference_mode(), torch.autocast("cuda", dtype=torch.float16):
            for _ in range(13):
                started = time.perf_counter()
                module(frames)
                torch.cuda.synchronize()
                seconds.append(time.perf_counter() - started)
        rates[name] = round(shape[0] / sorted(seconds[3:])[5], 1)
    record_property("frames_per_second", json.dumps(rates))
    assert min(rates.values()) > 1
