"""Pairs: aligned in space and time, drawn by their seed alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.imaging.resample import enlarge
from vsr_cli.training.pairs import ClipPair, PatchSampler, load_clip, make_pair, upscale_pair

Clip = Callable[..., Path]


def _marked(num_frames: int = 7, scale: int = 2, size: int = 16) -> ClipPair:
    """A pair whose values say where they are: lr is 16 y + x, plus the frame's number in hr's."""
    rows, columns = torch.arange(size)[:, None], torch.arange(size)[None, :]
    low = (rows * size + columns) % 251
    lr = torch.stack([(low + t) % 251 for t in range(num_frames)])[:, None]
    hr = lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    return ClipPair(hr.to(torch.uint8), lr.to(torch.uint8))


def _sampler(
    pair: ClipPair, window: int = 1, patch: int = 6, seed: int = 0, unit: int = 1
) -> PatchSampler:
    generator = torch.Generator().manual_seed(seed)
    return PatchSampler([pair], patch=patch, window=window, generator=generator, unit=unit)


def test_patches_show_the_same_place() -> None:
    lr, hr = _sampler(_marked()).batch(64)
    assert lr.shape == (64, 1, 6, 6)
    assert hr.shape == (64, 1, 12, 12)
    assert torch.equal(lr.repeat_interleave(2, -1).repeat_interleave(2, -2), hr)


def test_window_has_the_truth_of_its_middle_frame() -> None:
    lr, hr = _sampler(_marked(), window=5).batch(64)
    assert lr.shape == (64, 1, 5, 6, 6)
    middle = lr[:, :, 2]
    assert torch.equal(middle.repeat_interleave(2, -1).repeat_interleave(2, -2), hr)
    steps = ((lr[:, 0, 1:] - lr[:, 0, :-1]) * 255).round() % 251
    # One code a frame forwards or backwards; none where a clip's end is repeated.
    assert set(steps.unique().tolist()) <= {0.0, 1.0, 250.0}
    assert (steps != 0).any()


def test_clip_of_one_frame_gives_windows_of_it() -> None:
    lr, _ = _sampler(_marked(num_frames=1), window=5).batch(8)
    assert torch.equal(lr, lr[:, :, 2:3].expand_as(lr))


def test_draws_follow_the_seed() -> None:
    first, again = (_sampler(_marked(), seed=3).batch(16)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, _sampler(_marked(), seed=4).batch(16)[0])


def test_patches_begin_at_multiples_of_the_unit() -> None:
    """Whatever the turn: one of the four corners is the patch's upper left one in the frame."""
    pair = _marked(num_frames=1)
    corners = {
        unit: {
            int(corner)
            for patch in (_sampler(pair, unit=unit).batch(128)[0] * 255).round()
            for corner in [patch[0].min()]
        }
        for unit in (1, 2)
    }
    allowed = {int(pair.lr[0, 0, top, left]) for top in range(0, 11, 2) for left in range(0, 11, 2)}
    assert corners[2] <= allowed
    assert len(corners[2]) > 20
    assert not corners[1] <= allowed


def test_patch_that_cuts_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="patch must be a multiple of 2 for this network, got 7"):
        _sampler(_marked(), patch=7, unit=2)


def test_patch_larger_than_the_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="patch must be at most 16"):
        _sampler(_marked(), patch=17)


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
