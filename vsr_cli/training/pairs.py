"""Pairs of clips, the truth and what a network sees of it, in memory as code values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import crop_to_multiple, degrade_bicubic
from vsr_cli.media import open_reader


@dataclass(frozen=True, slots=True)
class ClipPair:
    """One clip twice: the truth and its degraded form, or what a 2D stage made of that."""

    hr: Tensor  # (T, 1, H, W) uint8
    lr: Tensor  # (T, 1, h, w) uint8, or uint16 (code value / 65535) after a 2D stage

    @property
    def num_frames(self) -> int:
        return self.hr.shape[0]


def load_clip(path: Path, scale: int) -> ClipPair:
    """Read the luma of a video, 8 bits, and degrade it by antialiased bicubic shrinking.

    Raises:
        InputError: the file cannot be read, is RGB, or has not 8 bits per sample.
    """
    with open_reader(path) as reader:
        pixel_format = reader.info.pixel_format
        if pixel_format.bits != 8 or pixel_format.family == "gbr":
            raise InputError(
                f"{path} is {pixel_format.name}: training takes grey or YUV clips of 8 bits"
            )
        frames = [frame.planes[0] for frame in reader]
    return make_pair(torch.stack(frames)[:, None], scale)


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
