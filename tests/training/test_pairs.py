"""Pairs: read, degraded, upscaled."""

from __future__ import annotations

import pytest
import torch

from vsr_cli.imaging.resample import enlarge
from vsr_cli.training.pairs import hold_out, make_pair, upscale_pair


def test_upscaled_pair_is_what_the_stage_makes() -> None:
    pair = make_pair(torch.randint(0, 256, (3, 1, 20, 24), dtype=torch.uint8), 2)
    upscaled = upscale_pair(pair, lambda frames: enlarge(frames, 2))
    assert upscaled.lr.dtype == torch.uint16
    exact = enlarge(pair.lr.float() / 255, 2).clamp(0, 1)
    assert (upscaled.lr.float() / 65535 - exact).abs().max() <= 0.5 / 65535 + 1e-6


def test_last_part_of_a_clip_is_held_out() -> None:
    clip = make_pair(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 1, 8, 8), 2)
    (learnt,), (held,) = hold_out([clip], 0.2)
    assert learnt.hr[:, 0, 0, 0].tolist() == list(range(8))
    assert held.hr[:, 0, 0, 0].tolist() == [8, 9]
    assert (learnt.lr.shape[0], held.lr.shape[0]) == (8, 2)


def test_some_of_the_stills_are_held_out() -> None:
    stills = [
        make_pair(torch.full((1, 1, 8, 8), number, dtype=torch.uint8), 2) for number in range(10)
    ]
    learnt, held = hold_out(stills, 0.2)
    assert [int(pair.hr[0, 0, 0, 0]) for pair in held] == [4, 9]
    assert len(learnt) == 8
    with pytest.raises(ValueError, match=r"too little data to hold out 0.2 of it"):
        hold_out(stills[:1], 0.2)
