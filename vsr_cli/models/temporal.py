"""Networks that enlarge a window's middle frame, in steps that neighbouring windows share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from vsr_cli.models.layers import centred


class TemporalUpscaler(nn.Module):
    """Enlarge the middle frame of a window. frames: (B, 1, T, H, W); returns (B, 1, s*H, s*W).

    The work is cut into steps. Step k sees ``taps[k]`` neighbouring results of the step before it,
    (B, C, taps[k], H, W), and makes one, (B, C', H', W'); the first step sees frames. What a step
    makes at a place in time is the same for all windows that hold that place, so a stream computes
    it once. A window has 1 + sum(taps - 1) frames.

    Attributes:
        taps: neighbouring results that each step sees.
        radii: pixels on each side of its input that a pixel of each step's result depends on.
        scales: by how much each step enlarges.
    """

    taps: tuple[int, ...]
    radii: tuple[int, ...]
    scales: tuple[int, ...]

    def __init__(self, scale: int, residual: bool) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual

    def prepare(self, frames: Tensor) -> Tensor:
        """Frames of any number of axes as the first step wants them."""
        return centred(frames, self.residual)

    @abstractmethod
    def step(self, number: int, codes: Tensor) -> Tensor:
        """(B, C, taps, H, W), what the step before made, to (B, C', H', W')."""

    @abstractmethod
    def finish(self, code: Tensor, middle: Tensor) -> Tensor:
        """What the last step made, and the middle frame (B, 1, H, W), to (B, 1, s*H, s*W)."""

    @property
    def window(self) -> int:
        """Frames that go in for one that comes out."""
        return 1 + sum(taps - 1 for taps in self.taps)

    def forward(self, frames: Tensor) -> Tensor:
        codes = self.prepare(frames)  # (B, 1, T, H, W)
        for number, taps in enumerate(self.taps):
            batch, _, time, _, _ = codes.shape
            starts = range(time - taps + 1)
            around = torch.cat([codes[:, :, start : start + taps] for start in starts])
            made = self.step(number, around)  # (T'*B, C', H', W')
            codes = made.unflatten(0, (len(starts), batch)).permute(1, 2, 0, 3, 4)
        return self.finish(codes[:, :, 0], frames[:, :, self.window // 2])
