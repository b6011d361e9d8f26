"""Every metric of the table: frames in batches score as one by one, beside others as alone."""

from __future__ import annotations

import math
import os
import stat
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vsr_cli.metrics import (
    METRICS,
    ClipAccumulator,
    FramePairs,
    GridLike,
    LatLonGrid,
    LearnedSimilarity,
    MetricSettings,
    SpectrumAccumulator,
    TruthFrames,
    flow,
    key,
)
from vsr_cli.specs import MetricName

SAME = 1e-12  # of sums in float64, in another order
SIDE, LARGE = (48, 60), (180, 270)  # (H, W); MS-SSIM needs 161, and windows beside the gaps
ON_GPU = 1e-9  # other programs for transforms, convolutions and powers
NUM_FRAMES = 5
GLOBE = LatLonGrid(
    tuple(90 - 180 * (row + 0.5) / SIDE[0] for row in range(SIDE[0])),
    tuple(6.0 * column for column in range(SIDE[1])),
)
# Stands in for an ffmpeg with libvmaf: a score is the mean of a picture's codes.
STAND_IN = """
import json, sys
words = sys.argv[1:]
if "-filters" in words:
    print("libvmaf")
    sys.exit()
width, height = map(int, words[words.index("-s") + 1].split("x"))
data, size = sys.stdin.buffer.read(), 3 * width * height
scores = [sum(data[at : at + size]) / size for at in range(0, len(data), size)]
json.dump({"frames": [{"metrics": {"vmaf": one}} for one in scores]}, open("vmaf.json", "w"))
"""


@pytest.fixture(autouse=True)
def vmaf_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the stand-in on the PATH."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/stand_in.py "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def _similarity() -> LearnedSimilarity:
    """A small AlexNet with drawn weights."""
    draw, channels = torch.Generator().manual_seed(3), 3
    tensors = {}
    for index, (number, width, side) in enumerate(
        ((0, 5, 11), (3, 6, 5), (6, 7, 3), (8, 6, 3), (10, 4, 3))
    ):
        shape = (width, channels, side, side)
        tensors[f"features.{number}.weight"] = torch.randn(shape, generator=draw) / 10
        tensors[f"features.{number}.bias"] = torch.rand(width, generator=draw)
        tensors[f"lin{index}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=draw)
        channels = width
    return LearnedSimilarity.of(tensors)


def _clip(name: MetricName, planes: int, *, has_gaps: bool) -> tuple[Tensor, list[Tensor]]:
    """Truth and two results, (B, C, H, W) float64 in [0, 1], as the metric takes them."""
    planes = 2 if METRICS[name].is_vector else planes
    height, width = LARGE if name == "ms-ssim" else SIDE
    draw = torch.Generator().manual_seed(7)
    y, x = torch.meshgrid(torch.arange(height) / 7, torch.arange(width) / 6, indexing="ij")
    hr = torch.stack(
        [
            torch.stack(
                [0.5 + 0.3 * torch.sin(x + 0.2 * t + c) * torch.cos(y) for c in range(planes)]
            )
            for t in range(NUM_FRAMES)
        ]
    ).double()
    results = [
        (hr + noise * torch.randn(hr.shape, generator=draw)).clamp(0, 1) for noise in (0.02, 0.06)
    ]
    if has_gaps:
        hr[:4, :, :4, :6] = math.nan  # a coast, which the last frame lacks
        hr[1] = math.nan  # a frame of which nothing is there
        for frame in range(2, 4):  # a gap that moves
            hr[frame, :, 20 + frame, 30:33] = math.nan
    return hr, results


def _settings(grid: GridLike) -> MetricSettings:
    return MetricSettings(border=2, grid=grid, similarity=_similarity(), data_range=0.8)


def _one_by_one(
    name: MetricName, settings: MetricSettings, hr: Tensor, sr: Tensor
) -> tuple[list[float | None], float | None]:
    metric = METRICS[name].make(settings)
    scores = [
        metric.add(*(images.squeeze(0) for images in pair)) for pair in zip(sr, hr, strict=True)
    ]
    return scores, metric.result()


def _in_batches(
    name: MetricName, settings: MetricSettings, hr: Tensor, results: list[Tensor], size: int
) -> list[tuple[list[float | None], float | None]]:
    """The scores of all results, side by side."""
    metrics = [METRICS[name].make(settings) for _ in results]
    scores: list[list[float | None]] = [[] for _ in results]
    for start in range(0, len(hr), size):
        part = slice(start, start + size)
        truth = TruthFrames(hr[part])
        for known, metric, sr in zip(scores, metrics, results, strict=True):
            found = metric.add_batch(FramePairs(sr[part], truth))
            values = [None] * len(hr[part]) if found is None else found.tolist()
            known += [None if one is None or math.isnan(one) else one for one in values]
    return [(known, metric.result()) for known, metric in zip(scores, metrics, strict=True)]


def _near(score: float | None, tolerance: float = SAME) -> object:
    return None if score is None else pytest.approx(score, rel=tolerance, abs=tolerance / 1000)


def _is_possible(name: MetricName, planes: int, grid: GridLike, *, has_gaps: bool) -> bool:
    if name == "ms-ssim" and isinstance(grid, LatLonGrid):
        return False  # of another size
    return name != "vmaf" or not (planes == 3 or has_gaps)


CASES = [
    pytest.param(name, planes, grid, has_gaps, id=f"{name}-{label}")
    for name in METRICS
    for label, planes, grid, has_gaps in (
        ("plane", 1, "plane", False),
        ("gaps", 1, "plane", True),
        ("colours", 3, "plane", True),
        ("sphere", 1, "sphere", True),
        ("grid", 1, GLOBE, False),
    )
    if _is_possible(name, planes, grid, has_gaps=has_gaps)  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("name", "planes", "grid", "has_gaps"), CASES)
def test_batches_of_any_size_score_as_frames_one_by_one(
    name: MetricName,
    planes: int,
    grid: GridLike,
    has_gaps: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "RADIUS", 2)  # quicker; all else is as it is
    settings = _settings(grid)
    hr, results = _clip(name, planes, has_gaps=has_gaps)
    expected = [_one_by_one(name, settings, hr, sr) for sr in results]
    assert expected[0] != expected[1]
    for size in (2, NUM_FRAMES):  # the last batch of the first has one frame
        found = _in_batches(name, settings, hr, results, size)
        for (scores, score), (singly, alone) in zip(found, expected, strict=True):
            assert scores == [_near(one) for one in singly]
            assert score == _near(alone)
            assert alone is not None or has_gaps


def test_spectra_are_means_over_frames_that_hold_a_truth() -> None:
    hr, (sr, _) = _clip("lsd", 1, has_gaps=True)
    together, singly = SpectrumAccumulator(), SpectrumAccumulator()
    together.add_batch(FramePairs(sr, TruthFrames(hr)))
    for number in (0, 2, 3, 4):
        singly.add(sr[number, 0], hr[number, 0])
    assert together.num_frames == singly.num_frames == 4
    for name in ("sr", "hr", "error"):
        expected = getattr(singly.spectra(), name)
        assert getattr(together.spectra(), name) == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize("name", METRICS)
def test_batch_of_one_frame_is_a_clip(name: MetricName) -> None:
    hr, results = _clip(name, 1, has_gaps=False)
    settings = _settings("plane")
    expected = [_one_by_one(name, settings, hr[:1], sr[:1]) for sr in results]
    assert _in_batches(name, settings, hr[:1], [sr[:1] for sr in results], 4) == expected


def test_what_is_the_truths_alone_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"flow": 0, "windows": 0, "modes": 0}

    def counted(place: str, name: str, label: str) -> None:
        module = sys.modules[f"vsr_cli.metrics.{place}"]
        plain = getattr(module, name)

        def count(*arguments: object, **words: object) -> object:
            calls[label] += 1
            return plain(*arguments, **words)

        monkeypatch.setattr(module, name, count)

    counted("flow", "_flow", "flow")
    counted("ssim", "windows_of", "windows")
    counted("spectrum", "radial_modes", "modes")
    settings = _settings("plane")
    hr, results = _clip("tof", 1, has_gaps=False)
    names: tuple[MetricName, ...] = ("tof", "ssim", "resolution", "lsd")
    clips = [ClipAccumulator("a", metrics=names, settings=settings) for _ in results]
    truth = TruthFrames(hr[:3])
    for clip, sr in zip(clips, results, strict=True):
        clip.add_batch(FramePairs(sr[:3], truth))
    changes = 2
    assert calls == {"flow": 3 * changes, "windows": 1, "modes": 1 + 2}


