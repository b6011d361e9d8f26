"""The state of one training: network, average, optimiser, random numbers, curve."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vsr_cli.specs import Recipe
from vsr_cli.training.distributed import (
    average_gradients,
    mean_of_all,
    of_all,
    of_first,
    share_start,
)
from vsr_cli.training.losses import Criterion
from vsr_cli.training.optimizer import Clipper, learning_rate, make_optimizer, set_learning_rate
from vsr_cli.training.pace import Pace
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.reparameterised import expand
from vsr_cli.training.supervision import share_of_each, supervised_loss
from vsr_cli.training.tasks import Task, validation_psnr, within


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
    rank: int = 0  # of this process; the first one writes
    tensorboard: Path | None = None


class Run:
    """One training: steps, validations, and a state that goes into a checkpoint."""

    def __init__(
        self, task: Task, recipe: Recipe, criterion: Criterion, settings: LoopSettings
    ) -> None:
        self.task, self.recipe, self.criterion, self.settings = task, recipe, criterion, settings
        if recipe.reparameterised:
            expand(task.module)
        task.module.to(settings.device).train()
        criterion.to(settings.device)
        share_start(task.module)
        share_start(criterion)
        self.average = AveragedModel(
            task.module, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
        )
        self.optimizer = make_optimizer(task.module, recipe)
        self.clipper = Clipper(recipe)
        self.generator = torch.Generator().manual_seed(settings.seed + 1009 * settings.rank)
        self.step = 0
        self.curve: list[list[float]] = []
        self.pace = Pace()  # of the whole run, since it began or went on
        self.pace_of_line = Pace()  # since the last line of the log
        self._seconds_before = 0.0
        self._started = time.monotonic()

    def update(self, lr: Tensor, hr: Tensor) -> float:
        """One step of the optimiser; returns the loss.

        Raises:
            FloatingPointError: the loss is not finite, or a discriminator has made it collapse.
        """
        device, dtype = self.settings.device, self.settings.autocast
        set_learning_rate(self.optimizer, self.recipe, self.step)
        lr, hr = lr.to(device), hr.to(device)
        scale = hr.shape[-1] // lr.shape[-1]
        share, margin = share_of_each(self.recipe, self.step), self.recipe.margin * scale
        each = None
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            if share:
                sr, each = self.task.forward_each(lr, scale)
            else:
                sr = self.task.forward(lr, scale)
        sr, hr = (within(patches, margin) for patches in (sr, hr))
        if each is None:
            loss = self.criterion(sr, hr)
        else:
            loss = supervised_loss(self.criterion, sr, within(each, margin), hr, share=share)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.task.module.parameters())
        self.clipper.clip(self.task.module, learning_rate(self.recipe, self.step))
        self.optimizer.step()
        self.average.update_parameters(self.task.module)
        self.criterion.learn(sr.detach(), hr, learning_rate(self.recipe, self.step))
        self.step += 1
        value = float(mean_of_all(loss.detach()))
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step}: try a lower --learning-rate"
            )
        return value

    def validate(self, clips: Sequence[ClipPair]) -> float | None:
        """The PSNR of the averaged weights in dB, put on the curve: the first process's for all."""
        if not clips:
            return None
        psnr = of_first(self._psnr(clips), self.settings.device)
        self.curve.append([self.step, round(psnr, 4)])
        return psnr

    def _psnr(self, clips: Sequence[ClipPair]) -> float:
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
        return psnr

    @property
    def is_stuck(self) -> bool:
        """True if the recipe's patience with the validation curve is over."""
        if not self.recipe.patience or not self.curve:
            return False
        scores = [psnr for _, psnr in self.curve]
        return len(scores) - 1 - scores.index(max(scores)) >= self.recipe.patience

    @property
    def is_best(self) -> bool:
        """True if the last validation is the best one so far."""
        return bool(self.curve) and self.curve[-1][1] == max(psnr for _, psnr in self.curve)

    def seconds(self) -> float:
        """How long the run has taken, also before it was resumed."""
        return self._seconds_before + time.monotonic() - self._started

    def state(self) -> dict[str, Any]:
        """All that a checkpoint holds, that of the first process; each one must ask for it."""
        return {
            "step": self.step,
            "purpose": self.settings.purpose,
            "model": self.task.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "criterion": self.criterion.state_dict(),
            "generator": of_all(self.generator.get_state(), self.settings.device),
            "norm": self.clipper.norm,
            "curve": self.curve,
            "seconds": self.seconds(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: it belongs to another network, scale or form.
        """
        if (found := state.get("purpose")) != self.settings.purpose:
            raise ValueError(
                f"the checkpoint is of {found!r}, this run is {self.settings.purpose!r}: "
                "start again without --resume"
            )
        self.task.module.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.criterion.load_state_dict(state["criterion"])
        self.step = int(state["step"])
        states, rank = torch.atleast_2d(state["generator"]), self.settings.rank
        if rank < len(states):
            self.generator.set_state(states[rank].clone())  # a view of a row makes PyTorch crash
        else:  # there are more processes than before: draw other batches than they do
            self.generator.manual_seed(self.settings.seed + 1009 * rank + self.step)
        self.clipper.norm = float(state["norm"])
        self.curve = list(state["curve"])
        self._seconds_before = float(state["seconds"])

    def log_line(self, loss: float, psnr: float | None) -> str:
        """One line of JSON: the step, its mean loss, PSNR in dB, rate and seconds."""
        line = {
            "step": self.step,
            "loss": round(loss, 5),
            "psnr": None if psnr is None else round(psnr, 4),
            "learning_rate": learning_rate(self.recipe, self.step),
            "seconds": round(self.seconds(), 1),
            **self.pace_of_line.figures(),
            **self.criterion.figures(),
        }
        if self.recipe.supervision:
            line["supervision"] = round(share_of_each(self.recipe, self.step), 4)
        return json.dumps(line)
