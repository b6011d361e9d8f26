"""What files become: stills, shots, and clips made of stills."""

from __future__ import annotations

from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_frame
from vsr_cli.media import read_still
from vsr_cli.pipeline.truth import luma, scored_luma
from vsr_cli.training.motion import FRAMES, SHRINK, moving_clip
from vsr_cli.training.sources import SourceSettings, load_pairs


def _picture(path: Path, size: tuple[int, int] = (60, 84), seed: int = 0) -> NDArray[np.uint8]:
    """A smooth coloured picture with noise: (H, W, 3)."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    waves = [np.sin(rows / (5 + k) + columns / (7 - k)) for k in range(3)]
    pixels = 128 + 70 * np.stack(waves, -1) + draw.normal(0, 12, (*size, 3))
    samples = pixels.clip(0, 255).astype(np.uint8)
    iio.imwrite(path, samples)
    return samples


def test_still_is_what_eval_shows_a_network(tmp_path: Path) -> None:
    """Truth and input are those of ``vsr eval``, to the rounding of 16 bits."""
    path = tmp_path / "a.png"
    _picture(path)
    (pair,) = load_pairs([path], SourceSettings(scale=2))
    frame, info = read_still(path)
    degraded = degrade_frame(frame, info.pixel_format, 2, each_axis=True)
    shown = luma(degraded, info.pixel_format)
    assert (pair.lr[0, 0].double() / 65535 - shown).abs().max() < 1e-5
    truth = scored_luma(frame, info.pixel_format)
    assert (pair.hr[0, 0].double() / 65535 - truth).abs().max() < 0.5 / 255 + 1e-5


def test_copies_have_their_sizes_and_small_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _picture(path)
    settings = SourceSettings(scale=2, sizes=(1.0, 0.7, 0.3), patch=16)
    pairs = load_pairs([path], settings)
    assert [tuple(pair.hr.shape) for pair in pairs] == [(1, 1, 60, 84), (1, 1, 42, 58)]
    with pytest.raises(ValueError, match="patch must be at most 30 for these data, got 64"):
        load_pairs([path], SourceSettings(scale=2, patch=64))


def test_rgb_keeps_red_green_and_blue_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    samples = _picture(path)
    (pair,) = load_pairs([path], SourceSettings(scale=2, color="rgb"))
    assert pair.hr.dtype == torch.uint8
    assert np.array_equal(pair.hr[0].permute(1, 2, 0).numpy(), samples)
    assert pair.lr.shape == (1, 3, 30, 42)


def test_video_is_cut_into_its_shots(tmp_path: Path) -> None:
    """Two pictures of unlike textures, four frames each."""
    path = tmp_path / "a.mkv"
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[0:64, 0:64]
    first = 128 + 100 * np.sign(np.sin(rows / 9))
    second = 128 + 100 * np.sign(np.sin(columns / 6 + 1))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt, stream.width, stream.height = "gray", 64, 64
        for picture in [first] * 4 + [second] * 4:
            noisy = (picture + draw.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="gray")))
        output.mux(stream.encode(None))
    pairs = load_pairs([path], SourceSettings(scale=2, window=5))
    assert [pair.num_frames for pair in pairs] == [4, 4]
    with pytest.raises(InputError, match="networks that see RGB are trained on stills"):
        load_pairs([path], SourceSettings(scale=2, color="rgb"))


def test_still_becomes_a_moving_clip_for_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _picture(path)
    (pair,) = load_pairs([path], SourceSettings(scale=2, window=5))
    assert pair.hr.shape == (FRAMES, 1, 40, 56)
    assert pair.lr.shape == (FRAMES, 1, 20, 28)
    again = load_pairs([path], SourceSettings(scale=2, window=5))[0]
    other = load_pairs([path], SourceSettings(scale=2, window=5, seed=1))[0]
    assert torch.equal(pair.hr, again.hr)
    assert not torch.equal(pair.hr, other.hr)


def test_middle_of_a_moving_clip_is_the_shrunk_still() -> None:
    still = torch.rand(1, 1, 60, 90)
    clip = moving_clip(still, torch.Generator().manual_seed(0))
    expected = moving_clip(still, torch.Generator().manual_seed(1))
    middle = FRAMES // 2
    assert torch.allclose(clip[middle], expected[middle], atol=2e-3)
    assert not torch.allclose(clip[0], expected[0], atol=0.05)


def test_motion_is_what_was_drawn() -> None:
    """A blob moves along a line, at one speed, below the largest."""
    rows, columns = torch.meshgrid(torch.arange(150.0), torch.arange(180.0), indexing="ij")
    still = torch.exp(-((rows - 75) ** 2 + (columns - 90) ** 2) / 60)[None, None]
    for seed in range(5):
        clip = moving_clip(still, torch.Generator().manual_seed(seed))[:, 0]
        weights = clip / clip.sum((-2, -1), keepdim=True)
        height, width = clip.shape[-2:]
        place = torch.stack(
            [
                (weights.sum(-1) * torch.arange(height)).sum(-1),
                (weights.sum(-2) * torch.arange(width)).sum(-1),
            ],
            -1,
        )
        steps = place.diff(dim=0)
        assert steps.norm(dim=-1).max() <= 3.0 * 1.1
        assert (steps - steps.mean(0)).norm(dim=-1).max() < 0.15 * steps.norm(dim=-1).max() + 0.02
        assert place[FRAMES // 2] == pytest.approx([74.5 / SHRINK, 89.5 / SHRINK], abs=0.6)
