"""One training run from settings to weight file; the page of this folder to read first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from vsr_cli.errors import OutputError
from vsr_cli.models import get_spec
from vsr_cli.models.load import load_model
from vsr_cli.models.rewrite.faster import channels_last, rewrite
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, file_sha256, read_weights, save_weights
from vsr_cli.pipeline.device import choose_device, choose_precision, precision_name
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.specs import BICUBIC, TrainSpec
from vsr_cli.specs.degradation_text import degradation_record
from vsr_cli.training.adversarial import AdversarialCriterion
from vsr_cli.training.card import write_card
from vsr_cli.training.curves import draw_curves
from vsr_cli.training.distributed import joined, own_device
from vsr_cli.training.loop import Progress, fit
from vsr_cli.training.losses import LOSSES, Criterion
from vsr_cli.training.pairs import ClipPair, hold_out, upscale_pair
from vsr_cli.training.sources import SourceSettings, load_pairs
from vsr_cli.training.start import form_name, in_width_of_start, start_network
from vsr_cli.training.state import LoopSettings
from vsr_cli.training.storage import storage_type
from vsr_cli.training.tasks import Task

NAMED = 20  # files of a folder that a record names


def train(spec: TrainSpec, on_step: Callable[[Progress], None]) -> Path:
    """Train a network and write its weight file, with the record of the run inside.

    A network that enlarges learns from degraded frames, or windows of them; one that refines from
    windows of what the weights ``spec.behind`` make of them. Beside the output, which is returned,
    lie ``OUT.ckpt``, ``OUT.best.ckpt``, ``OUT.jsonl``, the curves as ``OUT.png`` and the model card
    ``OUT.md``. Under ``torchrun`` each process draws its own batches, and the first one writes.

    Raises:
        ValueError: settings that do not fit each other.
        VsrError: data or weights that cannot be read, output that exists.
    """
    _check_output(spec)
    spec = in_width_of_start(spec)
    device = choose_device(own_device(spec.device))
    training_precision(spec, device)  # which may not go on that device
    torch.manual_seed(spec.seed)
    model_spec, task, partner = _build(spec)
    clips, validation = _load_all(spec)
    with joined(device) as rank:
        settings = _loop_settings(spec, device, rank)
        criterion = _criterion(spec)
        result = fit(task, clips, validation, spec.recipe, criterion, settings, on_step)
        if rank == 0:
            record = _record(spec, model_spec, partner, result, device)
            dtype = storage_type(task, validation, settings)
            save_weights(spec.output, task.module, record, dtype=dtype)
            draw_curves(settings.log, spec.output.with_suffix(".png"), title=_purpose(spec))
            write_card(spec.output.with_suffix(".md"), spec.output, record)
    return spec.output


def _check_output(spec: TrainSpec) -> None:
    if spec.output.exists() and not (spec.overwrite or spec.resume):
        raise OutputError(f"{spec.output} exists: give --overwrite to replace it")
    if not spec.output.parent.is_dir():
        raise OutputError(f"folder {spec.output.parent} does not exist")


def _loop_settings(spec: TrainSpec, device: torch.device, rank: int) -> LoopSettings:
    return LoopSettings(
        checkpoint=spec.output.with_suffix(".ckpt"),
        log=spec.output.with_suffix(".jsonl"),
        every=spec.checkpoint_every,
        validation_frames=spec.validation_frames,
        seed=spec.seed,
        purpose=_purpose(spec),
        device=device,
        autocast=_autocast(training_precision(spec, device)),
        resume=spec.resume,
        rank=rank,
        tensorboard=spec.tensorboard,
    )


def _build(spec: TrainSpec) -> tuple[ModelSpec, Task, str]:
    """The network, its task, and the SHA-256 of the 2D weights that it stands behind."""
    model_spec = get_spec(spec.model)
    model = start_network(spec, model_spec)
    if spec.behind is not None and model_spec.enlarges:
        raise ValueError(f"--behind is for a clip model such as srnet3d, got {spec.model}")
    if model_spec.enlarges:
        return model_spec, Task(model_spec, model), ""
    if spec.behind is None:
        raise ValueError(f"{spec.model} refines what a 2D stage upscaled: give --behind FILE")
    if isinstance(spec.behind, str):
        return model_spec, Task(model_spec, model), ""
    if get_spec(arch := read_weights(spec.behind)[1].arch).kind != "frame":
        raise ValueError(f"--behind takes weights of a 2D model, {spec.behind} is of {arch}")
    if spec.behind.resolve() == spec.output.resolve():
        raise ValueError(f"the output {spec.behind} is the file given with --behind")
    return model_spec, Task(model_spec, model), file_sha256(spec.behind)


def _criterion(spec: TrainSpec) -> Criterion:
    recipe = spec.recipe
    if recipe.loss != "adversarial":
        return Criterion(LOSSES[recipe.loss])
    patch = spec.scale * (recipe.patch - 2 * recipe.margin)
    return AdversarialCriterion(
        patch=patch, learning_rate=recipe.learning_rate, vgg=spec.perceptual_weights
    )


def _purpose(spec: TrainSpec) -> str:
    branches = ", reparameterised" if spec.recipe.reparameterised else ""
    other = "" if spec.degradation == BICUBIC else f", {spec.degradation}"
    features = _other_features(spec)
    width = "" if features is None else f", {features} channels"
    return f"{spec.model} {form_name(spec.scale, spec.recipe.residual)}{width}{branches}{other}"


def _other_features(spec: TrainSpec) -> int | None:
    """Channels of the network where they are not the paper's."""
    return None if spec.features == get_spec(spec.model).features else spec.features