def test_field_of_several_frames_is_mapped_once_and_scores_as_alone() -> None:
    hr, results = _clip("psnr", 1, has_gaps=True)
    names: tuple[MetricName, ...] = ("psnr", "rmse", "gradient", "maximum")
    settings = MetricSettings(value_range=(270.0, 300.0))
    values = [270 + 30 * images for images in (hr, results[0])]
    together, singly = (ClipAccumulator("a", metrics=names, settings=settings) for _ in range(2))
    found = together.add_batch(FramePairs(values[1], TruthFrames(values[0])))
    for number in range(NUM_FRAMES):
        singly.add(values[1][number, 0], values[0][number, 0])
    for one, other in zip(found, singly.result().per_frame, strict=True):
        for name in names:
            assert one.values[key(name)] == _near(other.values[key(name)])
    scores, expected = together.result(), singly.result()
    assert scores.missing == pytest.approx(expected.missing, rel=SAME)
    assert (scores.frames, scores.empty_frames) == (NUM_FRAMES, 1)


@pytest.mark.cuda
@pytest.mark.usefixtures("require_cuda")
@pytest.mark.parametrize(("name", "planes", "grid", "has_gaps"), CASES)
def test_gpu_scores_as_the_cpu(
    name: MetricName, planes: int, grid: GridLike, has_gaps: bool
) -> None:
    hr, results = _clip(name, planes, has_gaps=has_gaps)
    expected = _in_batches(name, _settings(grid), hr, results, 2)
    settings = MetricSettings(
        border=2, grid=grid, similarity=_similarity().on(torch.device("cuda")), data_range=0.8
    )
    found = _in_batches(name, settings, hr.cuda(), [sr.cuda() for sr in results], 2)
    for (scores, score), (on_cpu, of_cpu) in zip(found, expected, strict=True):
        assert scores == [_near(one, ON_GPU) for one in on_cpu]
        assert score == _near(of_cpu, ON_GPU)
