"""Training on other low resolutions than bicubic ones: pairs, records, checkpoints, the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.media import write_png
from vsr_cli.models.weights import read_weights
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.specs import (
    DegradationSpec,
    EvaluateSpec,
    Recipe,
    TrainSpec,
    parse_degradation,
    parse_simulated,
)
from vsr_cli.specs.degradation import BICUBIC
from vsr_cli.training import sources
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.sources import SourceSettings, load_pairs
from vsr_cli.training.train import train

Clip = Callable[..., Path]
CHAIN = "blur:sigma=1+bicubic+noise:sigma=2,seed=4+jpeg:quality=70"
SHORT = Recipe(steps=4, batch_size=2, patch=16, margin=2, learning_rate=1e-3, warmup_steps=1)


@pytest.fixture
def clip(make_clip: Clip) -> Path:
    return make_clip("in.mkv", codec="ffv1", size=(66, 50))


@pytest.fixture
def spec(clip: Path, tmp_path: Path) -> TrainSpec:
    return TrainSpec(
        model="fsrcnn",
        data=(clip,),
        output=tmp_path / "w.safetensors",
        recipe=SHORT,
        precision="fp32",
        device="cpu",
        degradation=parse_degradation(CHAIN),
    )


def _load(path: Path, scale: int, degradation: DegradationSpec = BICUBIC) -> ClipPair:
    (pair,) = load_pairs([path], SourceSettings(scale=scale, degradation=degradation))
    return pair


def test_area_pairs_are_means_of_blocks(clip: Path) -> None:
    pair = _load(clip, 2, parse_degradation("area"))
    blocks = pair.hr.double().reshape(5, 1, 25, 2, 33, 2).mean((3, 5))
    assert torch.equal(pair.lr, blocks.add(0.5).floor().to(torch.uint8))


@pytest.mark.parametrize("chain", [CHAIN, "h264:crf=30", "h265:crf=30"])
def test_pairs_are_the_same_whenever_they_are_read(clip: Path, chain: str) -> None:
    first, again = (_load(clip, 2, parse_degradation(chain)) for _ in range(2))
    assert torch.equal(first.lr, again.lr)
    assert torch.equal(first.hr, _load(clip, 2).hr)
    assert first.lr.shape == (5, 1, 25, 33)
    assert not torch.equal(first.lr, _load(clip, 2).lr)


def test_noise_of_a_clip_is_that_of_its_name(clip: Path, tmp_path: Path) -> None:
    chain = parse_degradation("noise:sigma=5")
    moved, renamed = tmp_path / "folder" / clip.name, tmp_path / "other.mkv"
    moved.parent.mkdir()
    for path in (moved, renamed):
        path.write_bytes(clip.read_bytes())
    first, second, third = (_load(path, 2, chain).lr for path in (clip, moved, renamed))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize("chain", ["area", CHAIN, "h264:crf=30"])
def test_shots_of_a_video_are_those_of_the_whole_clip(make_clip: Clip, chain: str) -> None:
    """A codec sees the clip as it is, with its cuts."""
    path, spec = make_clip("in.mkv", codec="ffv1", size=(66, 50)), parse_degradation(chain)
    whole = _load(path, 2, spec)
    shots = load_pairs([path], SourceSettings(scale=2, window=5, degradation=spec))
    assert torch.equal(torch.cat([shot.hr for shot in shots]), whole.hr)
    assert torch.equal(torch.cat([shot.lr for shot in shots]), whole.lr)


def test_every_source_is_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields in their 16 bits, simulated runs, and stills over which a camera moves."""
    draw = np.random.default_rng(0)
    drops = [SimpleNamespace(values=draw.random((40, 48))) for _ in range(3)]
    monkeypatch.setattr(sources, "simulate_droplets", lambda spec: drops)  # which takes a minute
    np.savez(tmp_path / "a.npz", frames=draw.normal(size=(3, 32, 64)).astype(np.float32))
    write_png(tmp_path / "b.png", draw.integers(0, 256, (80, 96), np.uint8))
    paths = [tmp_path / "a.npz", tmp_path / "b.png"]
    runs = parse_simulated("droplet:1")
    for window in (1, 5):
        loaded = [
            load_pairs(
                paths,
                SourceSettings(
                    scale=2, window=window, simulated=runs, degradation=parse_degradation(chain)
                ),
            )
            for chain in ("area", "area+noise:sigma=2")
        ]
        for clean, noisy in zip(*loaded, strict=True):
            assert torch.equal(clean.hr, noisy.hr)
            hr, lr, worse = (t.double() for t in (clean.hr, clean.lr, noisy.lr))
            blocks = hr.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2)).mean((-3, -1))
            assert (blocks - lr).abs().max() <= 0.5
            code = 256 if clean.hr.dtype == torch.uint16 else 1
            inside = (lr > 12 * code) & (lr < 243 * code)
            if inside.sum() > 1000:
                assert float((worse - lr)[inside].std()) == pytest.approx(2 * code, rel=0.08)


def test_weights_say_what_they_were_trained_on(spec: TrainSpec, clip: Path) -> None:
    path = train(spec, lambda progress: None)
    assert read_weights(path)[1].training["degradation"] == CHAIN
    scored = EvaluateSpec(model="fsrcnn", weights=(path,), device="cpu")
    (warning,) = evaluate_clips([clip], scored).warnings
    assert warning == f"trained on another degradation than bicubic: fsrcnn ({CHAIN})"
    same = replace(scored, degradation=spec.degradation)
    assert evaluate_clips([clip], same).warnings == ()
    other = replace(spec, degradation=parse_degradation("area"), resume=True)
    with pytest.raises(ValueError, match=r"residual, blur:sigma=1\+.*this run is .*, area'"):
        train(other, lambda progress: None)


def test_plain_degradation_is_recorded_as_it_always_was(spec: TrainSpec) -> None:
    plain = replace(spec, degradation=BICUBIC, recipe=replace(SHORT, steps=1, warmup_steps=1))
    record = read_weights(train(plain, lambda progress: None))[1]
    assert record.training["degradation"] == "bicubic, antialiased, 8 bits"


def test_command_takes_a_chain(clip: Path, tmp_path: Path) -> None:
    words = ["train", "fsrcnn", tmp_path / "w.safetensors", "--data", clip, "--steps", "2"]
    words += ["--batch-size", "2", "--patch", "16", "--device", "cpu", "--degradation"]
    result = CliRunner().invoke(main, [*map(str, words), "motion:length=3+h264:crf=30"])
    assert result.exit_code == 0, result.stderr
    record = read_weights(tmp_path / "w.safetensors")[1]
    assert record.training["degradation"] == "motion:length=3+bicubic+h264:crf=30"
    wrong = CliRunner().invoke(main, [*map(str, words), "jpeg:q=3", "--overwrite"])
    assert wrong.exit_code == 2
    assert "degradation jpeg takes quality=, got 'q=3'" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
