"""Training: it learns, it resumes to the same weights, and its files say what they are."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from rich.console import Console

from vsr_cli.cli import main
from vsr_cli.cli.progress import training_bar
from vsr_cli.errors import WeightsError
from vsr_cli.metrics import psnr
from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.load import load_model
from vsr_cli.models.weights import file_sha256, read_weights, released_weights
from vsr_cli.specs import Recipe, TrainSpec
from vsr_cli.training.loop import Progress
from vsr_cli.training.losses import LOSSES
from vsr_cli.training.optimizer import (
    FINAL_RATE,
    learning_rate,
    make_optimizer,
    set_learning_rate,
)
from vsr_cli.training.recipes import RECIPES, find_recipe
from vsr_cli.training.train import train, training_precision

SMALL = Recipe(
    steps=40, batch_size=4, patch=16, margin=2, learning_rate=2e-3, warmup_steps=5, ema_decay=0.8
)


@pytest.fixture
def spec(clip: Callable[[str, int], Path], tmp_path: Path) -> TrainSpec:
    return TrainSpec(
        model="fsrcnn",
        data=(clip("train.mkv", 1),),
        validation=(clip("validation.mkv", 2),),
        output=tmp_path / "fsrcnn.safetensors",
        recipe=SMALL,
        precision="fp32",
        checkpoint_every=20,
        validation_frames=2,
        device="cpu",
    )


def _keep_quiet(progress: Progress) -> None:
    del progress


def test_frame_model_learns(spec: TrainSpec) -> None:
    losses: list[float] = []
    path = train(replace(spec, recipe=replace(SMALL, steps=120)), lambda p: losses.append(p.loss))
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:10])
    _, record = read_weights(path)
    assert (record.arch, record.scale, record.residual) == ("fsrcnn", 2, True)
    assert record.training["steps"] == 120
    assert record.training["data"] == ["train.mkv"]
    curve = record.training["curve"]
    assert curve[-1][0] == 120
    assert curve[-1][1] > curve[0][1]


def test_log_has_a_line_for_each_validation(spec: TrainSpec) -> None:
    train(spec, _keep_quiet)
    log = spec.output.with_suffix(".jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["step"] for line in lines] == [20, 40]
    assert all(line["psnr"] > 5 and line["loss"] > 0 for line in lines)


@pytest.mark.parametrize(("rate", "is_told"), [(1e-12, True), (2e-3, False)])
def test_a_network_that_learns_nothing_is_told(
    spec: TrainSpec, caplog: pytest.LogCaptureFixture, rate: float, is_told: bool
) -> None:
    train(replace(spec, recipe=replace(SMALL, learning_rate=rate)), _keep_quiet)
    assert ("at step 20 and at step 40: the network may have died" in caplog.text) == is_told


def test_resumed_run_ends_with_the_same_weights(spec: TrainSpec, tmp_path: Path) -> None:
    """Stopped after the first checkpoint, as by a kill, and taken up again."""
    whole = train(spec, _keep_quiet)

    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 27:
            raise KilledError

    broken = replace(spec, output=tmp_path / "broken.safetensors")
    with pytest.raises(KilledError):
        train(broken, kill)
    assert not broken.output.exists()
    seen: list[int] = []
    resumed = train(replace(broken, resume=True), lambda p: seen.append(p.step))
    assert seen[0] == 21
    for name, tensor in read_weights(whole)[0].items():
        assert torch.equal(tensor, read_weights(resumed)[0][name]), name


def test_clip_model_records_its_partner(spec: TrainSpec, tmp_path: Path) -> None:
    frame = train(spec, _keep_quiet)
    recipe = replace(SMALL, steps=6)
    clip_spec = replace(
        spec, model="srnet3d", behind=frame, recipe=recipe, output=tmp_path / "c.safetensors"
    )
    path = train(clip_spec, _keep_quiet)
    _, record = read_weights(path)
    assert (record.arch, record.window) == ("srnet3d", 5)
    assert record.partner_sha256 == file_sha256(frame)
    with pytest.raises(ValueError, match="give --behind"):
        train(replace(clip_spec, behind=None, overwrite=True), _keep_quiet)


def test_joint_run_starts_from_both_stages(
    spec: TrainSpec, random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = replace(SMALL, steps=4, batch_size=2)
    joint = replace(
        spec,
        model="2d3d-joint",
        recipe=recipe,
        output=tmp_path / "j.safetensors",
        start=random_weights,
    )
    path = train(joint, _keep_quiet)
    tensors, record = read_weights(path)
    assert (record.arch, record.window, record.scale) == ("2d3d-joint", 5, 2)
    assert record.training["start"] == [file_sha256(file) for file in random_weights]
    # A short run from given weights stays near them; a fresh one would not.
    for part, file in zip(("frame", "clip"), random_weights, strict=True):
        for name, tensor in read_weights(file)[0].items():
            assert (tensor - tensors[f"{part}.{name}"]).abs().max() < 0.02, name
    again = replace(joint, start=(path,), output=tmp_path / "again.safetensors")
    for name, tensor in read_weights(train(again, _keep_quiet))[0].items():
        assert (tensor - tensors[name]).abs().max() < 0.02, name


@pytest.mark.parametrize("model", ["plain-s", "2d3d-fast"])
def test_reparameterised_run_resumes_and_writes_single_convolutions(
    model: str, spec: TrainSpec, tmp_path: Path
) -> None:
    recipe = replace(SMALL, steps=6, batch_size=2, reparameterised=True)
    own = replace(spec, model=model, recipe=recipe, checkpoint_every=3)
    own = replace(own, output=tmp_path / "whole.safetensors")
    tensors, record = read_weights(train(own, _keep_quiet))
    fresh = get_spec(model).build(2, True).state_dict()
    assert tensors.keys() == fresh.keys()
    assert record.training["recipe"]["reparameterised"] is True

    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 4:
            raise KilledError

    broken = replace(own, output=tmp_path / "broken.safetensors")
    with pytest.raises(KilledError):
        train(broken, kill)
    for name, tensor in read_weights(train(replace(broken, resume=True), _keep_quiet))[0].items():
        assert torch.equal(tensor, tensors[name]), name
    single = replace(recipe, reparameterised=False)
    with pytest.raises(ValueError, match="residual, reparameterised', this run is"):
        train(replace(broken, recipe=single, resume=True), _keep_quiet)


def test_weights_that_are_trained_on_with_branches_start_as_they_are(
    spec: TrainSpec, tmp_path: Path
) -> None:
    """At a rate of next to nothing they end as they started, to the rounding of float32."""
    start = train(replace(spec, recipe=replace(SMALL, steps=6)), _keep_quiet)
    still = replace(SMALL, steps=2, learning_rate=1e-12, reparameterised=True)
    output = tmp_path / "still.safetensors"
    path = train(replace(spec, start=(start,), recipe=still, output=output), _keep_quiet)
    tensors = read_weights(path)[0]
    for name, tensor in read_weights(start)[0].items():
        assert torch.allclose(tensor, tensors[name], rtol=1e-5, atol=1e-6), name


def test_refiner_of_two_by_two_pixels_takes_even_patches(spec: TrainSpec, tmp_path: Path) -> None:
    frame = train(spec, _keep_quiet)
    output = tmp_path / "r.safetensors"
    own = replace(spec, model="refine3d", behind=frame, output=output)
    with pytest.raises(ValueError, match="patch must be a multiple of 2 for this network, got 15"):
        train(replace(own, recipe=replace(SMALL, patch=15)), _keep_quiet)
    train(replace(own, recipe=replace(SMALL, steps=2)), _keep_quiet)
    assert read_weights(output)[1].partner_sha256 == file_sha256(frame)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_are_zero_or_least_for_equal_images(loss: str) -> None:
    image = torch.rand(2, 1, 16, 16)
    near, far = LOSSES[loss](image, 0.98 * image + 0.01), LOSSES[loss](image, 0.8 * image + 0.1)
    assert LOSSES[loss](image, image) < near < far


def test_psnr_loss_is_the_mean_psnr_in_bels() -> None:
    hr = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    sr = hr + torch.tensor([0.02, 0.1, 0.3], dtype=torch.float64)[:, None, None, None]
    mean_psnr = np.mean([psnr(a[0], b[0]) for a, b in zip(sr, hr, strict=True)])
    bels = LOSSES["psnr"](sr, hr) - 2 * math.log10(255)
    assert float(bels) == pytest.approx(-mean_psnr / 10, abs=1e-3)


def test_learning_rate_warms_up_and_decays() -> None:
    recipe = replace(SMALL, steps=100, warmup_steps=10)
    rates = [learning_rate(recipe, step) for step in range(101)]
    assert rates[0] == pytest.approx(recipe.learning_rate / 10)
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert rates[100] == pytest.approx(FINAL_RATE * recipe.learning_rate)
    assert all(later <= earlier for earlier, later in pairwise(rates[10:]))


def test_recipes_are_found_by_name() -> None:
    assert find_recipe("2d3d-joint") is RECIPES["ours"]["2d3d-joint"]
    with pytest.raises(ValueError, match="no recipe for 'bicubic': there are srcnn, srcnn-915"):
        find_recipe("bicubic")
    with pytest.raises(ValueError, match="no recipe of a paper for 'plain': there are srcnn"):
        find_recipe("plain", "paper")


def test_every_network_has_a_recipe() -> None:
    trained = {name for name in MODELS if get_spec(name).has_weights and name != "spandrel"}
    assert trained == {*RECIPES["ours"]}


def test_paper_rates_are_those_of_the_papers() -> None:
    """The rate of every layer behind the warm-up, and after the steps at which it falls."""
    for model, rates in (("fsrcnn", (1e-3, 1e-4)), ("srcnn", (1e-4, 1e-5))):
        recipe = find_recipe(model, "paper")
        optimizer = make_optimizer(get_spec(model).build(3, False), recipe)
        set_learning_rate(optimizer, recipe, recipe.warmup_steps)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(rates)
    recipe = find_recipe("vdsr", "paper")
    found = [learning_rate(recipe, step) for step in (1_000, 49_999, 50_000, 100_000, 199_999)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 1e-3, 1e-4])
    assert recipe.scales == (2, 3, 4)


@pytest.mark.parametrize("model", ["srcnn", "fsrcnn", "espcn"])
def test_rates_of_the_papers_are_for_their_loss(model: str, spec: TrainSpec) -> None:
    """SGD learns by them; on errors in code values it went to infinity within eight steps."""
    recipe = find_recipe(model, "paper")
    assert recipe.optimizer == "sgd"
    recipe = replace(recipe, steps=60, batch_size=4, sizes=(1.0,))
    losses: list[float] = []
    spec = replace(spec, model=model, recipe=recipe, checkpoint_every=60, validation=())
    train(spec, lambda progress: losses.append(progress.loss))
    assert np.mean(losses[-10:]) < 0.8 * losses[0]
    assert max(losses) < 4 * losses[0]


def test_losses_in_values_are_those_of_the_papers() -> None:
    """1/(2N) of the sum over patches of ||y - x||^2, and the mean over their pixels."""
    sr, hr = torch.rand(2, 3, 1, 5, 7, dtype=torch.float64)
    distances = [np.linalg.norm((a - b).numpy()) for a, b in zip(sr, hr, strict=True)]
    assert float(LOSSES["euclidean"](sr, hr)) == pytest.approx(
        sum(distance**2 for distance in distances) / (2 * 3)
    )
    assert float(LOSSES["unit-mse"](sr, hr)) == pytest.approx(
        ((sr.numpy() - hr.numpy()) ** 2).mean()
    )


def test_checkpoint_of_another_run_or_none_is_refused(spec: TrainSpec, tmp_path: Path) -> None:
    train(replace(spec, recipe=replace(SMALL, steps=20)), _keep_quiet)
    other = replace(spec, resume=True, recipe=replace(SMALL, residual=False))
    with pytest.raises(ValueError, match="checkpoint is of 'fsrcnn x2 residual', this run is"):
        train(other, _keep_quiet)
    nothing = replace(spec, resume=True, output=tmp_path / "new.safetensors")
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        train(nothing, _keep_quiet)


def test_weights_that_do_not_belong_are_refused(
    spec: TrainSpec, random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    frame, clip_path = random_weights
    output = tmp_path / "o.safetensors"
    for changes, words in (
        ({"start": (clip_path,)}, "which fsrcnn has no use for"),
        ({"start": (frame,), "scale": 3}, "is x2 residual, this run trains x3"),
        ({"behind": frame}, "--behind is for a clip model"),
        ({"model": "srnet3d", "behind": clip_path}, "takes weights of a 2D model"),
        ({"model": "srnet3d", "behind": frame, "output": frame}, "given with --behind"),
    ):
        changed = replace(spec, **{"output": output, "overwrite": True, **changes})
        with pytest.raises(ValueError, match=words):
            train(changed, _keep_quiet)
    assert not output.exists()


def test_damaged_checkpoint_is_refused(spec: TrainSpec) -> None:
    spec.output.with_suffix(".ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="cannot be read"):
        train(replace(spec, resume=True), _keep_quiet)


def _cli(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, args)])


def test_command_trains(clip: Callable[[str, int], Path], tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "notes.txt").write_text("no clip")
    clip("runs/a.mkv", 1)
    tuning = ["--steps", "3", "--batch-size", "2", "--patch", "16", "--device", "cpu"]
    result = _cli("fsrcnn", tmp_path / "w.safetensors", "--data", folder, *tuning)
    assert result.exit_code == 0, result.stderr
    assert "trained for 3 steps" in result.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["nope", "w.safetensors"], 2, "unknown model"),
        (["bicubic", "w.safetensors"], 2, "no recipe for 'bicubic'"),
        (["fsrcnn", "w.pth"], 2, "must end in .safetensors"),
        (["2d3d", "w.safetensors"], 2, "train fsrcnn and then srnet3d, or 2d3d-joint"),
        (["srnet3d", "w.safetensors"], 2, "give --behind"),
        (["fsrcnn", "no/w.safetensors"], 1, "folder no does not exist"),
        (["fsrcnn", "w.safetensors", "--scale", "9"], 2, "no scale 9"),
        (["fsrcnn", "w.safetensors", "--learning-rate", "2"], 2, "between 0 and 1"),
        (["fsrcnn", "w.safetensors", "--device", "tpu"], 2, "device must be"),
        (["fsrcnn", "w.safetensors", "--patch", "40"], 2, "patch must be at most 32"),
        (["vdsr", "w.safetensors", "--features", "20"], 2, "a multiple of 16, got 20"),
    ],
)
def test_bad_settings_are_one_line(
    args: list[str],
    code: int,
    words: str,
    clip: Callable[[str, int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = clip("a.mkv", 1)
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    result = _cli(*args, "--data", data)
    (line,) = result.stderr.splitlines()
    assert words in line
    assert result.exit_code == code
    assert {path.name for path in tmp_path.iterdir()} == {"a.mkv"}


def test_no_empty_bar_is_left_above_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal; the last that is done to its line is to erase it."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    monkeypatch.setattr("vsr_cli.cli.progress.Console", lambda **_: terminal)
    with pytest.raises(ValueError, match="no data"), training_bar("train fsrcnn", 9, 2):
        raise ValueError("no data")
    written = shown.getvalue()
    assert "train fsrcnn" in written
    assert written.rindex("\x1b[2K") > written.rindex("train fsrcnn")
    assert not written.endswith("\n")


def _still(path: Path, seed: int) -> Path:
    """A picture of coloured waves, 64x64."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:64, 0:64]
    waves = [np.sin(rows / draw.uniform(2, 6) + columns / draw.uniform(2, 6)) for _ in range(3)]
    iio.imwrite(path, (128 + 100 * np.stack(waves, -1)).astype(np.uint8))
    return path


