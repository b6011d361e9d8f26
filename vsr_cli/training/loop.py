"""The loop: batches in, better weights out, with a log and checkpoints that a kill survives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from vsr_cli.errors import MissingExtraError
from vsr_cli.specs import Recipe
from vsr_cli.training.checkpoint import load_checkpoint, save_checkpoint
from vsr_cli.training.distributed import wait_for_all, world_size
from vsr_cli.training.losses import Criterion
from vsr_cli.training.pace import Pace
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.reparameterised import collapse
from vsr_cli.training.sampler import PatchSampler
from vsr_cli.training.state import LoopSettings, Run
from vsr_cli.training.tasks import Task, sampler_for

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a listener is told after each step."""

    step: int
    loss: float
    psnr: float | None  # dB on the validation clips, where it was just measured
    learning_rate: float


def fit(
    task: Task,
    clips: Mapping[int, Sequence[ClipPair]],  # by scale
    validation: Sequence[ClipPair],
    recipe: Recipe,
    criterion: Criterion,
    settings: LoopSettings,
    on_step: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train ``task.module`` in place; it ends with its averaged (EMA) weights, in its own layout.

    Where the recipe's patience ends the run, they are those of the best validation.

    Returns:
        steps, seconds, final validation PSNR, the curve as [step, dB] pairs, and the figures of the
        pace since the run began or went on.
    """
    run = Run(task, recipe, criterion, settings)
    if settings.resume:
        run.restore(load_checkpoint(settings.checkpoint))
    samplers = [
        sampler_for(task, pairs, recipe, generator=run.generator) for pairs in clips.values()
    ]
    with ExitStack() as stack:
        record = _Recorder(run, settings, stack)
        losses: list[float] = []
        while run.step < recipe.steps and not run.is_stuck:
            loss = _step(run, samplers)
            losses.append(loss)
            psnr = None
            if run.step % settings.every == 0 or run.step == recipe.steps:
                psnr = run.validate(validation)
                _warn_of_standstill(run)
                record.checkpoint(fmean(losses), psnr)
                losses.clear()
                run.pace_of_line = Pace()
            rate = run.optimizer.param_groups[0]["lr"]
            on_step(Progress(run.step, loss, psnr, rate))
    wait_for_all()
    _take_average(run, settings)
    return {
        "steps": run.step,
        "seconds": round(run.seconds(), 1),
        "validation_psnr": run.curve[-1][1] if run.curve else None,
        "curve": run.curve,
        **run.pace.figures(),
    }


def _warn_of_standstill(run: Run) -> None:
    """Tell when two validations in a row give the same, to the last digit that is kept."""
    if len(run.curve) < 2 or run.settings.rank:
        return
    (before, first), (now, second) = run.curve[-2:]
    if first == second:
        logger.warning(
            "the validation is %g dB at step %d and at step %d: the network may have died (ReLU "
            "layers that are zero everywhere); try a lower --learning-rate or another --seed",
            second,
            before,
            now,
        )


def _take_average(run: Run, settings: LoopSettings) -> None:
    """Give the network the averaged weights: the last, or of a run that is stuck the best ones."""
    best = best_checkpoint(settings.checkpoint)
    if run.is_stuck and best.exists():
        run.average.load_state_dict(load_checkpoint(best)["average"])
    run.task.module.load_state_dict(run.average.module.state_dict())
    collapse(run.task.module)


def best_checkpoint(last: Path) -> Path:
    """Where the checkpoint of the best validation lies: ``OUT.best.ckpt`` beside ``OUT.ckpt``."""
    return last.with_suffix(f".best{last.suffix}")


def _step(run: Run, samplers: Sequence[PatchSampler]) -> float:
    """Draw a batch and learn from it; returns the loss."""
    started = time.perf_counter()
    batch = _draw(samplers, run.generator, run.recipe.batch_size)
    drawn = time.perf_counter()
    loss = run.update(*batch)  # a number, so that a GPU has done its work
    learnt = time.perf_counter()
    for pace in (run.pace, run.pace_of_line):
        pace.add(
            world_size() * run.recipe.batch_size,
            waiting_s=drawn - started,
            learning_s=learnt - drawn,
        )
    return loss


def _draw(
    samplers: Sequence[PatchSampler], generator: torch.Generator, size: int
) -> tuple[Tensor, Tensor]:
    """A batch of one of the scales."""
    number = 0
    if len(samplers) > 1:
        number = int(torch.randint(len(samplers), (1,), generator=generator))
    return samplers[number].batch(size)


class _Recorder:
    """Writes log and checkpoints; in the first process alone."""

    def __init__(self, run: Run, settings: LoopSettings, stack: ExitStack) -> None:
        self.run, self.settings = run, settings
        self.writes = settings.rank == 0
        self._board: SummaryWriter | None = None
        if self.writes:
            settings.log.parent.mkdir(parents=True, exist_ok=True)
            mode = "a" if run.step else "w"
            self._log = stack.enter_context(settings.log.open(mode, encoding="utf-8"))
            if settings.tensorboard is not None:
                self._board = stack.enter_context(_open_board(settings.tensorboard))

    def checkpoint(self, loss: float, psnr: float | None) -> None:
        """Write the state, a line of the log, and what TensorBoard shows."""
        state = self.run.state()
        if not self.writes:
            return
        save_checkpoint(self.settings.checkpoint, state)
        if self.run.is_best:
            save_checkpoint(best_checkpoint(self.settings.checkpoint), state)
        self._log.write(self.run.log_line(loss, psnr) + "\n")
        self._log.flush()
        if self._board is not None:
            self._board.add_scalar("loss", loss, self.run.step)
            if psnr is not None:
                self._board.add_scalar("validation PSNR", psnr, self.run.step)


def _open_board(folder: Path) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard") from error
    return SummaryWriter(str(folder))
