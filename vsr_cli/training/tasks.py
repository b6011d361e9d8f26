"""What is trained on what: single frames, or windows of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from vsr_cli.imaging.color import rgb_to_luma
from vsr_cli.metrics import psnr
from vsr_cli.models.rewrite.faster import channels_last
from vsr_cli.models.spec import ModelSpec
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.specs import Recipe
from vsr_cli.training.losses import CODE
from vsr_cli.training.pairs import ClipPair, to_unit
from vsr_cli.training.sampler import PatchSampler
from vsr_cli.training.supervision import Recursive

CPU_TILE = 160  # pixels, in validation: with its branches a network holds more than in use


class Task:
    """A network together with the form of the pairs that it learns from.

    A batch is (B, C, p, p) for a network of single frames and (B, 1, 5, p, p) for one of windows;
    what comes out is (B, C, s*p, s*p), where s is 1 for a 3D stage behind a 2D one.
    """

    def __init__(self, spec: ModelSpec, module: nn.Module) -> None:
        self.spec = spec
        self.module = channels_last(module)

    def forward(self, lr: Tensor, scale: int) -> Tensor:
        """Upscale or refine a batch as ``PatchSampler`` draws it.

        A network whose weights serve every scale takes that of the batch.
        """
        result: Tensor = self._at(scale)(lr)
        return result

    def forward_each(self, lr: Tensor, scale: int) -> tuple[Tensor, Tensor]:
        """As ``forward``, and what a recursive network predicts after each recursion.

        Raises:
            ValueError: the network is none.
        """
        network = self._at(scale)
        if not isinstance(network, Recursive):
            raise ValueError(
                f"{self.spec.name} has no recursions to supervise: supervision must be 0"
            )
        return network.predict_each(lr)

    def _at(self, scale: int) -> nn.Module:
        if hasattr(self.module, "scale"):
            self.module.scale = scale  # type: ignore[assignment]
        return self.module

    def tiled(self, scale: int, tile: int) -> TiledModel:
        """The network for whole frames."""
        return TiledModel(
            partial(self.forward, scale=scale),
            scale=scale,
            radius=self.spec.radius,
            tile=tile,
            pads_itself=self.spec.pads_itself,
            unit=self.spec.unit,
        )


def within(patches: Tensor, margin: int) -> Tensor:
    """Without a border of ``margin`` pixels, where padding is felt most; float32."""
    inside = slice(margin, -margin or None)
    return patches[..., inside, inside].float()


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
            tile = CPU_TILE if device.type == "cpu" else 0
            network = task.tiled(scale, tile)
            border = max(scale, 2)
            times = torch.linspace(0, clip.num_frames - 1, num_frames).round().long().unique()
            per_frame = []
            for time in times.tolist():
                lr = window_at(clip.lr, time, task.spec.window).to(device)
                with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                    sr = network(lr).float().clamp(0, 1).cpu()
                inside = slice(border, -border)
                pair = (scored(sr[0]), scored(to_unit(clip.hr[time])))
                per_frame.append(psnr(*(image[inside, inside] for image in pair)))
            scores.append(sum(per_frame) / len(per_frame))
    return sum(scores) / len(scores)


def scored(planes: Tensor) -> Tensor:
    """Luma rounded to 8 bits, (H, W) float64, of (1, H, W) or of rounded RGB, (3, H, W)."""
    codes = (planes.double() * CODE).round() / CODE
    if planes.shape[0] == 1:
        return codes[0]
    return (rgb_to_luma(*codes) * CODE).round() / CODE


def window_at(frames: Tensor, middle: int, window: int) -> Tensor:
    """One frame as (1, C, H, W), or a window of them, ends repeated, as (1, 1, T, H, W)."""
    if window == 1:
        return to_unit(frames[middle])[None]
    reach = window // 2
    times = torch.arange(middle - reach, middle + reach + 1).clamp(0, frames.shape[0] - 1)
    first = int(times[0])
    codes = to_unit(frames[first : int(times[-1]) + 1, 0])
    return codes[times - first][None, None]


def sampler_for(
    task: Task, clips: Sequence[ClipPair], recipe: Recipe, *, generator: torch.Generator
) -> PatchSampler:
    """What draws the patches that the task's network learns from, as the recipe wants them."""
    return PatchSampler(
        clips,
        patch=recipe.patch,
        window=task.spec.window,
        unit=task.spec.unit,
        turns=recipe.turns,
        generator=generator,
    )
