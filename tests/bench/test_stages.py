"""Stages one by one: the same frames as a run, and times and shares that add up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vsr_cli.bench.ceilings import Ceilings, measure_ceilings
from vsr_cli.bench.end_to_end import EndToEndBench
from vsr_cli.bench.report import shares
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.stages import StageBench, StageTime
from vsr_cli.bench.timing import Timing
from vsr_cli.bench.work import Work, network_work
from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import open_reader
from vsr_cli.models.load import load_chain
from vsr_cli.specs import BenchSpec

MakeSetting = Callable[..., Setting]
ENDS = ["decode", "scene cuts", "host to device"], ["device to host", "encode"]


def _measure(setting: Setting) -> list[StageTime]:
    settings = setting.stages(chain := setting.load())
    return list(StageBench(setting, chain, settings, lambda _: None).measure())


def test_a_timing_is_the_median_of_its_passes() -> None:
    timing = Timing((0.5, 0.1, 0.2), num_frames=4)
    assert (timing.ms_per_frame, timing.fps) == (pytest.approx(50), pytest.approx(20))
    assert timing.spread_ms == pytest.approx((25, 125))
    with pytest.raises(ValueError, match="needs passes"):
        Timing((), num_frames=1)


def test_stages_in_a_row_make_the_frames_of_a_run(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    setting = make_setting(model="2d3d", weights=random_weights)
    stages = _measure(setting)
    assert [stage.name for stage in stages] == [*ENDS[0], "fsrcnn", "srnet3d", *ENDS[1]]
    assert [stage.kind for stage in stages if stage.is_network] == ["2D", "3D"]
    assert {stage.timing.num_frames for stage in stages} == {6}
    EndToEndBench.of(setting).run_once()
    by_stages, by_run = (
        _decoded(setting.folder / "encoded.mkv"),
        _decoded(setting.folder / "out.mkv"),
    )
    assert by_stages.shape == (6, 64, 96)
    assert np.array_equal(by_stages, by_run)


def test_size_between_two_scales_and_consistency_are_stages_of_their_own(
    make_setting: MakeSetting,
) -> None:
    setting = make_setting(model="bicubic", scale=Fraction(3, 2), consistency=2)
    names = [stage.name for stage in _measure(setting)]
    # No network sees two frames: scene cuts are not looked for.
    assert names == ["decode", "host to device", "bicubic", "resize", "consistency", *ENDS[1]]
    EndToEndBench.of(setting).run_once()
    by_stages, by_run = (
        _decoded(setting.folder / "encoded.mkv"),
        _decoded(setting.folder / "out.mkv"),
    )
    assert by_stages.shape == (6, 48, 72)
    assert np.array_equal(by_stages, by_run)


def _decoded(path: Path) -> np.ndarray:
    """Luma of all frames, (T, H, W)."""
    with open_reader(path) as reader:
        return np.stack([frame.planes[0].numpy() for frame in reader])


def test_without_a_sink_nothing_is_written(make_setting: MakeSetting) -> None:
    bench = EndToEndBench.of(make_setting(model="bicubic"))
    seconds, startup, first = bench.run_once(is_null=True)
    assert not bench.target.exists()
    assert 0 < startup < first < startup + seconds


def test_both_kinds_of_runs_are_repeated(make_setting: MakeSetting) -> None:
    encoded, null = EndToEndBench.of(make_setting(model="bicubic")).measure(2)
    assert len(encoded.timing.seconds) == len(null.timing.seconds) == 2
    document = encoded.to_json()
    assert document["fps"] == pytest.approx(1000 / document["ms_per_frame"], rel=1e-2)


def test_clip_that_changes_meanwhile_is_an_error(make_setting: MakeSetting) -> None:
    setting = make_setting(model="bicubic")
    setting = replace(setting, clip=replace(setting.clip, num_frames=7))
    with pytest.raises(InputError, match="gave 6 frames, and 7 before"):
        EndToEndBench.of(setting).run_once()


def test_shares_are_rates_by_ceilings() -> None:
    work = Work(flops=2e9, bytes=1e6)  # in 10 ms: 200 GFLOP/s, 0.1 GB/s
    timing = Timing((0.02,), num_frames=2)
    ceilings = Ceilings(flops_per_s=1e12, copy_bytes_per_s=1e9, upload_bytes_per_s=5e8)
    assert shares(timing, work, ceilings) == {
        "matmul": pytest.approx(20),
        "copy": pytest.approx(10),
    }
    over_the_bus = replace(work, flops=None, way="upload")
    assert shares(timing, over_the_bus, ceilings) == {"matmul": None, "copy": pytest.approx(20)}


def test_work_of_a_network_is_that_of_its_layers(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    """FSRCNN by hand: 48x32 pixels, each layer once, and chroma in and out as floats."""
    setting = make_setting(model="bicubic")
    settings = setting.stages(setting.load())
    (model, _) = load_chain("2d3d", 2, weights=random_weights).stages
    given, made = (_frame(48 * s, 32 * s) for s in (1, 2))
    macs = 25 * 56 + 56 * 12 + 4 * 9 * 12 * 12 + 12 * 56 + 81 * 56
    values = (1 + 56 + 56 + 12 + 4 * 24 + 12 + 56 + 56 + 4) * 48 * 32
    weights = sum(parameter.numel() for parameter in model.module.parameters())
    chroma = 2 * 24 * 16 * (1 + 4)
    work = network_work(model, given, made, settings)
    assert work.flops == pytest.approx(2 * macs * 48 * 32)
    assert work.bytes == pytest.approx(4 * (values + weights + chroma))
    halved = network_work(model, given, made, replace(settings, precision=torch.bfloat16))
    assert halved.bytes == pytest.approx(2 * (values + weights) + 4 * chroma)


def _frame(width: int, height: int) -> Frame:
    halves = torch.zeros(height // 2, width // 2)
    return Frame((torch.zeros(height, width), halves, halves), pts=0)


def test_layers_are_timed_within_their_network(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    """By their names in the weight file, though other forms of them run; their work adds up."""
    spec = BenchSpec(size=(48, 32), frames=4, repeats=2, layers=True)
    stages = {s.name: s for s in _measure(make_setting(spec, model="2d3d", weights=random_weights))}
    fsrcnn, srnet3d = stages["fsrcnn"], stages["srnet3d"]
    maps = [f"map.{number}" for number in range(4)]
    names = ["feature", "shrink", *maps, "expand", "upsample"]
    assert [layer.name for layer in fsrcnn.layers] == names
    assert len(srnet3d.layers) == 8
    for stage in (fsrcnn, srnet3d):
        assert sum(layer.work.flops or 0 for layer in stage.layers) == pytest.approx(
            stage.work.flops
        )
        assert all(len(layer.timing.seconds) == 2 for layer in stage.layers)
        whole = sum(layer.timing.ms_per_frame for layer in stage.layers)
        assert 0.1 * stage.timing.ms_per_frame < whole < 3 * stage.timing.ms_per_frame
    assert not stages["encode"].layers


def test_ceilings_are_those_that_numpy_finds_too() -> None:
    """Within a factor, since the machine may be busy, and its libraries differ."""
    threads = torch.get_num_threads()
    found = measure_ceilings(torch.device("cpu"), torch.float32)
    side, block = 512, np.zeros(1 << 26, np.uint8)
    matrix = np.full((side, side), 0.5, np.float32)
    product = min(_seconds(lambda: matrix @ matrix) for _ in range(5))
    copy = min(_seconds(lambda: block.copy()) for _ in range(5))
    assert 0.1 < found.flops_per_s / (2 * side**3 / product) < 10 * threads
    assert 0.1 < found.copy_bytes_per_s / (2 * block.nbytes / copy) < 10 * threads
    assert found.upload_bytes_per_s is found.download_bytes_per_s is None


def _seconds(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before
