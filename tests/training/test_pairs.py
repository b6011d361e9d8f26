"""Pairs: read, degraded, upscaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.imaging.resample import enlarge
from vsr_cli.training.pairs import load_clip, make_pair, upscale_pair

Clip = Callable[..., Path]


def test_clip_is_read_and_degraded(make_clip: Clip) -> None:
    pair = load_clip(make_clip("in.mkv", codec="ffv1", size=(37, 22)), 3)
    assert pair.hr.shape == (5, 1, 21, 36)
    assert pair.lr.shape == (5, 1, 7, 12)
    expected = degrade_bicubic(pair.hr.float() / 255, 3) * 255
    assert torch.equal(pair.lr, expected.round().to(torch.uint8))


def test_ten_bits_and_rgb_are_refused(make_clip: Clip) -> None:
    for pix_fmt in ("gray10le", "bgr0"):
        clip = make_clip(f"{pix_fmt}.mkv", codec="ffv1", pix_fmt=pix_fmt)
        with pytest.raises(InputError, match="grey or YUV clips of 8 bits"):
            load_clip(clip, 2)


def test_upscaled_pair_is_what_the_stage_makes() -> None:
    pair = make_pair(torch.randint(0, 256, (3, 1, 20, 24), dtype=torch.uint8), 2)
    upscaled = upscale_pair(pair, lambda frames: enlarge(frames, 2))
    assert upscaled.lr.dtype == torch.uint16
    exact = enlarge(pair.lr.float() / 255, 2).clamp(0, 1)
    assert (upscaled.lr.float() / 65535 - exact).abs().max() <= 0.5 / 65535 + 1e-6
