"""What a run says of its speed: patches per second, and the share of the time it waited."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from vsr_cli.models.weights import read_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training import loop
from vsr_cli.training.pace import Pace
from vsr_cli.training.sampler import PatchSampler
from vsr_cli.training.state import Run
from vsr_cli.training.train import train


def test_figures_are_those_of_the_steps_together() -> None:
    pace = Pace()
    pace.add(16, waiting_s=0.1, learning_s=0.3)
    pace.add(16, waiting_s=0.0, learning_s=0.4)
    assert pace.figures() == {"patches_per_s": 40.0, "waiting": 0.125}


def test_no_step_has_no_speed() -> None:
    assert Pace().figures() == {"patches_per_s": 0.0, "waiting": 0.0}


class Clock:
    """Seconds that pass only where they are let."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_log_record_and_card_tell_drawing_from_learning(
    clip: Callable[[str, int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step draws for a quarter of a second, and learns for one that grows step by step."""
    clock = Clock()
    draw, learn = PatchSampler.batch, Run.update

    def slow_draw(sampler: PatchSampler, size: int) -> tuple[Tensor, Tensor]:
        clock.now += 0.25
        return draw(sampler, size)

    def slow_learn(run: Run, lr: Tensor, hr: Tensor) -> float:
        clock.now += run.step + 1
        return learn(run, lr, hr)

    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(PatchSampler, "batch", slow_draw)
    monkeypatch.setattr(Run, "update", slow_learn)
    spec = TrainSpec(
        model="plain-s",
        data=(clip("a.mkv", 1),),
        output=tmp_path / "o.safetensors",
        recipe=Recipe(steps=4, batch_size=3, patch=8, margin=0, learning_rate=1e-4),
        checkpoint_every=2,
        device="cpu",
        precision="fp32",
    )
    record = read_weights(train(spec, lambda _progress: None))[1].training
    log = spec.output.with_suffix(".jsonl").read_text(encoding="utf-8")
    first, second = map(json.loads, log.splitlines())
    for figures, steps, learning_s in ((first, 2, 1 + 2), (second, 2, 3 + 4), (record, 4, 10)):
        total = 0.25 * steps + learning_s
        assert figures["patches_per_s"] == round(3 * steps / total, 1)
        assert figures["waiting"] == round(0.25 * steps / total, 4)
    card = spec.output.with_suffix(".md").read_text(encoding="utf-8")
    assert "1 patches/s, 9.1% of the steps' time spent waiting for them" in card
