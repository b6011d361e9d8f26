"""Pairs of clips, the truth and what a network sees of it, in memory as code values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.degradation import crop_to_multiple
from vsr_cli.media import open_reader
from vsr_cli.pipeline.degrade import degrade_clip
from vsr_cli.specs import DegradationSpec
from vsr_cli.specs.degradation import BICUBIC

GRAY, DEEP_GRAY = PixelFormat("gray", "gray", 8), PixelFormat("gray16le", "gray", 16)


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
        frames = list(degraded_luma(reader, reader.info, scale, degradation, name=path.name))
    hr, lr = (torch.stack([pair[n].planes[0] for pair in frames])[:, None] for n in (0, 1))
    return ClipPair(crop_to_multiple(hr, scale).contiguous(), lr)


def make_pair(
    hr: Tensor, scale: int, degradation: DegradationSpec = BICUBIC, *, name: str = ""
) -> ClipPair:
    """Degrade the truth, (T, 1, H, W) uint8 or uint16, as a grey clip of that name."""
    hr = crop_to_multiple(hr, scale).contiguous()
    height, width = hr.shape[-2:]
    layout = GRAY if hr.dtype == torch.uint8 else DEEP_GRAY
    info = ClipInfo(width, height, layout, Fraction(1))
    frames = (Frame((codes[0],), pts=number) for number, codes in enumerate(hr))
    pairs = degraded_luma(frames, info, scale, degradation, name=name)
    return ClipPair(hr, torch.stack([lr.planes[0] for _, lr in pairs])[:, None])


def degraded_luma(
    frames: Iterable[Frame], info: ClipInfo, scale: int, degradation: DegradationSpec, *, name: str
) -> Iterator[tuple[Frame, Frame]]:
    """The luma of each frame of a whole clip, and what it is degraded to."""
    waiting: deque[Frame] = deque()  # truth that a codec still looks ahead of

    def remembered() -> Iterator[Frame]:
        for frame in frames:
            waiting.append(replace(frame, planes=frame.planes[:1]))
            yield frame

    for lr in degrade_clip(remembered(), info, scale, degradation, name=name):
        yield waiting.popleft(), lr


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
