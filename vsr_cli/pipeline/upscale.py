"""The 2D stage: frames in, larger frames out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from types import MappingProxyType

import torch
from torch import Tensor

from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.imaging.resample import enlarge, keep_siting
from vsr_cli.pipeline.settings import StageSettings, batched

# Pixels of the input in one call: enough to fill a GPU, small beside its memory; on a CPU one frame
# at a time is the fastest (320x160: 21 ms, four together 42 ms each, one core, one run).
FRAME_PIXELS: Mapping[str, int] = MappingProxyType({"cpu": 1 << 16, "cuda": 1 << 22})


def upscale_frames(
    frames: Iterable[Frame],
    network: Callable[[Tensor], Tensor],
    scale: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """Enlarge each frame, several in one call; planes that no network sees by interpolation."""
    frames = iter(frames)
    for first in frames:
        size = settings.batch(first.planes[0].numel(), FRAME_PIXELS)
        batch = [first, *islice(frames, size - 1)]
        info = [frame.planes[0].shape for frame in batch]
        upscaled = [
            batched(
                _enlarger(k, network, scale, settings),
                [frame.planes[k] for frame in batch],
                is_bounded=settings.is_bounded,
            )
            for k in range(len(first.planes))
        ]
        for number, frame in enumerate(batch):
            planes = tuple(
                cut_plane(upscaled[k][number], k, info[number], scale, settings.pixel_format)
                for k in range(len(frame.planes))
            )
            yield replace(frame, planes=planes)


def _enlarger(
    plane: int, network: Callable[[Tensor], Tensor], scale: int, settings: StageSettings
) -> Callable[[Tensor], Tensor]:
    """What enlarges a plane: the network or interpolation, the samples in their place."""
    siting = settings.plane_siting(plane)
    if plane not in settings.model_planes:
        return interpolation(plane, scale, settings)
    return lambda frames: keep_siting(network(frames), scale, siting)


def interpolation(plane: int, scale: int, settings: StageSettings) -> Callable[[Tensor], Tensor]:
    """What enlarges a plane that no network sees, (B, 1, H, W) to (B, 1, s*H, s*W)."""
    siting = settings.plane_siting(plane)
    return partial(enlarge, scale=scale, siting=siting, kernel=settings.kernel)


def cut_plane(
    plane: Tensor, number: int, size: torch.Size, scale: int, pixel_format: PixelFormat
) -> Tensor:
    """Cut the chroma of an odd-sized frame, whose enlarged last sample lies half outside."""
    height, width = pixel_format.plane_size(number, width=size[1] * scale, height=size[0] * scale)
    return plane[:height, :width]
