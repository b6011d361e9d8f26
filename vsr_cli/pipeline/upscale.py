"""The 2D stage: frames in, larger frames out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from types import MappingProxyType

import torch
from torch import Tensor

from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.imaging.resample import enlarge, keep_siting
from vsr_cli.imaging.siting import Siting
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
        upscaled = {
            k: batched(
                _enlarger(k, network, scale, settings),
                [frame.planes[k] for frame in batch],
                is_bounded=settings.is_bounded,
            )
            for k in settings.model_planes
        } | interpolate_planes(batch, scale, settings)
        for number, frame in enumerate(batch):
            planes = tuple(
                cut_plane(upscaled[k][number], k, info[number], scale, settings.pixel_format)
                for k in range(len(frame.planes))
            )
            yield replace(frame, planes=planes)


def _enlarger(
    plane: int, network: Callable[[Tensor], Tensor], scale: int, settings: StageSettings
) -> Callable[[Tensor], Tensor]:
    """The network on one plane, the samples in their place."""
    siting = settings.plane_siting(plane)
    return lambda frames: keep_siting(network(frames), scale, siting)


def interpolate_planes(
    frames: Sequence[Frame], scale: int, settings: StageSettings
) -> dict[int, Tensor]:
    """The planes that no network sees, by their numbers, enlarged to (B, s*H, s*W).

    Those of one size and siting go at once: on a CPU small tensors cost little more than their
    number.
    """
    together: dict[tuple[torch.Size, Siting], list[int]] = {}
    for number, plane in enumerate(frames[0].planes):
        if number not in settings.model_planes:
            together.setdefault((plane.shape, settings.plane_siting(number)), []).append(number)
    enlarged: dict[int, Tensor] = {}
    for (_, siting), numbers in together.items():
        larger = batched(
            partial(enlarge, scale=scale, siting=siting, kernel=settings.kernel),
            [frame.planes[number] for number in numbers for frame in frames],
            is_bounded=settings.is_bounded,
        )
        enlarged |= zip(numbers, larger.split(len(frames)), strict=True)
    return enlarged


def cut_plane(
    plane: Tensor, number: int, size: torch.Size, scale: int, pixel_format: PixelFormat
) -> Tensor:
    """Cut the chroma of an odd-sized frame, whose enlarged last sample lies half outside."""
    height, width = pixel_format.plane_size(number, width=size[1] * scale, height=size[0] * scale)
    return plane[:height, :width]
