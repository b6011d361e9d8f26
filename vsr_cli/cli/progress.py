"""Progress on stderr: frames, frames per second, and the time that is left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Advance(Protocol):
    """Says that more frames are done."""

    def __call__(self, num_frames: int = 1, /) -> None: ...


class FrameRateColumn(ProgressColumn):
    """Frames per second of wall time."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-- fps" if speed is None else f"{speed:.1f} fps", style="progress.data.speed")


@contextmanager
def progress_bar(description: str, total: int | None, quiet: bool = False) -> Iterator[Advance]:
    """Show a bar on stderr while the context is open; yields a call that advances it.

    ``total`` is the number of frames, None where it is not known. ``quiet`` shows nothing. Where
    stderr is no terminal, one line is written at the end. After an error nothing is left of it.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        FrameRateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(description, total=total)

        def advance(num_frames: int = 1, /) -> None:
            progress.advance(task, num_frames)

        try:
            yield advance
        except BaseException:
            progress.live.transient = True  # the error's own line is all that is left
            progress.live.stop()
            progress.disable = True  # leaving its context would write an empty line
            raise


class ShowStep(Protocol):
    """Says which step is done, at which rate, and the validation PSNR where it was measured."""

    def __call__(self, step: int, loss: float, psnr: float | None, rate: float, /) -> None: ...


@contextmanager
def training_bar(
    description: str, steps: int, batch_size: int, quiet: bool = False
) -> Iterator[ShowStep]:
    """Show the progress of a training on stderr: loss, learning rate, patches per second, PSNR.

    Where stderr is no terminal, one line is written for each validation and nothing else. After an
    error before the first step nothing is left of it.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  rate {task.fields[rate]:.1e}"),
        TextColumn("{task.fields[speed]} patches/s  validation {task.fields[psnr]}"),
        TimeRemainingColumn(),
    )
    is_shown = console.is_terminal and not quiet
    with Progress(*columns, console=console, disable=not is_shown) as progress:
        task = progress.add_task(
            description, total=steps, loss=0.0, rate=0.0, psnr="--", speed="--"
        )
        average, best = 0.0, -math.inf

        def show(step: int, loss: float, psnr: float | None, rate: float, /) -> None:
            nonlocal average, best
            average = 0.99 * average + 0.01 * loss if average else loss
            speed = progress.tasks[task].speed
            shown = f"{speed * batch_size:.0f}" if speed else "--"
            progress.update(task, completed=step, loss=average, rate=rate, speed=shown)
            if psnr is None:
                return
            best = max(best, psnr)
            progress.update(task, psnr=f"{psnr:.2f} dB, best {best:.2f}")
            if not quiet and not is_shown:
                console.print(f"step {step}  loss {average:.4f}  validation {psnr:.3f} dB")

        try:
            yield show
        except BaseException:
            if not progress.tasks[task].completed:  # no step was made: the message says why
                progress.live.transient = True
                progress.live.stop()
                progress.disable = True
            raise
