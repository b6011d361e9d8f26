"""Large networks are stored in half the bytes where nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from vsr_cli.models import get_spec
from vsr_cli.models.load import load_chain
from vsr_cli.models.weights import read_tensors
from vsr_cli.pipeline.device import choose_device
from vsr_cli.specs import TrainSpec
from vsr_cli.specs.training import Recipe
from vsr_cli.training import storage
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.state import LoopSettings
from vsr_cli.training.tasks import Task
from vsr_cli.training.train import train

CASES = [(True, True, torch.float16), (True, False, torch.float32), (False, True, torch.float32)]


@pytest.fixture
def spec(make_clip: Callable[..., Path], tmp_path: Path) -> TrainSpec:
    """Two steps of the small FSRCNN."""
    clip, other = (make_clip(name, size=(64, 64)) for name in ("train.mkv", "other.mkv"))
    recipe = Recipe(steps=2, batch_size=2, patch=16, margin=2, learning_rate=1e-3)
    return TrainSpec(
        model="fsrcnn-s",
        output=tmp_path / "out.safetensors",
        data=(clip,),
        validation=(other,),
        recipe=recipe,
        device="cpu",
        precision="fp32",
        checkpoint_every=2,
    )


@pytest.mark.parametrize(("is_large", "keeps_scores", "expected"), CASES)
def test_half_only_where_it_is_worth_it_and_nothing_is_lost(
    spec: TrainSpec,
    monkeypatch: pytest.MonkeyPatch,
    is_large: bool,
    keeps_scores: bool,
    expected: torch.dtype,
) -> None:
    if is_large:
        monkeypatch.setattr(storage, "LARGE", 1000)
    if not keeps_scores:
        monkeypatch.setattr(storage, "_rounded", _broken)
    train(spec, lambda _: None)
    tensors, _ = read_tensors(spec.output)
    assert {tensor.dtype for tensor in tensors.values()} == {expected}
    chain = load_chain("fsrcnn-s", 2, weights=(spec.output,))
    own = chain.stages[0].module.to(choose_device("cpu")).state_dict()
    assert {tensor.dtype for tensor in own.values()} == {torch.float32}


def _broken(module: torch.nn.Module) -> torch.nn.Module:
    """As if rounding had lost most of it."""
    for tensor in (copy := storage.deepcopy(module)).state_dict().values():
        tensor.zero_().add_(0.01)
    return copy


def test_values_that_half_has_no_number_for_are_kept(
    spec: TrainSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running variance of 1e27 ended the run after its last step."""
    monkeypatch.setattr(storage, "LARGE", 100)
    monkeypatch.setattr(storage, "validation_psnr", lambda *_, **__: 30.0)
    task = Task(get_spec("fsrcnn-s"), nn.Sequential(nn.Conv2d(1, 9, 5), nn.BatchNorm2d(9)))
    settings = LoopSettings(
        checkpoint=spec.output,
        log=spec.output,
        every=1,
        validation_frames=1,
        seed=0,
        purpose="",
        device=torch.device("cpu"),
        autocast=None,
        resume=False,
    )
    stills = [ClipPair(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 16, 16))]
    assert storage.storage_type(task, stills, settings) == torch.float16
    task.module.get_buffer("1.running_var").fill_(1e27)
    assert storage.storage_type(task, stills, settings) == torch.float32
