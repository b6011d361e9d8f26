"""Run a network on tiles of a frame, with the result of the whole."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from vsr_cli.errors import DeviceError
from vsr_cli.imaging.borders import mirror_pad

logger = logging.getLogger(__name__)

SMALLEST_TILE = 32  # below this a frame that does not fit is an error


class TiledModel:
    """Call a network on (..., H, W), whole or in tiles, and halve the tile when memory runs out.

    The frame is continued by its mirror image as far as the network sees, since a network that
    learned from patches does not know the zeros that it would pad a border with. Tiles overlap by
    the receptive radius, so the result equals the whole to rounding. Once halved, the tile stays
    small. A network that ``pads_itself`` gets the frame as it is, and tiles that end with it. What
    a network gets begins multiples of ``unit`` pixels away from the frame's upper left corner.

    Where the radius is None every pixel of a result depends on the whole frame: it goes in as it
    is, without a margin, and never in tiles; what memory does not hold at once are fewer frames.
    """

    def __init__(
        self,
        run: Callable[[Tensor], Tensor],
        *,
        scale: int,
        radius: int | None,
        tile: int = 0,
        pads_itself: bool = False,
        unit: int = 1,
    ) -> None:
        self.run = run
        self.scale = scale
        self.unit = unit
        self.radius = round_up(radius or 0, unit)
        self.is_untiled = radius is None
        self.tile = 0 if self.is_untiled else tile
        self.pads_itself = pads_itself or self.is_untiled
        self.most_frames = 0  # at once; 0: all that come together

    def __call__(self, frames: Tensor) -> Tensor:
        """frames: (B, C, [T,] H, W) to (B, C, s*H, s*W).

        Raises:
            DeviceError: memory does not even suffice for the smallest tile, or for one frame of a
                network that sees it whole.
        """
        while True:
            try:
                if not self.most_frames:
                    return self._tiled(frames)
                return torch.cat([self._tiled(part) for part in frames.split(self.most_frames)])
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                (self._halve_frames if self.is_untiled else self._halve_tile)(frames)
                if frames.device.type == "cuda":
                    torch.cuda.empty_cache()

    def _halve_frames(self, frames: Tensor) -> None:
        fewer = min(self.most_frames or len(frames), len(frames)) // 2
        if not fewer:
            height, width = frames.shape[-2:]
            raise DeviceError(
                f"out of memory on {frames.device} with one frame of {width}x{height}, which this "
                "network sees as a whole, not in tiles: try another model or device"
            )
        self.most_frames = fewer
        logger.warning("out of memory on %s: going on with --batch-size %d", frames.device, fewer)

    def _halve_tile(self, frames: Tensor) -> None:
        longer = max(frames.shape[-2:])
        smaller = (min(self.tile, longer) if self.tile else longer) // 2
        if smaller < SMALLEST_TILE:
            raise DeviceError(
                f"out of memory on {frames.device} even with tiles of {2 * smaller} pixels: "
                "try --batch-size 1 or --device cpu"
            )
        self.tile = smaller
        logger.warning("out of memory on %s: going on with --tile %d", frames.device, smaller)

    def _tiled(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        s = self.scale
        is_whole = not self.tile or max(height, width) <= self.tile
        if is_whole and self.pads_itself:
            return self.run(frames)
        border = 0 if self.pads_itself else self.radius
        padded = mirror_pad(frames, border) if border else frames
        if is_whole:
            return self.run(padded)[..., _inside(border, height, s), _inside(border, width, s)]
        result: Tensor | None = None
        tile = round_up(self.tile, self.unit)
        for top, bottom in _spans(height, tile):
            above, below = self._reach(top, bottom, height)
            for left, right in _spans(width, tile):
                before, after = self._reach(left, right, width)
                rows = slice(top - above + border, bottom + below + border)
                columns = slice(left - before + border, right + after + border)
                sr = self.run(padded[..., rows, columns])
                if result is None:
                    result = _empty_like(sr, s * height, s * width)
                result[..., s * top : s * bottom, s * left : s * right] = sr[
                    ..., _inside(above, bottom - top, s), _inside(before, right - left, s)
                ]
        if result is None:
            raise ValueError(f"frames must not be empty, got {tuple(frames.shape)}")
        return result

    def _reach(self, start: int, stop: int, length: int) -> tuple[int, int]:
        """Pixels on both sides of a tile that its result depends on, as far as there are any."""
        if not self.pads_itself:
            return self.radius, self.radius
        return min(self.radius, start), min(self.radius, length - stop)


def _empty_like(tile: Tensor, height: int, width: int) -> Tensor:
    """Room for (..., height, width), with channels last in memory where a tile has them so."""
    shape = (*tile.shape[:-2], height, width)
    if tile.ndim == 4 and not tile.is_contiguous():
        last = torch.channels_last
        if tile.is_contiguous(memory_format=last):
            return torch.empty(shape, dtype=tile.dtype, device=tile.device, memory_format=last)
    return tile.new_empty(shape)


def _inside(margin: int, length: int, scale: int) -> slice:
    """The enlarged ``length`` pixels that follow a margin."""
    return slice(scale * margin, scale * (margin + length))


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    return [(start, min(start + tile, length)) for start in range(0, length, tile)]


def round_up(number: int, unit: int) -> int:
    """The next multiple of ``unit``."""
    return -(-number // unit) * unit


def _is_out_of_memory(error: Exception) -> bool:
    words = ("can't allocate memory", "not enough memory")  # of the CPU: on Linux, on Windows
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
