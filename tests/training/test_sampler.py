"""Patches: aligned in space and time, drawn by their seed alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch

from vsr_cli.models.fsrcnn import SPEC
from vsr_cli.training.pairs import ClipPair
from vsr_cli.training.sampler import PatchSampler


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


def test_every_turn_comes_up_and_is_the_same_in_both() -> None:
    """A frame with an arrow: each of the eight symmetries shows another corner pattern."""
    low = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    low[..., 0, 0], low[..., 0, 7], low[..., 7, 0] = 10, 20, 30
    pair = ClipPair(low.repeat_interleave(2, -1).repeat_interleave(2, -2), low)
    lr, hr = _sampler(pair, patch=8).batch(256)
    assert torch.equal(hr[..., ::2, ::2], lr)
    symmetries = {tuple(turned.flatten().tolist()) for turned in lr}
    expected = {
        tuple((torch.rot90(f, k, (-2, -1)) / 255.0).float().flatten().tolist())
        for f in (low[0, 0], low[0, 0].flip(-1))
        for k in range(4)
    }
    assert symmetries == expected


def test_without_turns_patches_lie_as_in_the_frame() -> None:
    pair = _marked(num_frames=1)
    generator = torch.Generator().manual_seed(0)
    lr, _ = PatchSampler([pair], patch=6, window=1, generator=generator, turns=False).batch(64)
    assert torch.all((lr[..., 1:] - lr[..., :-1]).mul(255).round().remainder(251) == 1)


def test_colours_stay_together() -> None:
    code = torch.arange(3, dtype=torch.uint8)[:, None, None] + 3 * torch.arange(64).view(1, 8, 8)
    low = code.to(torch.uint8)[None]
    pair = ClipPair(low.repeat_interleave(2, -1).repeat_interleave(2, -2), low)
    lr, hr = _sampler(pair, patch=4).batch(32)
    assert (lr.shape, hr.shape) == ((32, 3, 4, 4), (32, 3, 8, 8))
    assert torch.equal(((lr[:, 1:] - lr[:, :-1]) * 255).round(), torch.ones(32, 2, 4, 4))
    assert torch.equal(hr[..., ::2, ::2], lr)


def test_clips_come_as_often_as_their_pixels_say() -> None:
    small, large = (
        ClipPair(
            torch.full((1, 1, 16, 16 * n), n, dtype=torch.uint8),
            torch.full((1, 1, 8, 8 * n), n, dtype=torch.uint8),
        )
        for n in (1, 3)
    )
    generator = torch.Generator().manual_seed(0)
    lr, _ = PatchSampler([small, large], patch=8, window=1, generator=generator).batch(4000)
    share = ((lr[:, 0, 0, 0] * 255).round() == 3).double().mean()
    assert float(share) == pytest.approx(0.75, abs=0.03)  # four standard deviations


def test_of_the_places_the_busiest_is_taken() -> None:
    """Half of the frame is flat: by chance half of the patches would be."""
    torch.manual_seed(0)
    low = torch.zeros(1, 1, 32, 64, dtype=torch.uint8)
    low[..., 32:] = torch.randint(0, 256, (32, 32), dtype=torch.uint8)
    lr, _ = _sampler(ClipPair(low, low), patch=8).batch(1000)
    flat = (lr.flatten(1).var(1) == 0).double().mean()
    assert float(flat) == pytest.approx(((64 - 32 - 7) / 57) ** 3, abs=0.04)


def test_drawing_is_cheap_beside_training() -> None:
    """A batch takes a small part of the forward and backward pass that it feeds."""
    clips = [_marked(num_frames=4, size=200) for _ in range(3)]
    generator = torch.Generator().manual_seed(0)
    sampler = PatchSampler(clips, patch=36, window=1, generator=generator)
    network = SPEC.build(2, True)

    def learn() -> None:
        lr, hr = batch
        (network(lr) - hr).square().mean().backward()

    batch = sampler.batch(16)
    learn()
    drawing = min(_seconds(lambda: sampler.batch(16)) for _ in range(5))
    learning = min(_seconds(learn) for _ in range(5))
    assert drawing < 0.25 * learning


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
