"""Scene cuts: found where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.media import open_reader
from vsr_cli.pipeline import shots as detector
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.preview import preview_video
from vsr_cli.pipeline.segments.resume import resume_video
from vsr_cli.pipeline.shots import dissimilarity, mark_shots
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EvaluateSpec, UpscaleSpec

GRAY = PixelFormat("gray", "gray", 8)
THRESHOLD = UpscaleSpec().scene_threshold


def _picture(seed: int, shift: int = 0) -> torch.Tensor:
    """Smooth blobs, (90, 160) uint8, moved to the right by ``shift`` pixels."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 6, 12, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, size=(90, 260), mode="bicubic")
    return (fine[0, 0, :, shift : shift + 160].clamp(0, 1) * 255).to(torch.uint8)


def _shots(pictures: list[torch.Tensor], threshold: float = THRESHOLD) -> list[int]:
    frames = [Frame((picture,), pts=t) for t, picture in enumerate(pictures)]
    return [frame.shot for frame in mark_shots(frames, GRAY, threshold)]


def test_new_picture_is_a_cut_and_motion_is_none() -> None:
    pictures = [_picture(1, 3 * t) for t in range(6)] + [_picture(2, 3 * t) for t in range(5)]
    assert _shots(pictures) == [0] * 6 + [1] * 5


def test_black_bars_hide_no_cut() -> None:
    pictures = [_picture(1, 3 * t) for t in range(4)] + [_picture(2, 3 * t) for t in range(4)]
    for picture in pictures:
        picture[:14] = picture[-14:] = 16
    assert _shots(pictures) == [0] * 4 + [1] * 4


def test_faint_pictures_have_cuts_too() -> None:
    pictures = [16 + _picture(seed, 3 * t) // 16 for seed in (1, 2) for t in range(4)]
    assert _shots(pictures) == [0] * 4 + [1] * 4


def test_small_moving_thing_before_a_still_wall_is_no_cut() -> None:
    pictures = [_picture(1).clone() for _ in range(6)]
    for time, picture in enumerate(pictures):
        picture[30:50, 10 + 20 * time : 30 + 20 * time] = 255
    assert _shots(pictures) == [0] * 6


def test_zero_turns_the_detector_off() -> None:
    assert _shots([_picture(1), _picture(2), _picture(3)], threshold=0) == [0, 0, 0]


@pytest.mark.parametrize(
    ("model", "threshold", "is_looked_for"),
    [("bicubic", THRESHOLD, False), ("2d3d", THRESHOLD, True), ("2d3d", 0.0, False)],
)
def test_cuts_are_looked_for_where_a_network_sees_neighbours(
    make_clip: Callable[..., Path],
    random_weights: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    model: str,
    threshold: float,
    is_looked_for: bool,
) -> None:
    num_calls = 0

    def counted(first: torch.Tensor, second: torch.Tensor) -> float:
        nonlocal num_calls
        num_calls += 1
        return dissimilarity(first, second)

    monkeypatch.setattr(detector, "dissimilarity", counted)
    source = make_clip("in.mkv", codec="ffv1", pix_fmt="yuv444p")  # five frames of no relation
    weights = random_weights if model == "2d3d" else ()
    settings = {"model": model, "weights": weights, "scene_threshold": threshold, "device": "cpu"}
    spec = UpscaleSpec(**settings)
    found = [
        upscale_video(source, tmp_path / "a.mkv", spec).scene_cuts,
        resume_video(source, tmp_path / "b.mkv", spec).scene_cuts,
    ]
    assert num_calls == (8 if is_looked_for else 0)
    assert found == ([4, 4] if is_looked_for else [None, None])
    preview_video(source, tmp_path / "c.png", 1, spec)
    evaluate_clips([source], EvaluateSpec(**settings))
    assert (num_calls > 8) == is_looked_for


def test_noise_on_black_and_a_flash_are_no_cuts() -> None:
    torch.manual_seed(0)
    noise = [torch.randint(0, 6, (90, 160), dtype=torch.uint8) for _ in range(4)]
    assert _shots(noise) == [0] * 4
    flash = (_picture(1).float() * 0.7).to(torch.uint8)
    assert _shots([_picture(1), flash, _picture(1)]) == [0] * 3


def test_dissimilarity_is_zero_for_the_same_and_large_for_the_inverse() -> None:
    picture = _picture(4).float() / 255
    assert dissimilarity(picture, picture) == pytest.approx(0, abs=1e-4)
    assert dissimilarity(picture, 1 - picture) > 90


def test_tiny_frames_work() -> None:
    assert _shots([torch.zeros(1, 1, dtype=torch.uint8)] * 3) == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("bikes.mp4", [30, 76, 137, 187, 242]),  # read off the pictures
        (
            "../awkward/scene_cuts.mp4",
            [30, 76, 187, 242],
        ),  # the same beside a still chart; 137 is missed
        ("carphone_pristine.mp4", []),
        ("foreman_cif_intra.264", []),
        ("mobile_cif_lossless.264", []),
    ],
)
def test_cuts_of_real_clips(shared_data: Path, name: str, cuts: list[int]) -> None:
    with open_reader(shared_data / "video" / name) as reader:
        marked = mark_shots(reader, reader.info.pixel_format, THRESHOLD)
        shots = [frame.shot for frame in marked]
    assert [t for t in range(1, len(shots)) if shots[t] != shots[t - 1]] == cuts
