"""Windows of frames as wholes, each computed anew in tiles: for large frames.

What the steps of a network keep of these (see ``temporal``), memory may not hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import torch
from torch import Tensor

from vsr_cli.models.temporal import TemporalUpscaler
from vsr_cli.pipeline.memory import has_free_memory
from vsr_cli.pipeline.settings import StageSettings, checked
from vsr_cli.pipeline.tiling import TiledModel

PROBE_SIDE = 16  # pixels of a frame on which a network is tried, to see what it holds
SCRATCH = 2  # memory that a step takes beside its codes, in times of these


def held_values(module: TemporalUpscaler) -> int:
    """Values for each pixel of the input that a stream of steps holds: codes, stacked and made."""
    codes, values = module.prepare(torch.zeros(1, 1, PROBE_SIDE, PROBE_SIDE)), 0
    device = next(module.parameters()).device
    with torch.inference_mode():
        for number, taps in enumerate(module.taps):
            values += 2 * taps * codes.numel()  # those of each tap, and the same stacked
            codes = module.step(number, torch.stack([codes.to(device)] * taps, 2))
        values += codes.numel()
    return values // PROBE_SIDE**2


def fits(values: int, pixels: int, device: torch.device) -> bool:
    """Whether a stream of steps that holds ``values`` for each of ``pixels`` leaves memory free."""
    return has_free_memory(device, 4 * SCRATCH * values * pixels)


class WholeWindows:
    """The frames of one shot through a network, by ``push`` and ``end`` as a ``WindowStream``.

    Neighbouring windows share nothing: more work than by steps, and memory for one tile.
    """

    def __init__(self, network: TiledModel, window: int, settings: StageSettings) -> None:
        """``network`` takes windows (1, 1, window, H, W)."""
        self.network, self.window, self.settings = network, window, settings
        self._held: deque[Tensor] = deque(maxlen=window)

    def push(self, planes: Iterable[Tensor]) -> list[Tensor]:
        """Take further frames (H, W); returns the results (s*H, s*W) of those now complete."""
        results = []
        for plane in planes:
            if not self._held:
                self._held.extend([plane] * (self.window // 2))
            results += self._take(plane)
        return results

    def end(self) -> list[Tensor]:
        """The results of the frames that still wait for others to come."""
        last = list(self._held)[-1:]
        return [result for plane in last * (self.window // 2) for result in self._take(plane)]

    def _take(self, plane: Tensor) -> list[Tensor]:
        self._held.append(plane)
        if len(self._held) < self.window:
            return []
        result = self.network(torch.stack(list(self._held))[None, None])[0, 0]
        return [checked(result, is_bounded=self.settings.is_bounded)]
