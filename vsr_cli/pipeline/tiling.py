"""Run a network on tiles of a frame, with the result of the whole."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from vsr_cli.errors import DeviceError

logger = logging.getLogger(__name__)

SMALLEST_TILE = 32  # below this a frame that does not fit is an error


class TiledModel:
    """Call a network on (..., H, W), whole or in tiles, and halve the tile when memory runs out.

    Tiles overlap by the network's receptive radius and meet the frame's border only where it is,
    so the result equals the whole to rounding. Once halved, the tile stays small.
    """

    def __init__(
        self, run: Callable[[Tensor], Tensor], *, scale: int, radius: int, tile: int = 0
    ) -> None:
        self.run = run
        self.scale = scale
        self.radius = radius
        self.tile = tile

    def __call__(self, frames: Tensor) -> Tensor:
        """frames: (B, C, [T,] H, W) to (B, C, s*H, s*W).

        Raises:
            DeviceError: memory does not even suffice for the smallest tile.
        """
        while True:
            try:
                return self._tiled(frames) if self.tile else self.run(frames)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(frames)

    def _halve(self, frames: Tensor) -> None:
        longer = max(frames.shape[-2:])
        smaller = (min(self.tile, longer) if self.tile else longer) // 2
        if smaller < SMALLEST_TILE:
            raise DeviceError(
                f"out of memory on {frames.device} even with tiles of {2 * smaller} pixels: "
                "try --batch-size 1 or --device cpu"
            )
        if frames.device.type == "cuda":
            torch.cuda.empty_cache()
        self.tile = smaller
        logger.warning("out of memory on %s: going on with --tile %d", frames.device, smaller)

    def _tiled(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        result: Tensor | None = None
        for top, bottom in _spans(height, self.tile):
            for left, right in _spans(width, self.tile):
                y0, y1 = max(0, top - self.radius), min(height, bottom + self.radius)
                x0, x1 = max(0, left - self.radius), min(width, right + self.radius)
                sr = self.run(frames[..., y0:y1, x0:x1])
                if result is None:
                    s = self.scale
                    result = sr.new_empty((*sr.shape[:-2], s * height, s * width))
                result[..., s * top : s * bottom, s * left : s * right] = sr[
                    ...,
                    s * (top - y0) : s * (bottom - y0),
                    s * (left - x0) : s * (right - x0),
                ]
        if result is None:
            raise ValueError(f"frames must not be empty, got {tuple(frames.shape)}")
        return result


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    return [(start, min(start + tile, length)) for start in range(0, length, tile)]


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in text
