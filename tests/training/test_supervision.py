"""Deep supervision: Kim's loss, its path to every recursion, and how its share falls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.drcn import DRCN, RECURSIONS
from vsr_cli.models.weights import read_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training.loop import Progress
from vsr_cli.training.losses import LOSSES, Criterion
from vsr_cli.training.recipes import RECIPES, find_recipe
from vsr_cli.training.state import LoopSettings, Run
from vsr_cli.training.supervision import share_of_each, supervised_loss
from vsr_cli.training.tasks import Task
from vsr_cli.training.train import train

ROUNDING = 1e-12  # float64, relative
SINGLE = 1e-5  # float32, relative
MARGIN = 2
RECIPE = Recipe(
    steps=4, batch_size=2, patch=8, margin=MARGIN, learning_rate=1e-3, supervision=0.5, ema_decay=0
)


def _thin(*, seed: int = 5) -> DRCN:
    """A network of three channels whose recursions differ, each with a weight of its own."""
    torch.manual_seed(seed)
    model = DRCN(2, features=3)
    with torch.no_grad():
        model.reconstruct.weight.normal_(std=0.2)
        model.share.uniform_(-0.1, 0.3)
    return model


def _batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(6)
    lr = torch.rand(2, 1, 8, 8, generator=draw, dtype=dtype)
    return lr, torch.rand(2, 1, 16, 16, generator=draw, dtype=dtype)


def _by_hand(
    result: NDArray[np.float64],
    each: NDArray[np.float64],
    hr: NDArray[np.float64],
    share: float,
    power: int,
) -> float:
    """Eq. 7 to 9 with means in the place of sums, over errors in code values."""
    own = 0.0
    for prediction in each:
        own += float((np.abs(255 * (prediction - hr)) ** power).mean()) / len(each)
    final = float((np.abs(255 * (result - hr)) ** power).mean())
    return share * own + (1 - share) * final


@pytest.mark.parametrize(("loss", "power"), [("mse", 2), ("l1", 1), ("euclidean", 0)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_loss_is_that_of_the_paper(loss: str, power: int, share: float) -> None:
    lr, hr = _batch()
    with torch.no_grad():
        result, each = _thin().double().predict_each(lr)
        found = supervised_loss(Criterion(LOSSES[loss]), result, each, hr, share=share)
    expected = _by_hand(result.numpy(), each.numpy(), hr.numpy(), share, power or 2)
    if not power:  # code values are values times 255, and a patch has 16x16 of them
        expected *= 16 * 16 / (2 * 255**2)
    assert float(found) == pytest.approx(expected, rel=ROUNDING)


def _reached(share: float) -> list[bool]:
    """For each recursion whether a gradient comes back by its own prediction.

    Only the last one has a weight in the result.
    """
    model = _thin().double()
    with torch.no_grad():
        model.share[:-1] = 0
    gradients: list[Tensor] = []

    def watch(_layer: object, _inputs: object, output: Tensor) -> None:
        output.register_hook(gradients.append)

    model.reconstruct.register_forward_hook(watch)
    lr, hr = _batch()
    supervised_loss(Criterion(LOSSES["mse"]), *model.predict_each(lr), hr, share=share).backward()
    return [bool(gradient.abs().sum() > 0) for gradient in gradients[::-1]]


def test_gradient_comes_by_every_recursion() -> None:
    assert _reached(0.5) == [True] * RECURSIONS
    assert _reached(0.0) == [False] * (RECURSIONS - 1) + [True]


def test_share_falls_on_a_line_to_nothing() -> None:
    recipe = replace(RECIPE, steps=200, supervision=0.8)
    shares = [share_of_each(recipe, step) for step in range(201)]
    assert shares[0] == 0.8
    assert shares[100] == pytest.approx(0.4)
    assert shares[200] == 0
    assert np.allclose(np.diff(shares), -0.004)
    assert share_of_each(recipe, 300) == 0


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"supervision must lie between 0 and 1, got {share}"):
        replace(RECIPE, supervision=share)


def test_paper_supervises_and_a_trained_network_is_supervised_no_more() -> None:
    recipe = find_recipe("drcn", "paper")
    assert share_of_each(recipe, 0) == 1
    assert recipe.finetuned().supervision == 0
    assert replace(RECIPE, schedule="cosine").finetuned().supervision == 0


def test_other_networks_are_not_supervised() -> None:
    for form, recipes in RECIPES.items():
        for name, recipe in recipes.items():
            assert name == "drcn" or recipe.supervision == 0, (form, name)


@pytest.mark.parametrize("name", [n for n in MODELS if get_spec(n).has_weights and n != "drcn"])
def test_networks_without_recursions_refuse_it(name: str) -> None:
    spec = get_spec(name)
    with torch.device("meta"):
        task = Task(spec, spec.build(spec.scales[0], True))
    with pytest.raises(ValueError, match=f"{name} has no recursions to supervise"):
        task.forward_each(torch.empty(1, 1, 8, 8, device="meta"), spec.scales[0])


def _run(recipe: Recipe, model: DRCN, folder: Path) -> Run:
    settings = LoopSettings(
        checkpoint=folder / "o.ckpt",
        log=folder / "o.jsonl",
        every=2,
        validation_frames=1,
        seed=0,
        purpose="a test",
        device=torch.device("cpu"),
        autocast=None,
        resume=False,
    )
    return Run(Task(get_spec("drcn"), model), recipe, Criterion(LOSSES["mse"]), settings)


def _inside(pixels: Tensor) -> NDArray[np.float64]:
    cut = slice(2 * MARGIN, -2 * MARGIN)
    return pixels[..., cut, cut].double().numpy()


def test_steps_minimise_it_with_a_falling_share(tmp_path: Path) -> None:
    """The loss of each step is that of the network before it, without the patches' borders."""
    model = _thin()
    run = _run(RECIPE, model, tmp_path)
    lr, hr = _batch(torch.float32)
    for share in (0.5, 0.375, 0.25, 0.125):
        with torch.no_grad():
            result, each = model.predict_each(lr)
        expected = _by_hand(_inside(result), _inside(each), _inside(hr), share, 2)
        assert run.update(lr, hr) == pytest.approx(expected, rel=SINGLE)


