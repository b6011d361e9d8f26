"""Frames of a clip scored in batches: what comes out, in what order, and what is held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vsr_cli.metrics import MetricSettings, PlaneAccumulator
from vsr_cli.pipeline.evaluate import scoring
from vsr_cli.pipeline.evaluate.channels import Pictures
from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame
from vsr_cli.pipeline.evaluate.run import compare_models
from vsr_cli.pipeline.evaluate.scoring import batch_length, score_rows
from vsr_cli.specs import EvaluateSpec, MetricName

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SAME = 1e-12  # of sums in float64, in another order
OF_ALL: tuple[MetricName, ...] = ("psnr", "ssim", "maximum", "acc", "tpsnr", "flicker", "lsd")
NUM_FRAMES = 7  # batches of three, and one
FORMATS = ("yuv420p", "yuv420p10le", "gbrp10le")
PTS = range(0, NUM_FRAMES * 3600, 3600)


def _document(
    path: Path, monkeypatch: pytest.MonkeyPatch, frames: int, **words: Any
) -> tuple[list[dict[str, Any]], list[ScoredFrame]]:
    """The scores of two models in batches of so many frames, and what was told of each frame."""
    monkeypatch.setattr(scoring, "batch_length", lambda *_: frames)
    specs = [
        EvaluateSpec(model=model, metrics=OF_ALL, device="cpu", **words)
        for model in ("bicubic", "nearest")
    ]
    seen: list[ScoredFrame] = []
    results = compare_models([path], specs, watch=seen.append)
    return [result.to_json() for result in results], seen


def _near(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _near(one) for name, one in document.items()}
    if isinstance(document, list):
        return [_near(one) for one in document]
    if isinstance(document, float):
        return pytest.approx(document, rel=SAME, abs=1e-15)
    return document


@pytest.mark.parametrize("channel", ["luma", "rgb", "planes"])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_the_size_of_a_batch_changes_nothing(
    make_clip: Any, monkeypatch: pytest.MonkeyPatch, channel: str, pix_fmt: str
) -> None:
    path = make_clip(pts=PTS, pix_fmt=pix_fmt, codec="ffv1")
    expected, singly = _document(path, monkeypatch, 1, channel=channel)
    for length in (3, 100):
        found, seen = _document(path, monkeypatch, length, channel=channel)
        assert found == _near(expected)
        assert [frame.number for frame in seen] == list(range(NUM_FRAMES))
        for one, other in zip(seen, singly, strict=True):
            assert torch.equal(one.truth, other.truth)
            assert all(map(torch.equal, one.results, other.results))


def _rows(shapes: list[tuple[int, int]], taken: list[int]) -> Iterator[list[Pictures]]:
    """Truth and one result, which is a pixel larger; ``taken`` learns of each."""
    draw = torch.Generator().manual_seed(0)
    for number, (height, width) in enumerate(shapes):
        taken.append(number)
        hr = torch.rand(height, width, generator=draw, dtype=torch.float64)
        sr = torch.rand(height + 1, width + 1, generator=draw, dtype=torch.float64)
        yield [{"": hr}, {"": sr}]


def _scored(
    rows: Iterator[list[Pictures]], accumulator: PlaneAccumulator
) -> Iterator[scoring.ScoredRow]:
    return score_rows(
        rows,
        [accumulator],
        device=CPU,
        told=lambda first, last: f"frames {first} to {last}",
        metrics=["mse"],
    )


def test_another_size_begins_another_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "batch_length", lambda *_: 4)
    shapes = [(20, 30)] * 6 + [(22, 30)] * 3 + [(20, 30)]
    accumulator = PlaneAccumulator("a", settings=MetricSettings(), metrics=["mse"])
    taken: list[int] = []
    ahead = []
    for row in _scored(_rows(shapes, taken), accumulator):
        ahead.append(len(taken) - row.number)
        assert row.truth[""].shape == row.results[0][""].shape == shapes[row.number]
        expected = (row.truth[""] - row.results[0][""]).square().mean()
        assert row.scores[0].mse == pytest.approx(float(expected), rel=SAME)
    assert taken == list(range(10))
    assert max(ahead) <= 4  # of a batch, none of the next
    assert accumulator.result().frames == 10


def test_an_error_names_the_frames_of_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "batch_length", lambda *_: 2)
    rows = list(_rows([(20, 30)] * 5, []))
    rows[3][1][""][4, 5] = np.inf
    accumulator = PlaneAccumulator("a", settings=MetricSettings(), metrics=["mse"])
    with pytest.raises(ValueError, match=r"frames 2 to 3: .* the first in row 4, column 5"):
        list(_scored(iter(rows), accumulator))


@pytest.mark.parametrize(
    ("pixels", "device", "metrics", "expected"),
    [
        (640 * 320, CPU, ["psnr"], 1),
        (64 * 32, CPU, ["psnr"], 32),
        (200 * 200, CPU, ["psnr"], 3),
        (640 * 320, GPU, ["psnr"], 20),
        (640 * 320, GPU, ["psnr", "lpips"], 1),
        (8000 * 4000, GPU, ["psnr"], 1),
        (64 * 32, GPU, ["psnr"], 32),
    ],
)
def test_batches_are_bounded_by_their_pixels(
    pixels: int, device: torch.device, metrics: list[MetricName], expected: int
) -> None:
    assert batch_length(pixels, device, metrics) == expected


@pytest.mark.cuda
@pytest.mark.usefixtures("require_cuda")
@pytest.mark.parametrize("channel", ["luma", "rgb", "planes"])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_gpu_scores_as_the_cpu(make_clip: Any, channel: Any, pix_fmt: str) -> None:
    path = make_clip(pts=PTS, pix_fmt=pix_fmt, codec="ffv1")
    found, expected = (
        compare_models(
            [path],
            [
                EvaluateSpec(
                    model="bicubic",
                    metrics=OF_ALL,
                    channel=channel,
                    device=device,
                    precision="fp32",
                )
            ],
        )[0].mean.values
        for device in ("cuda", "cpu")
    )
    for name, value in expected.items():  # a code value here and there rounds the other way
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-3, abs=1e-5))
