"""The 3D stage: windows of frames in, their refined middle frames out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

import torch
from torch import Tensor

from vsr_cli.frames import Frame
from vsr_cli.pipeline.settings import StageSettings, batched
from vsr_cli.pipeline.window import windows

# Pixels of one frame of the window, times the windows in one call.
WINDOW_PIXELS: Mapping[str, int] = MappingProxyType({"cpu": 1 << 14, "cuda": 1 << 20})


def refine_frames(
    frames: Iterable[Frame],
    network: Callable[[Tensor], Tensor],
    window: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """Refine each frame by the window around it; planes that no network sees pass as they are."""
    around = windows(frames, window)
    for first in around:
        size = settings.batch(first[0].planes[0].numel(), WINDOW_PIXELS)
        batch = [first, *islice(around, size - 1)]
        middles = [item[window // 2] for item in batch]
        refined = {
            k: batched(
                network,
                [torch.stack([f.planes[k] for f in item]) for item in batch],
                is_bounded=settings.is_bounded,
            )
            for k in settings.model_planes
        }
        for number, frame in enumerate(middles):
            planes = tuple(
                refined[k][number] if k in refined else plane
                for k, plane in enumerate(frame.planes)
            )
            yield replace(frame, planes=planes)