def test_without_supervision_the_result_alone_is_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _thin()
    run = _run(replace(RECIPE, supervision=0.0), model, tmp_path)
    lr, hr = _batch(torch.float32)
    with torch.no_grad():
        expected = ((_inside(model(lr)) - _inside(hr)) * 255) ** 2
    monkeypatch.delattr(DRCN, "predict_each")
    assert run.update(lr, hr) == pytest.approx(float(expected.mean()), rel=SINGLE)


def test_supervised_run_resumes_to_the_same_weights_and_log(
    clip: Callable[[str, int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DRCN.__init__.__kwdefaults__, "features", 4)
    recipe = replace(RECIPE, steps=3)
    spec = TrainSpec(
        model="drcn",
        data=(clip("a.mkv", 1),),
        output=tmp_path / "whole.safetensors",
        recipe=recipe,
        precision="fp32",
        checkpoint_every=1,
        device="cpu",
    )
    broken = replace(spec, output=tmp_path / "broken.safetensors")

    class KilledError(Exception):
        pass

    def kill(_progress: Progress) -> None:
        raise KilledError

    whole = train(spec, lambda _progress: None)
    with pytest.raises(KilledError):
        train(broken, kill)
    resumed = train(replace(broken, resume=True), lambda _progress: None)
    tensors = read_weights(resumed)[0]
    for name, tensor in read_weights(whole)[0].items():
        assert torch.equal(tensor, tensors[name]), name
    curves = [_curve(path) for path in (whole, resumed)]
    assert curves[0] == curves[1]
    assert [share for _, _, share in curves[0]] == [0.3333, 0.1667, 0.0]


def _curve(weights: Path) -> list[tuple[int, float, float]]:
    log = weights.with_suffix(".jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    return [(line["step"], line["loss"], line["supervision"]) for line in lines]