def test_one_file_for_several_scales(spec: TrainSpec) -> None:
    """VDSR's joint training: x2, x3 and x4 in one file, each of which can be loaded."""
    recipe = replace(SMALL, steps=6, scales=(2, 3, 4), patch=10)
    path = train(replace(spec, model="vdsr", recipe=recipe, checkpoint_every=6), _keep_quiet)
    _, record = read_weights(path)
    assert record.trained_scales == (2, 3, 4)
    for scale in (2, 3, 4):
        loaded = load_model(get_spec("vdsr"), scale, path=path)
        assert loaded.module(torch.rand(1, 1, 8, 9)).shape == (1, 1, 8 * scale, 9 * scale)


def test_colours_are_learnt_from_stills(spec: TrainSpec, tmp_path: Path) -> None:
    spec = replace(
        spec,
        model="srresnet",
        data=(_still(tmp_path / "a.png", 1),),
        validation=(_still(tmp_path / "b.png", 2),),
        recipe=replace(SMALL, steps=2),
        checkpoint_every=2,
    )
    tensors, record = read_weights(train(spec, _keep_quiet))
    assert record.color == "rgb"
    assert record.training["curve"][0][1] > 10
    # The statistics of batch normalisation are averaged with the weights, not those of the start.
    assert tensors["fuse_norm.running_mean"].abs().sum() > 0


