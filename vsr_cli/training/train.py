"""One training run from settings to weight file; the page of this folder to read first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from vsr_cli.errors import OutputError
from vsr_cli.models import get_spec
from vsr_cli.models.joint import PARTS, Joint2D3D
from vsr_cli.models.load import load_model
from vsr_cli.models.rewrite import channels_last, rewrite
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, file_sha256, fill, read_weights, save_weights
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.specs import TrainSpec
from vsr_cli.specs.degradation import BICUBIC
from vsr_cli.specs.degradation_text import degradation_record
from vsr_cli.training.loop import LoopSettings, Progress, fit
from vsr_cli.training.pairs import ClipPair, load_clip, upscale_pair
from vsr_cli.training.tasks import ClipTask, FrameTask, Task


def train(spec: TrainSpec, on_step: Callable[[Progress], None]) -> Path:
    """Train a network and write its weight file, with the record of the run inside.

    A network that enlarges learns from degraded frames, or windows of them; one that refines from
    windows of what the weights ``spec.behind`` make of them. ``OUT.ckpt`` and ``OUT.jsonl`` lie
    beside the output, which is returned.

    Raises:
        ValueError: settings that do not fit each other.
        VsrError: data or weights that cannot be read, output that exists.
    """
    if spec.output.exists() and not (spec.overwrite or spec.resume):
        raise OutputError(f"{spec.output} exists: give --overwrite to replace it")
    if not spec.output.parent.is_dir():
        raise OutputError(f"folder {spec.output.parent} does not exist")
    device = choose_device(spec.device)
    torch.manual_seed(spec.seed)
    model_spec, task, partner = _build(spec)
    clips, validation = _load(spec, spec.data), _load(spec, spec.validation)
    settings = LoopSettings(
        checkpoint=spec.output.with_suffix(".ckpt"),
        log=spec.output.with_suffix(".jsonl"),
        every=spec.checkpoint_every,
        validation_frames=spec.validation_frames,
        seed=spec.seed,
        purpose=_purpose(spec),
        device=device,
        autocast=_autocast(choose_precision(spec.precision, device)),
        resume=spec.resume,
    )
    result = fit(task, clips, validation, spec.recipe, settings, on_step)
    save_weights(spec.output, task.module, _record(spec, model_spec, partner, result))
    return spec.output


def _build(spec: TrainSpec) -> tuple[ModelSpec, Task, str]:
    """The network, its task, and the SHA-256 of the 2D weights that it stands behind."""
    model_spec = get_spec(spec.model)
    model = _start(spec, model_spec)
    refines = model_spec.scales == (1,)
    if spec.behind is not None and not refines:
        raise ValueError(f"--behind is for a clip model such as srnet3d, got {spec.model}")
    if model_spec.kind == "frame":
        return model_spec, FrameTask(model), ""
    if not refines:
        return model_spec, ClipTask(model), ""
    if spec.behind is None:
        raise ValueError(f"{spec.model} refines what a 2D stage upscaled: give --behind FILE")
    if get_spec(arch := read_weights(spec.behind)[1].arch).kind != "frame":
        raise ValueError(f"--behind takes weights of a 2D model, {spec.behind} is of {arch}")
    if spec.behind.resolve() == spec.output.resolve():
        raise ValueError(f"the output {spec.behind} is the file given with --behind")
    return model_spec, ClipTask(model, unit=model_spec.unit), file_sha256(spec.behind)


def _start(spec: TrainSpec, model_spec: ModelSpec) -> nn.Module:
    """A fresh network, or one with the weights of ``spec.start``: its own, or those of its parts.

    Raises:
        ValueError: it cannot be trained so, or a file is not for it.
    """
    name = model_spec.name
    if not model_spec.has_weights:
        raise ValueError(f"{name} has no weights to train")
    scale = spec.scale if model_spec.scales != (1,) else 1
    if scale not in model_spec.scales:
        known = ", ".join(map(str, model_spec.scales))
        raise ValueError(f"{name} has no scale {scale}: known are {known}")
    model = model_spec.build(scale, spec.recipe.residual)
    parts = {name: model}
    if isinstance(model, Joint2D3D):
        parts |= {arch: model.get_submodule(part) for arch, part in PARTS.items()}
    for path in spec.start:
        tensors, record = read_weights(path)
        if record.arch not in parts:
            raise ValueError(f"{path} holds weights of {record.arch}, which {name} has no use for")
        _check_start(path, record, spec)
        fill(parts[record.arch], tensors, path)
    return model


def _check_start(path: Path, record: WeightRecord, spec: TrainSpec) -> None:
    wanted, found = (spec.scale, spec.recipe.residual), (record.scale, record.residual)
    if found != wanted:
        raise ValueError(f"{path} is {_form(*found)}, this run trains {_form(*wanted)}")


def _form(scale: int, residual: bool) -> str:
    return f"x{scale} {'residual' if residual else 'plain'}"


def _purpose(spec: TrainSpec) -> str:
    branches = ", reparameterised" if spec.recipe.reparameterised else ""
    other = "" if spec.degradation == BICUBIC else f", {spec.degradation}"
    return f"{spec.model} {_form(spec.scale, spec.recipe.residual)}{branches}{other}"


def _load(spec: TrainSpec, paths: Sequence[Path]) -> list[ClipPair]:
    clips = [load_clip(path, spec.scale, spec.degradation) for path in paths]
    if spec.behind is None:
        return clips
    _, record = read_weights(spec.behind)
    loaded = load_model(get_spec(record.arch), spec.scale, path=spec.behind)
    module = channels_last(rewrite(loaded.module))
    network = TiledModel(module, scale=loaded.scale, radius=loaded.spec.radius)
    return [upscale_pair(clip, network) for clip in clips]


def _record(
    spec: TrainSpec,
    model_spec: ModelSpec,
    partner: str,
    result: dict[str, float | int | list[list[float]]],
) -> WeightRecord:
    training = {
        **result,
        "recipe": asdict(spec.recipe),
        "data": [path.name for path in spec.data],
        "validation": [path.name for path in spec.validation],
        "start": [file_sha256(path) for path in spec.start],
        "degradation": degradation_record(spec.degradation),
        "seed": spec.seed,
        "torch": torch.__version__,
    }
    return WeightRecord(
        arch=model_spec.name,
        scale=spec.scale,
        window=model_spec.window,
        residual=spec.recipe.residual,
        domain=spec.domain,
        partner_sha256=partner,
        training=training,
    )


def _autocast(precision: torch.dtype) -> torch.dtype | None:
    return None if precision == torch.float32 else precision
