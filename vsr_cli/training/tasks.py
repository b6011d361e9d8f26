"""What is trained on what: single frames, or windows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from vsr_cli.metrics import psnr
from vsr_cli.models.rewrite import channels_last
from vsr_cli.pipeline.stages import CPU_WINDOW_TILE
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.training.pairs import CONTEXT, ClipPair, PatchSampler, to_unit

# Pixels beyond the border that validation shows a network: above the radius of those with a recipe.
MIRRORED = 16

Loss = Callable[[Tensor, Tensor], Tensor]


class Task(Protocol):
    """A network together with the pairs that it learns from."""

    module: nn.Module
    window: int
    unit: int  # pixels of the input that places of patches and tiles are multiples of

    def forward(self, lr: Tensor) -> Tensor:
        """Upscale or refine a batch as ``PatchSampler`` draws it."""
        ...


class FrameTask:
    """(B, 1, p, p) to (B, 1, s*p, s*p): a 2D stage on degraded frames."""

    window = 1
    unit = 1

    def __init__(self, model: nn.Module) -> None:
        self.module = channels_last(model)

    def forward(self, lr: Tensor) -> Tensor:
        result: Tensor = self.module(lr)
        return result


class ClipTask:
    """(B, 1, 5, p, p) to (B, 1, s*p, s*p).

    A 3D stage on frames that a 2D stage has upscaled (s is 1), or a network that does both, on
    degraded frames.
    """

    window = 2 * CONTEXT + 1

    def __init__(self, model: nn.Module, *, unit: int = 1) -> None:
        self.module = channels_last(model)
        self.unit = unit

    def forward(self, lr: Tensor) -> Tensor:
        result: Tensor = self.module(lr)
        return result


def patch_loss(loss: Loss, sr: Tensor, hr: Tensor, margin: int) -> Tensor:
    """The loss without a border of ``margin`` pixels of the result, where padding is felt most."""
    inside = slice(margin, -margin or None)
    return loss(sr[..., inside, inside].float(), hr[..., inside, inside])


def validation_psnr(
    task: Task,
    clips: Sequence[ClipPair],
    *,
    num_frames: int,
    device: torch.device,
    autocast: torch.dtype | None = None,
) -> float:
    """Mean luma PSNR in dB of 8-bit results over frames of each clip, border cut as in eval."""
    scores = []
    with torch.inference_mode():
        for clip in clips:
            scale = clip.hr.shape[-1] // clip.lr.shape[-1]
            tile = CPU_WINDOW_TILE if device.type == "cpu" else 0
            network = TiledModel(
                task.forward, scale=scale, radius=MIRRORED, tile=tile, unit=task.unit
            )
            border = max(scale, 2)
            times = torch.linspace(0, clip.num_frames - 1, num_frames).round().long()
            per_frame = []
            for time in times.tolist():
                lr = window_at(clip.lr, time, task.window).to(device)
                with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                    sr = network(lr).float().clamp(0, 1)[0, 0].cpu()
                sr = (sr * 255).round() / 255
                inside = slice(border, -border)
                truth = to_unit(clip.hr[time, 0])
                per_frame.append(psnr(sr[inside, inside], truth[inside, inside]))
            scores.append(sum(per_frame) / len(per_frame))
    return sum(scores) / len(scores)


def window_at(frames: Tensor, middle: int, window: int) -> Tensor:
    """One frame as (1, 1, H, W), or a window of them, ends repeated, as (1, 1, T, H, W)."""
    if window == 1:
        return to_unit(frames[middle])[None]
    reach = window // 2
    times = torch.arange(middle - reach, middle + reach + 1).clamp(0, frames.shape[0] - 1)
    first = int(times[0])
    codes = to_unit(frames[first : int(times[-1]) + 1, 0])
    return codes[times - first][None, None]


def sampler_for(
    task: Task, clips: Sequence[ClipPair], *, patch: int, generator: torch.Generator
) -> PatchSampler:
    return PatchSampler(clips, patch=patch, window=task.window, unit=task.unit, generator=generator)
