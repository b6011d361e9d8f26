"""Training on other low resolutions than bicubic ones: pairs, records, checkpoints, the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.models.weights import read_weights
from vsr_cli.pipeline.evaluate import evaluate_clips
from vsr_cli.specs import EvaluateSpec, Recipe, TrainSpec, parse_degradation
from vsr_cli.training.pairs import load_clip
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


def test_area_pairs_are_means_of_blocks(clip: Path) -> None:
    pair = load_clip(clip, 2, parse_degradation("area"))
    blocks = pair.hr.double().reshape(5, 1, 25, 2, 33, 2).mean((3, 5))
    assert torch.equal(pair.lr, blocks.add(0.5).floor().to(torch.uint8))


@pytest.mark.parametrize("chain", [CHAIN, "h264:crf=30", "h265:crf=30"])
def test_pairs_are_the_same_whenever_they_are_read(clip: Path, chain: str) -> None:
    first, again = (load_clip(clip, 2, parse_degradation(chain)) for _ in range(2))
    assert torch.equal(first.lr, again.lr)
    assert torch.equal(first.hr, load_clip(clip, 2).hr)
    assert first.lr.shape == (5, 1, 25, 33)
    assert not torch.equal(first.lr, load_clip(clip, 2).lr)


def test_noise_of_a_clip_is_that_of_its_name(clip: Path, tmp_path: Path) -> None:
    chain = parse_degradation("noise:sigma=5")
    moved, renamed = tmp_path / "folder" / clip.name, tmp_path / "other.mkv"
    moved.parent.mkdir()
    for path in (moved, renamed):
        path.write_bytes(clip.read_bytes())
    first, second, third = (load_clip(path, 2, chain).lr for path in (clip, moved, renamed))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_weights_say_what_they_were_trained_on(spec: TrainSpec, clip: Path, tmp_path: Path) -> None:
    path = train(spec, lambda progress: None)
    assert read_weights(path)[1].training["degradation"] == CHAIN
    plain = replace(
        spec, degradation=parse_degradation("bicubic"), output=tmp_path / "p.safetensors"
    )
    tensors, record = read_weights(train(plain, lambda progress: None))
    assert record.training["degradation"] == "bicubic, antialiased, 8 bits"
    assert any(not torch.equal(t, tensors[name]) for name, t in read_weights(path)[0].items())

    scored = EvaluateSpec(model="fsrcnn", weights=(path,), device="cpu")
    (warning,) = evaluate_clips([clip], scored).warnings
    assert warning == f"trained on another degradation than bicubic: fsrcnn ({CHAIN})"
    same = replace(scored, degradation=spec.degradation)
    assert evaluate_clips([clip], same).warnings == ()


def test_checkpoint_of_another_degradation_is_refused(spec: TrainSpec) -> None:
    train(spec, lambda progress: None)
    other = replace(spec, degradation=parse_degradation("area"), resume=True)
    with pytest.raises(ValueError, match=r"residual, blur:sigma=1\+.*this run is .*, area'"):
        train(other, lambda progress: None)


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
