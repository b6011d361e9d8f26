"""Batches of aligned patches, gathered from one block of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsr_cli.training.pairs import ClipPair, to_unit

CANDIDATES = 3  # places looked at for one patch; the one with the most texture is taken
TEXTURE_STEP = 4  # pixels between those that are looked at for it


@dataclass(frozen=True, slots=True)
class _Store:
    """The frames of all clips one after the other, and where each clip begins."""

    codes: NDArray[np.uint8] | NDArray[np.uint16]  # flat
    first: Tensor  # (N,) place of each clip's first sample
    height: Tensor  # (N,)
    width: Tensor  # (N,)
    channels: int

    @classmethod
    def of(cls, clips: Sequence[Tensor]) -> _Store:
        lengths = torch.tensor([clip.numel() for clip in clips])
        codes = np.concatenate([clip.numpy().reshape(-1) for clip in clips])
        height, width = (torch.tensor([clip.shape[dim] for clip in clips]) for dim in (-2, -1))
        return cls(codes, lengths.cumsum(0) - lengths, height, width, clips[0].shape[1])

    def gather(self, places: Tensor) -> Tensor:
        return to_unit(torch.from_numpy(self.codes.take(places.numpy())))


class PatchSampler:
    """Draws batches of aligned patches at random places, times, flips and turns.

    A batch is ``(lr, hr)``: lr is (B, C, p, p), or (B, C, T, p, p) for windows of T frames, and hr
    is (B, C, s*p, s*p), the truth of the middle frame; s is 1 for what a 2D stage has upscaled.
    Each clip comes as often as its pixels say. A place is a multiple of ``unit`` pixels away from
    the frame's upper left corner. The draws depend on ``generator`` alone.

    The flips and turns are in the order in which the samples are gathered, so that a batch costs
    two gathers and no loop; see tests/training/test_sampler.py for its share of a training step.

    Raises:
        ValueError: a clip is smaller than a patch, or the patch cuts a unit.
    """

    def __init__(
        self,
        clips: Sequence[ClipPair],
        *,
        patch: int,
        window: int,
        generator: torch.Generator,
        unit: int = 1,
        turns: bool = True,
    ) -> None:
        smallest = min(min(clip.lr.shape[-2:]) for clip in clips)
        if smallest < patch:
            raise ValueError(f"patch must be at most {smallest} (smallest clip), got {patch}")
        if patch % unit:
            raise ValueError(f"patch must be a multiple of {unit} for this network, got {patch}")
        self.patch, self.window, self.unit, self.turns = patch, window, unit, turns
        self.generator = generator
        self.scale = clips[0].hr.shape[-1] // clips[0].lr.shape[-1]
        self._lr = _Store.of([clip.lr for clip in clips])
        self._hr = _Store.of([clip.hr for clip in clips])
        self._frames = torch.tensor([clip.num_frames for clip in clips])
        self._share = torch.tensor([clip.lr.numel() for clip in clips], dtype=torch.float64)

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Draw ``size`` pairs, float32 in [0, 1]."""
        clip = torch.multinomial(self._share, size, replacement=True, generator=self.generator)
        middle = self._below(self._frames[clip])
        top, left = self._corner(clip, middle)
        turn = self._below(torch.full((size,), 16 if self.turns else 1))
        reach = self.window // 2
        steps = torch.arange(-reach, reach + 1) * torch.where(turn & 8 > 0, -1, 1)[:, None]
        times = (middle[:, None] + steps).clamp(min=0).minimum(self._frames[clip, None] - 1)
        lr = self._lr.gather(self._places(self._lr, clip, times, top, left, turn, self.patch))
        s = self.scale
        middle, top, left, side = middle[:, None], s * top, s * left, s * self.patch
        hr = self._hr.gather(self._places(self._hr, clip, middle, top, left, turn, side))
        return (lr if self.window > 1 else lr[:, :, 0]), hr[:, :, 0]

    def _corner(self, clip: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Corners in ``lr``; of a few candidates the one with the most texture."""
        shape = (CANDIDATES, *clip.shape)
        top, left = (
            self._below(((side[clip] - self.patch) // self.unit + 1).expand(shape)) * self.unit
            for side in (self._lr.height, self._lr.width)
        )
        side = -(-self.patch // TEXTURE_STEP)
        places = self._places(
            self._lr,
            clip.repeat(CANDIDATES),
            time.repeat(CANDIDATES)[:, None],
            top.flatten(),
            left.flatten(),
            torch.zeros(top.numel(), dtype=torch.int64),
            side,
            step=TEXTURE_STEP,
        )
        texture = self._lr.gather(places[:, :1]).flatten(1).var(1, correction=0).view(shape)
        best = texture.argmax(0, keepdim=True)
        return top.gather(0, best)[0], left.gather(0, best)[0]

    @staticmethod
    def _places(
        store: _Store,
        clip: Tensor,
        times: Tensor,  # (B, T)
        top: Tensor,
        left: Tensor,
        turn: Tensor,
        side: int,
        *,
        step: int = 1,
    ) -> Tensor:
        """Indices into the store, (B, C, T, side, side), of turned patches."""
        height, width = store.height[clip], store.width[clip]
        along = torch.arange(0, step * side, step)
        rows = top[:, None] + torch.where((turn & 2 > 0)[:, None], along.flip(0), along)
        columns = left[:, None] + torch.where((turn & 1 > 0)[:, None], along.flip(0), along)
        rows, columns = rows * width[:, None], columns.clone()
        is_transposed = (turn & 4 > 0)[:, None]
        down = torch.where(is_transposed, columns, rows)
        across = torch.where(is_transposed, rows, columns)
        plane = height * width
        channel = torch.arange(store.channels) * plane[:, None]  # (B, C)
        frame = store.first[clip, None] + times * (store.channels * plane)[:, None]  # (B, T)
        start = channel[:, :, None] + frame[:, None, :]
        return start[..., None, None] + (down[:, :, None] + across[:, None, :])[:, None, None]

    def _below(self, end: Tensor) -> Tensor:
        """A random whole number from 0 to ``end`` - 1 for each element."""
        drawn = torch.rand(end.shape, generator=self.generator, dtype=torch.float64)
        return (drawn * end).long()