def _load_all(spec: TrainSpec) -> tuple[dict[int, list[ClipPair]], list[ClipPair]]:
    """What is learnt from, by scale, and what is scored on."""
    clips = {scale: _load(spec, scale, is_training=True) for scale in spec.scales}
    validation = [pair for scale in spec.scales for pair in _load(spec, scale, is_training=False)]
    if spec.hold_out:
        for scale, pairs in clips.items():
            clips[scale], held = hold_out(pairs, spec.hold_out)
            validation += held
    return clips, validation


def _load(spec: TrainSpec, scale: int, *, is_training: bool) -> list[ClipPair]:
    model_spec = get_spec(spec.model)
    settings = SourceSettings(
        scale=scale,
        color=model_spec.color,
        window=model_spec.window,
        seed=spec.seed,
        variable=spec.variable,
        degradation=spec.degradation,
        max_pixels=spec.max_pixels,
    )
    if is_training:
        settings = replace(settings, simulated=spec.simulated)
        enlarged = 1 if spec.behind is None else scale
        recipe = spec.recipe
        settings = replace(settings, sizes=recipe.sizes, patch=recipe.patch, enlarged=enlarged)
    clips = load_pairs(spec.data if is_training else spec.validation, settings)
    if spec.behind is None:
        return clips
    path = spec.behind if isinstance(spec.behind, Path) else None
    name = read_weights(path)[1].arch if path else str(spec.behind)
    loaded = load_model(get_spec(name), scale, path=path)
    module = channels_last(rewrite(loaded.module))
    network = TiledModel(module, scale=loaded.scale, radius=loaded.spec.radius)
    return [upscale_pair(clip, network) for clip in clips]


def _record(
    spec: TrainSpec,
    model_spec: ModelSpec,
    partner: str,
    result: dict[str, Any],
    device: torch.device,
) -> WeightRecord:
    start = [*spec.start, *([spec.transfer] if spec.transfer else [])]
    training = {
        **result,
        "recipe": asdict(spec.recipe),
        "data": [*_names(spec.data), *(run.name for run in spec.simulated)],
        "behind": spec.behind if isinstance(spec.behind, str) else "",
        "validation": _names(spec.validation),
        "hold_out": spec.hold_out,
        "start": [file_sha256(path) for path in start],
        "degradation": degradation_record(spec.degradation),
        "licence": spec.licence,
        "seed": spec.seed,
        "torch": torch.__version__,
        "device": device.type,
        "precision": precision_name(training_precision(spec, device)),
    }
    return WeightRecord(
        arch=model_spec.name,
        scale=spec.scale,
        scales=spec.recipe.scales,
        color=model_spec.color,
        window=model_spec.window,
        features=_other_features(spec),
        residual=spec.recipe.residual,
        domain=spec.domain,
        partner_sha256=partner,
        training=training,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """The files' names; of many in one folder the folder's, with their number."""
    by_folder: dict[Path, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path.name)
    return [
        name
        for folder, names in by_folder.items()
        for name in (names if len(names) <= NAMED else [f"{folder.name}: {len(names)} files"])
    ]


def training_precision(spec: TrainSpec, device: torch.device) -> torch.dtype:
    """``auto`` is bf16 where the device is fast at it: losses need its range, not its mantissa."""
    if spec.precision == "auto" and device.type == "cuda":
        return torch.bfloat16
    return choose_precision(spec.precision, device, bf16_loss=0.0)


def _autocast(precision: torch.dtype) -> torch.dtype | None:
    return None if precision == torch.float32 else precision
