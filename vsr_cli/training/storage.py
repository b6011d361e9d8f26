"""Whether a network's weights lose anything in half the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn

from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.state import LoopSettings
from vsr_cli.training.tasks import Task, validation_psnr

LARGE = 250_000  # parameters; the file of a smaller network is not worth it
NOTHING_DB = 0.001  # what tables are rounded to, and more


def storage_type(task: Task, validation: Sequence[ClipPair], settings: LoopSettings) -> torch.dtype:
    """float16 for a large network whose validation PSNR stays, else float32.

    Without a validation set nothing can be said, and nothing is rounded; nor is a network with
    a value that float16 has no number for, as a running variance may be.
    """
    is_small = sum(p.numel() for p in task.module.parameters()) < LARGE
    if not validation or is_small or not _has_half(task.module):
        return torch.float32
    exact = _psnr(task, validation, settings)
    whole = task.module
    task.module = _rounded(whole)
    try:
        return (
            torch.float16
            if _psnr(task, validation, settings) > exact - NOTHING_DB
            else (torch.float32)
        )
    finally:
        task.module = whole


def _has_half(module: nn.Module) -> bool:
    """Whether float16 has a finite number for every value."""
    floats = (t for t in module.state_dict().values() if t.is_floating_point())
    return all(bool(tensor.half().isfinite().all()) for tensor in floats)


def _psnr(task: Task, validation: Sequence[ClipPair], settings: LoopSettings) -> float:
    task.module.eval()
    return validation_psnr(
        task, validation, num_frames=settings.validation_frames, device=settings.device
    )


def _rounded(module: nn.Module) -> nn.Module:
    copy = deepcopy(module)
    with torch.no_grad():
        for tensor in copy.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
    return copy
