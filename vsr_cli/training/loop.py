"""The loop: batches in, better weights out, with a log and a checkpoint that a kill survives."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vsr_cli.specs import Recipe
from vsr_cli.training.checkpoint import load_checkpoint, save_checkpoint
from vsr_cli.training.losses import LOSSES
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.reparameterised import collapse, expand
from vsr_cli.training.tasks import Task, patch_loss, sampler_for, validation_psnr

FINAL_RATE = 0.01  # of the peak learning rate, at the last step
NORM_MEMORY = 0.99  # of the running mean of the gradient's norm that clipping is relative to
SPIKE = 4.0  # a gradient this many times the running mean is scaled down to it


@dataclass(frozen=True, slots=True)
class Progress:
    """What a listener is told after each step."""

    step: int
    loss: float
    psnr: float | None  # dB on the validation clips, where it was just measured


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Where a run writes and how often, apart from its recipe."""

    checkpoint: Path
    log: Path
    every: int
    validation_frames: int
    seed: int
    purpose: str  # what is trained; a checkpoint of another purpose is refused
    device: torch.device
    autocast: torch.dtype | None
    resume: bool


def fit(
    task: Task,
    clips: Sequence[ClipPair],
    validation: Sequence[ClipPair],
    recipe: Recipe,
    settings: LoopSettings,
    on_step: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train ``task.module`` in place; it ends with its averaged (EMA) weights, in its own layout.

    Returns:
        steps, seconds, final validation PSNR and the curve as [step, dB] pairs.
    """
    run = _Run(task, recipe, settings)
    if settings.resume:
        run.restore(load_checkpoint(settings.checkpoint))
    sampler = sampler_for(task, clips, patch=recipe.patch, generator=run.generator)
    settings.log.parent.mkdir(parents=True, exist_ok=True)
    with settings.log.open("a" if run.step else "w", encoding="utf-8") as log:
        while run.step < recipe.steps:
            lr, hr = sampler.batch(recipe.batch_size)
            loss = run.update(lr, hr, recipe.margin * sampler.scale)
            psnr = None
            if run.step % settings.every == 0 or run.step == recipe.steps:
                psnr = run.validate(validation)
                save_checkpoint(settings.checkpoint, run.state())
                log.write(json.dumps(run.log_line(loss, psnr)) + "\n")
                log.flush()
            on_step(Progress(run.step, loss, psnr))
    task.module.load_state_dict(run.average.module.state_dict())
    collapse(task.module)
    return {
        "steps": run.step,
        "seconds": round(run.seconds(), 1),
        "validation_psnr": run.curve[-1][1] if run.curve else None,
        "curve": run.curve,
    }


class _Run:
    """The state of one training: network, average, optimiser, random numbers, curve."""

    def __init__(self, task: Task, recipe: Recipe, settings: LoopSettings) -> None:
        self.task, self.recipe, self.settings = task, recipe, settings
        if recipe.reparameterised:
            expand(task.module)
        task.module.to(settings.device).train()
        self.average = AveragedModel(
            task.module, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay)
        )
        self.optimizer = torch.optim.Adam(task.module.parameters(), lr=recipe.learning_rate)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.step = 0
        self.norm = 0.0
        self.curve: list[list[float]] = []
        self._seconds_before = 0.0
        self._started = time.monotonic()

    def update(self, lr: torch.Tensor, hr: torch.Tensor, margin: int) -> float:
        """One step of the optimiser; returns the loss."""
        device, dtype = self.settings.device, self.settings.autocast
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            sr = self.task.forward(lr.to(device))
        loss = patch_loss(LOSSES[self.recipe.loss], sr, hr.to(device), margin)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._clip()
        self.optimizer.step()
        self.average.update_parameters(self.task.module)
        self.step += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step}: try a lower --learning-rate"
            )
        return value

    def validate(self, clips: Sequence[ClipPair]) -> float | None:
        if not clips:
            return None
        trained, self.task.module = self.task.module, self.average.module
        self.task.module.eval()
        psnr = validation_psnr(
            self.task,
            clips,
            num_frames=self.settings.validation_frames,
            device=self.settings.device,
            autocast=self.settings.autocast,
        )
        self.task.module = trained
        self.curve.append([self.step, round(psnr, 4)])
        return psnr

    def seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def state(self) -> dict[str, object]:
        return {
            "step": self.step,
            "purpose": self.settings.purpose,
            "model": self.task.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "norm": self.norm,
            "curve": self.curve,
            "seconds": self.seconds(),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: it belongs to another network, scale or form.
        """
        if (found := state.get("purpose")) != self.settings.purpose:
            raise ValueError(
                f"the checkpoint is of {found!r}, this run is {self.settings.purpose!r}: "
                "start again without --resume"
            )
        self.task.module.load_state_dict(state["model"])  # type: ignore[arg-type]
        self.average.load_state_dict(state["average"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        self.generator.set_state(state["generator"])  # type: ignore[arg-type]
        self.step = int(state["step"])  # type: ignore[call-overload]
        self.norm = float(state["norm"])  # type: ignore[arg-type]
        self.curve = list(state["curve"])  # type: ignore[call-overload]
        self._seconds_before = float(state["seconds"])  # type: ignore[arg-type]

    def log_line(self, loss: float, psnr: float | None) -> dict[str, float | int | None]:
        return {
            "step": self.step,
            "loss": round(loss, 5),
            "psnr": None if psnr is None else round(psnr, 4),
            "learning_rate": learning_rate(self.recipe, self.step),
            "seconds": round(self.seconds(), 1),
        }

    def _clip(self) -> None:
        """Scale a gradient that is far above its running mean down, so that no batch is a blow."""
        parameters = list(self.task.module.parameters())
        usual = self.norm if self.step else math.inf
        norm = float(nn.utils.clip_grad_norm_(parameters, SPIKE * usual))
        kept = min(norm, SPIKE * usual)
        self.norm = NORM_MEMORY * self.norm + (1 - NORM_MEMORY) * kept if self.step else norm


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine down to ``FINAL_RATE`` of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return recipe.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
