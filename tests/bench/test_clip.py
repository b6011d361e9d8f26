"""The moving picture, and the part of a clip that is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.bench.clip import FORMAT, moving_picture, prepare_clip
from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import open_reader
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.specs import BenchSpec
from vsr_cli.specs.upscale import SCENE_THRESHOLD

Clip = Callable[..., Path]


def test_moving_picture_is_the_same_each_time_and_moves() -> None:
    first, again, later = (moving_picture(n, width=40, height=24) for n in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert [plane.shape for plane in first] == [(24, 40), (12, 20), (12, 20)]
    changed = (first[0] != later[0]).double().mean()
    assert changed > 0.5  # of the pixels


def test_moving_picture_has_no_scene_cut() -> None:
    frames = [Frame(moving_picture(n, width=320, height=160), pts=n) for n in range(40)]
    shots = [frame.shot for frame in mark_shots(frames, FORMAT, SCENE_THRESHOLD)]
    assert shots == [0] * 40


def test_made_clip_has_the_size_and_the_frames_that_were_asked_for(tmp_path: Path) -> None:
    clip = prepare_clip(BenchSpec(size=(64, 48), frames=7), tmp_path)
    assert (clip.info.width, clip.info.height, clip.num_frames) == (64, 48, 7)
    frames = clip.read()
    assert len(frames) == 7
    original = moving_picture(2, width=64, height=48)[0]
    assert (frames[2].planes[0].double() - original.double()).abs().mean() < 4  # codes: it is coded


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_part_of_a_clip_with_uneven_times_is_cut_to_the_frame(make_clip: Clip, count: int) -> None:
    source = make_clip("in.mp4", pts=(900, 901, 4500, 90_000, 90_010))
    clip = prepare_clip(BenchSpec(source=source, frames=count), source.parent)
    with open_reader(source) as reader:
        expected = [frame.pts for frame in reader][:count]
    assert clip.num_frames == count
    assert [frame.pts for frame in clip.read()] == expected


def test_short_clip_is_measured_whole(make_clip: Clip) -> None:
    clip = prepare_clip(BenchSpec(source=make_clip("in.mp4"), frames=100), Path("."))
    assert (clip.num_frames, len(clip.read()), clip.decoding.is_cut) == (5, 5, False)


def test_luma_alone_is_the_first_plane(make_clip: Clip) -> None:
    source = make_clip("in.mkv", codec="ffv1", pix_fmt="yuv420p10le")
    clip = prepare_clip(BenchSpec(source=source), Path("."))
    assert clip.luma_info.pixel_format.name == "gray10le"
    for whole, luma in zip(clip.read(), clip.read_luma(), strict=True):
        assert len(luma.planes) == 1
        assert torch.equal(luma.planes[0], whole.planes[0])


def test_missing_clip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        prepare_clip(BenchSpec(source=tmp_path / "no.mp4"), tmp_path)
