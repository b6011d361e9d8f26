"""One training run from settings to weight file; the page of this folder to read first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from vsr_cli.errors import OutputError
from vsr_cli.models import get_spec, parse_chain
from vsr_cli.models.load import load_model
from vsr_cli.models.rewrite import channels_last, rewrite
from vsr_cli.models.weights import WeightRecord, file_sha256, fill, read_weights, save_weights
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.specs import TrainSpec
from vsr_cli.training.loop import LoopSettings, Progress, fit
from vsr_cli.training.pairs import ClipPair, load_clip, upscale_pair
from vsr_cli.training.tasks import ClipTask, FrameTask, JointTask, Task


def train(spec: TrainSpec, on_step: Callable[[Progress], None]) -> list[Path]:
    """Train a network and write its weight file, with the record of the run inside.

    A 2D network learns from degraded frames; a clip network from windows of what the weights
    ``spec.behind`` make of them; ``2d3d`` trains both in one graph and writes two files.
    ``OUT.ckpt`` and ``OUT.jsonl`` lie beside the output.

    Raises:
        ValueError: settings that do not fit each other.
        VsrError: data or weights that cannot be read, output that exists.
    """
    outputs = output_paths(spec)
    for path in outputs:
        if path.exists() and not (spec.overwrite or spec.resume):
            raise OutputError(f"{path} exists: give --overwrite to replace it")
        if not path.parent.is_dir():
            raise OutputError(f"folder {path.parent} does not exist")
    device = choose_device(spec.device)
    torch.manual_seed(spec.seed)
    task, models, partner = _build(spec)
    clips, validation = _load(spec, spec.data), _load(spec, spec.validation)
    settings = LoopSettings(
        checkpoint=spec.output.with_suffix(".ckpt"),
        log=spec.output.with_suffix(".jsonl"),
        every=spec.checkpoint_every,
        validation_frames=spec.validation_frames,
        seed=spec.seed,
        purpose=f"{spec.model} {_form(spec.scale, spec.recipe.residual)}",
        device=device,
        autocast=_autocast(choose_precision(spec.precision, device)),
        resume=spec.resume,
    )
    result = fit(task, clips, validation, spec.recipe, settings, on_step)
    for path, (name, model) in zip(outputs, models, strict=True):
        record = _record(spec, name, partner, result)
        digest = save_weights(path, model, record)
        partner = partner or digest  # the clip model of a joint run stands behind its 2D model
    return outputs


def output_paths(spec: TrainSpec) -> list[Path]:
    """The weight files of a run: one, or for a joint run one per stage."""
    names = parse_chain(spec.model)
    if len(names) == 1:
        return [spec.output]
    return [spec.output.with_name(f"{spec.output.stem}_{name}.safetensors") for name in names]


def _build(spec: TrainSpec) -> tuple[Task, list[tuple[str, nn.Module]], str]:
    """The task, its networks by name, and the SHA-256 of the 2D weights it stands behind."""
    names = parse_chain(spec.model)
    for path in spec.start:
        if (arch := read_weights(path)[1].arch) not in names:
            raise ValueError(f"{path} holds weights of {arch}, which {spec.model} has no use for")
    models = [(name, _start(spec, name)) for name in names]
    kinds = [get_spec(name).kind for name in names]
    if spec.behind is not None and kinds != ["clip"]:
        raise ValueError(f"--behind is for a clip model such as srnet3d, got {spec.model}")
    if kinds == ["frame"]:
        return FrameTask(models[0][1]), models, ""
    if kinds == ["clip"]:
        if spec.behind is None:
            raise ValueError(f"{spec.model} refines what a 2D stage upscaled: give --behind FILE")
        if get_spec(arch := read_weights(spec.behind)[1].arch).kind != "frame":
            raise ValueError(f"--behind takes weights of a 2D model, {spec.behind} is of {arch}")
        if spec.behind.resolve() in (path.resolve() for path in output_paths(spec)):
            raise ValueError(f"the output {spec.behind} is the file given with --behind")
        return ClipTask(models[0][1]), models, file_sha256(spec.behind)
    if kinds == ["frame", "clip"]:
        return JointTask(models[0][1], models[1][1]), models, ""
    raise ValueError(f"{spec.model} cannot be trained: give a 2D model, a clip model or 2D+clip")


def _start(spec: TrainSpec, name: str) -> nn.Module:
    """A fresh network, or one with the weights of that file of ``spec.start`` which is for it."""
    model_spec = get_spec(name)
    if not model_spec.has_weights:
        raise ValueError(f"{name} has no weights to train")
    scale = spec.scale if model_spec.scales != (1,) else 1
    if scale not in model_spec.scales:
        known = ", ".join(map(str, model_spec.scales))
        raise ValueError(f"{name} has no scale {scale}: known are {known}")
    model = model_spec.build(scale, spec.recipe.residual)
    for path in spec.start:
        tensors, record = read_weights(path)
        if record.arch == name:
            _check_start(path, record, spec)
            fill(model, tensors, path)
    return model


def _check_start(path: Path, record: WeightRecord, spec: TrainSpec) -> None:
    wanted, found = (spec.scale, spec.recipe.residual), (record.scale, record.residual)
    if found != wanted:
        raise ValueError(f"{path} is {_form(*found)}, this run trains {_form(*wanted)}")


def _form(scale: int, residual: bool) -> str:
    return f"x{scale} {'residual' if residual else 'plain'}"


def _load(spec: TrainSpec, paths: Sequence[Path]) -> list[ClipPair]:
    clips = [load_clip(path, spec.scale) for path in paths]
    if spec.behind is None:
        return clips
    _, record = read_weights(spec.behind)
    loaded = load_model(get_spec(record.arch), spec.scale, path=spec.behind)
    module = channels_last(rewrite(loaded.module))
    network = TiledModel(module, scale=loaded.scale, radius=loaded.spec.radius)
    return [upscale_pair(clip, network) for clip in clips]


def _record(
    spec: TrainSpec, name: str, partner: str, result: dict[str, float | int | list[list[float]]]
) -> WeightRecord:
    model_spec = get_spec(name)
    training = {
        **result,
        "recipe": asdict(spec.recipe),
        "data": [path.name for path in spec.data],
        "validation": [path.name for path in spec.validation],
        "start": [file_sha256(path) for path in spec.start],
        "degradation": "bicubic, antialiased, 8 bits",
        "seed": spec.seed,
        "joint": "+" in spec.model or len(parse_chain(spec.model)) > 1,
        "torch": torch.__version__,
    }
    return WeightRecord(
        arch=name,
        scale=spec.scale,
        window=model_spec.window,
        residual=spec.recipe.residual,
        domain=spec.domain,
        partner_sha256=partner if model_spec.kind == "clip" else "",
        training=training,
    )


def _autocast(precision: torch.dtype) -> torch.dtype | None:
    return None if precision == torch.float32 else precision
