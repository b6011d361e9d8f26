"""Pairs of clips, the truth and what a network sees of it, in memory as code values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.degradation import crop_to_multiple
from vsr_cli.pipeline.degrade import degrade_clip
from vsr_cli.pipeline.evaluate.channels import luma
from vsr_cli.specs import BICUBIC, DegradationSpec

WHOLE = (8, 16)  # bits of luma that is kept as it is
GRAY, DEEP_GRAY = PixelFormat("gray", "gray", 8), PixelFormat("gray16le", "gray", 16)


@dataclass(frozen=True, slots=True)
class ClipPair:
    """One clip twice: the truth and its degraded form, or what a 2D stage made of that."""

    hr: Tensor  # (T, C, H, W) uint8, or uint16 (code value / 65535)
    lr: Tensor  # (T, C, h, w) uint8 or uint16

    @property
    def num_frames(self) -> int:
        """Frames of the truth, and of the input."""
        return self.hr.shape[0]


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
            waiting.append(replace(frame, planes=(_luma_codes(frame, info.pixel_format),)))
            yield frame

    for lr in degrade_clip(remembered(), info, scale, degradation, name=name):
        yield waiting.popleft(), replace(lr, planes=(_luma_codes(lr, info.pixel_format),))


def _luma_codes(frame: Frame, pixel_format: PixelFormat) -> Tensor:
    """Luma of 8 or 16 bits as it is; that of RGB or of another depth as uint16."""
    if pixel_format.bits in WHOLE and pixel_format.family != "gbr":
        return frame.planes[0]
    return fine_codes(luma(frame, pixel_format))


def fine_codes(values: Tensor) -> Tensor:
    """uint16 of [0, 1]: for what lies between the codes of 8 bits, as the luma of colours does."""
    return (values * 65535).round().to(torch.int32).to(torch.uint16)


def upscale_pair(pair: ClipPair, upscale: Callable[[Tensor], Tensor]) -> ClipPair:
    """Replace the low-resolution frames by what a 2D stage makes of them, as uint16 to save memory.

    ``upscale`` maps (1, 1, h, w) in [0, 1] to (1, 1, H, W); one step of uint16 is far below the
    rounding of the 8-bit truth.
    """
    upscaled = []
    with torch.inference_mode():
        for frame in pair.lr:
            sr = upscale(to_unit(frame)[None])[0].clamp(0, 1)
            upscaled.append(fine_codes(sr))
    return ClipPair(pair.hr, torch.stack(upscaled))


def hold_out(pairs: Sequence[ClipPair], share: float) -> tuple[list[ClipPair], list[ClipPair]]:
    """Pairs to learn from and pairs to score on: of each clip the last part, of stills some whole.

    Zhu & Gao train on the first 80 per cent of a clip and score on the rest. Neighbours in time
    look alike, so such a score is that of the clip itself and says little of others.

    Raises:
        ValueError: too little is left of either.
    """
    learnt: list[ClipPair] = []
    held: list[ClipPair] = []
    stills = 0
    for pair in pairs:
        count = round(pair.num_frames * (1 - share))
        if pair.num_frames == 1:
            stills += 1
            is_held = int(stills * share) > int((stills - 1) * share)
            (held if is_held else learnt).append(pair)
        elif 0 < count < pair.num_frames:
            learnt.append(ClipPair(pair.hr[:count], pair.lr[:count]))
            held.append(ClipPair(pair.hr[count:], pair.lr[count:]))
        else:
            learnt.append(pair)
    if not (learnt and held):
        raise ValueError(f"too little data to hold out {share:g} of it: give --validate FILE")
    return learnt, held


def to_unit(codes: Tensor) -> Tensor:
    """uint8 or uint16 code values as float32 in [0, 1]."""
    return codes.to(torch.float32) / (255 if codes.dtype == torch.uint8 else 65535)
