"""Pairs: read, degraded, upscaled."""

from __future__ import annotations

import torch

from vsr_cli.imaging.resample import enlarge
from vsr_cli.training.pairs import make_pair, upscale_pair


def test_upscaled_pair_is_what_the_stage_makes() -> None:
    pair = make_pair(torch.randint(0, 256, (3, 1, 20, 24), dtype=torch.uint8), 2)
    upscaled = upscale_pair(pair, lambda frames: enlarge(frames, 2))
    assert upscaled.lr.dtype == torch.uint16
    exact = enlarge(pair.lr.float() / 255, 2).clamp(0, 1)
    assert (upscaled.lr.float() / 65535 - exact).abs().max() <= 0.5 / 65535 + 1e-6