def test_generator_is_trained_against_a_discriminator(spec: TrainSpec, tmp_path: Path) -> None:
    recipe = replace(SMALL, steps=2, loss="adversarial", patch=8, margin=0)
    spec = replace(
        spec,
        model="srgan",
        data=(_still(tmp_path / "a.png", 1),),
        validation=(),
        recipe=recipe,
        checkpoint_every=1,
    )
    train(spec, _keep_quiet)
    log = spec.output.with_suffix(".jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(0 <= line["verdict"] <= 1 and line["pixel_error"] > 0 for line in lines)
    train(replace(spec, resume=True, recipe=replace(recipe, steps=3)), _keep_quiet)


def test_patience_ends_a_run_with_its_best_weights(spec: TrainSpec) -> None:
    """A rate that ruins the weights after a good beginning."""
    recipe = replace(
        SMALL, steps=200, patience=2, schedule="constant", learning_rate=0.02, clip="none"
    )
    path = train(replace(spec, recipe=recipe, checkpoint_every=2), _keep_quiet)
    _, record = read_weights(path)
    curve = [psnr for _, psnr in record.training["curve"]]
    assert record.training["steps"] < 200
    assert curve.index(max(curve)) == len(curve) - 3
    best = torch.load(spec.output.with_suffix(".best.ckpt"), weights_only=True)
    tensors, _ = read_weights(path)
    average = {name.removeprefix("module."): value for name, value in best["average"].items()}
    assert all(torch.equal(average[name], tensor) for name, tensor in tensors.items())


def test_curves_and_card_lie_beside_the_weights(spec: TrainSpec) -> None:
    path = train(spec, _keep_quiet)
    assert iio.imread(spec.output.with_suffix(".png")).shape[:2] == (540, 960)
    card = spec.output.with_suffix(".md").read_text(encoding="utf-8")
    for words in ("fsrcnn, 12,637 parameters", "train.mkv", "Steps: 40", file_sha256(path)):
        assert words in card


def test_own_clip_is_finetuned_from_released_weights(
    clip: Callable[[str, int], Path], tmp_path: Path
) -> None:
    data = clip("own.mkv", 1)
    output = tmp_path / "own.safetensors"
    result = _cli(
        "srnet3d", output, "--finetune", "--data", data, "--steps", 2, "--patch", 16, "--quiet"
    )
    assert result.exit_code == 0, result.stderr
    _, record = read_weights(output)
    entries = [e for e in released_weights() if (e.domain, e.scale) == ("natural", 2)]
    released = {entry.model: entry.sha256 for entry in entries}
    assert record.training["start"] == [released["srnet3d"]]
    assert record.partner_sha256 == released["fsrcnn"]
    usual = find_recipe("srnet3d")
    assert record.training["recipe"]["learning_rate"] == usual.learning_rate / 4


def test_third_stage_on_raw_bicubic(clip: Callable[[str, int], Path], tmp_path: Path) -> None:
    """Zhu & Gao's ablation: no 2D network, bicubic frames refined."""
    output = tmp_path / "raw.safetensors"
    result = _cli(
        *("srnet3d", output, "--behind", "bicubic", "--data", clip("a.mkv", 1), "--quiet"),
        *("--steps", 2, "--patch", 16, "--precision", "fp32"),
    )
    assert result.exit_code == 0, result.stderr
    _, record = read_weights(output)
    assert (record.partner_sha256, record.training["behind"]) == ("", "bicubic")
    result = _cli("srnet3d", output, "--behind", "nothing", "--data", clip("b.mkv", 1))
    assert (result.exit_code, "'nothing' does not exist" in result.stderr) == (2, True)


def test_validation_can_be_held_out_of_the_clip(spec: TrainSpec) -> None:
    _, record = read_weights(train(replace(spec, validation=(), hold_out=0.25), _keep_quiet))
    assert len(record.training["curve"]) == 2
    assert "25% of the data, held out" in spec.output.with_suffix(".md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="hold-out must be 0 or more and less than 1, got 1"):
        replace(spec, hold_out=1)


@pytest.mark.parametrize(("is_fast", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_precision_is_bf16_where_the_processor_is_fast_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_fast: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("vsr_cli.pipeline.device.has_flag", lambda *_, default: is_fast)
    spec = TrainSpec(
        model="fsrcnn",
        data=(tmp_path,),
        output=tmp_path / "w.safetensors",
        recipe=find_recipe("fsrcnn"),
    )
    assert training_precision(spec, torch.device("cpu")) == expected
    assert training_precision(spec, torch.device("cuda")) == torch.bfloat16
    named = replace(spec, precision="fp32")
    assert training_precision(named, torch.device("cpu")) == torch.float32
