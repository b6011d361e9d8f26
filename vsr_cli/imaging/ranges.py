"""Code values and what they stand for: black and white, no colour and all of it.

References:
    ITU-T H.273 (2024), 8.3: equations for limited and full range.
"""

from __future__ import annotations

import torch

from vsr_cli.frames import ClipInfo, PixelFormat

_BLACK, _WHITE, _CHROMA_SPAN = 16, 235, 224  # of limited range, at 8 bits


def is_full_range(info: ClipInfo) -> bool:
    """YUV without a tag is of limited range, gray of full range."""
    if info.pixel_format.family == "gray" and info.color.range == "unspecified":
        return True
    return info.color.range == "full"


def sample_dtype(layout: PixelFormat) -> torch.dtype:
    """The type of code values: uint8 up to 8 bits, else uint16."""
    return torch.uint8 if layout.bits <= 8 else torch.uint16


def luma_range(layout: PixelFormat, is_full: bool) -> tuple[int, int]:
    """The codes of black and white."""
    step = 1 << (layout.bits - 8)
    return (0, layout.max_code) if is_full else (_BLACK * step, _WHITE * step)


def chroma_range(layout: PixelFormat, is_full: bool) -> tuple[int, int]:
    """The code of no colour, and one that is a whole unit above it."""
    middle = 1 << (layout.bits - 1)
    return middle, middle + (layout.max_code if is_full else _CHROMA_SPAN << (layout.bits - 8))
