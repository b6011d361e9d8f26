"""Pairs of low- and high-resolution patches, cut from clips that lie in memory as code values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.imaging.degradation import crop_to_multiple, degrade_bicubic
from vsr_cli.media import open_reader
from vsr_cli.pipeline.degrade import degrade_clip
from vsr_cli.specs import DegradationSpec
from vsr_cli.specs.degradation import BICUBIC

CANDIDATES = 3  # positions looked at for one patch; the one with the most texture is taken
CONTEXT = 2  # frames on each side of the middle one of a window


@dataclass(frozen=True, slots=True)
class ClipPair:
    """One clip twice: the truth and its degraded form, or what a 2D stage made of that."""

    hr: Tensor  # (T, 1, H, W) uint8
    lr: Tensor  # (T, 1, h, w) uint8, or uint16 (code value / 65535) after a 2D stage

    @property
    def num_frames(self) -> int:
        return self.hr.shape[0]


def load_clip(path: Path, scale: int, degradation: DegradationSpec = BICUBIC) -> ClipPair:
    """Read the luma of a video, 8 bits, and degrade it, with the same noise whenever it is read.

    Raises:
        InputError: the file cannot be read, is RGB, or has not 8 bits per sample.
    """
    with open_reader(path) as reader:
        pixel_format = reader.info.pixel_format
        if pixel_format.bits != 8 or pixel_format.family == "gbr":
            raise InputError(
                f"{path} is {pixel_format.name}: training takes grey or YUV clips of 8 bits"
            )
        hr: list[Tensor] = []
        frames = _luma_kept(reader, hr)
        degraded = degrade_clip(frames, reader.info, scale, degradation, name=path.name)
        lr = [frame.planes[0] for frame in degraded]
    truth = crop_to_multiple(torch.stack(hr)[:, None], scale).contiguous()
    return ClipPair(truth, torch.stack(lr)[:, None])


def _luma_kept(frames: Iterable[Frame], kept: list[Tensor]) -> Iterator[Frame]:
    """Frames that pass by while their luma is kept."""
    for frame in frames:
        kept.append(frame.planes[0])
        yield frame


def make_pair(hr: Tensor, scale: int) -> ClipPair:
    """Degrade the truth, (T, 1, H, W) uint8, frame by frame."""
    hr = crop_to_multiple(hr, scale).contiguous()
    lr = [(degrade_bicubic(f.float() / 255, scale) * 255).round().to(torch.uint8) for f in hr]
    return ClipPair(hr, torch.stack(lr))


def upscale_pair(pair: ClipPair, upscale: Callable[[Tensor], Tensor]) -> ClipPair:
    """Replace the low-resolution frames by what a 2D stage makes of them, as uint16 to save memory.

    ``upscale`` maps (1, 1, h, w) in [0, 1] to (1, 1, H, W); one step of uint16 is far below the
    rounding of the 8-bit truth.
    """
    upscaled = []
    with torch.inference_mode():
        for frame in pair.lr:
            sr = upscale(to_unit(frame)[None])[0].clamp(0, 1)
            upscaled.append((sr * 65535).round().to(torch.int32).to(torch.uint16))
    return ClipPair(pair.hr, torch.stack(upscaled))


def to_unit(codes: Tensor) -> Tensor:
    """uint8 or uint16 code values as float32 in [0, 1]."""
    return codes.to(torch.float32) / (255 if codes.dtype == torch.uint8 else 65535)


class PatchSampler:
    """Draws batches of aligned patches at random places, times, flips and turns.

    With ``window`` 1 a batch is ``lr`` (B, 1, p, p) and ``hr`` (B, 1, s*p, s*p); with 5 it is
    ``lr`` (B, 1, 5, p, p) and the middle frame's ``hr`` (B, 1, s*p, s*p), frames at a clip's ends
    repeated. ``patch`` is in pixels of ``lr``; a patch begins multiples of ``unit`` of them away
    from the frame's upper left corner. The draws depend on ``generator`` alone.
    """

    def __init__(
        self,
        clips: Sequence[ClipPair],
        *,
        patch: int,
        window: int,
        generator: torch.Generator,
        unit: int = 1,
    ) -> None:
        self.clips = clips
        self.patch = patch
        self.window = window
        self.unit = unit
        self.generator = generator
        self.frames = torch.tensor([clip.num_frames for clip in clips], dtype=torch.float32)
        self.scale = clips[0].hr.shape[-1] // clips[0].lr.shape[-1]
        smallest = min(min(clip.lr.shape[-2:]) for clip in clips)
        if smallest < patch:
            raise ValueError(f"patch must be at most {smallest} (smallest clip), got {patch}")
        if patch % unit:
            raise ValueError(f"patch must be a multiple of {unit} for this network, got {patch}")

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Draw ``size`` pairs, float32 in [0, 1]."""
        pairs = [self._draw() for _ in range(size)]
        lr, hr = (torch.stack(tensors) for tensors in zip(*pairs, strict=True))
        return (lr[:, None] if self.window > 1 else lr), hr

    def _draw(self) -> tuple[Tensor, Tensor]:
        number = int(torch.multinomial(self.frames, 1, generator=self.generator))
        clip = self.clips[number]
        middle = self._integer(clip.num_frames)
        top, left = self._place(clip, middle)
        p, s = self.patch, self.scale
        hr = clip.hr[middle, :, s * top : s * (top + p), s * left : s * (left + p)]
        reach = self.window // 2
        times = torch.arange(middle - reach, middle + reach + 1).clamp(0, clip.num_frames - 1)
        codes = clip.lr[int(times[0]) : int(times[-1]) + 1, 0, top : top + p, left : left + p]
        lr = to_unit(codes)[times - times[0]]  # (window, p, p)
        return self._augment(lr, to_unit(hr))

    def _place(self, clip: ClipPair, time: int) -> tuple[int, int]:
        """A corner in ``lr``; of a few candidates the one with the most texture."""
        height, width = clip.lr.shape[-2:]
        best, place = -1.0, (0, 0)
        for _ in range(CANDIDATES):
            top, left = (
                self._integer((side - self.patch) // self.unit + 1) * self.unit
                for side in (height, width)
            )
            codes = clip.lr[time, 0, top : top + self.patch : 4, left : left + self.patch : 4]
            texture = float(codes.to(torch.float32).var())
            if texture > best:
                best, place = texture, (top, left)
        return place

    def _augment(self, lr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
        """One of the eight symmetries of the square, and time forwards or backwards."""
        choice = self._integer(16)
        if choice & 1:
            lr, hr = lr.flip(-1), hr.flip(-1)
        if choice & 2:
            lr, hr = lr.flip(-2), hr.flip(-2)
        if choice & 4:
            lr, hr = lr.transpose(-1, -2), hr.transpose(-1, -2)
        if choice & 8 and self.window > 1:
            lr = lr.flip(0)
        return lr, hr

    def _integer(self, end: int) -> int:
        return int(torch.randint(end, (1,), generator=self.generator))
