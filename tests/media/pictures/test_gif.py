"""GIFs in and out: times, repetitions, colours and transparency, read back by Pillow."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch.nn import functional

from vsr_cli.cli import main
from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar

MIXED_TOLERANCE = 1.5  # codes, on averages of 8x8 pixels
Clip = Callable[..., Path]


def upscale(*args: str | Path) -> Result:
    result = CliRunner().invoke(main, ["upscale", *map(str, args), "--model", "bicubic", "--quiet"])
    assert result.exit_code == 0, result.stderr
    return result


def inspect(path: Path) -> tuple[list[int], int | None, list[np.ndarray]]:
    """Durations in ms, repetitions, and the frames as RGBA."""
    durations, frames = [], []
    with Image.open(path) as image:
        loop = image.info.get("loop")
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
            frames.append(np.array(image.convert("RGBA")))
    return durations, loop, frames


def make_gif(path: Path, *, durations: list[int], loop: int | None, holes: bool = False) -> None:
    random = np.random.default_rng(1)
    images = []
    for _ in durations:
        blocks = random.integers(0, 256, (6, 8, 4), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        blocks[..., 3] = np.where(blocks[..., 3] > 127, 255, 0) if holes else 255
        images.append(Image.fromarray(blocks))
    options = {} if loop is None else {"loop": loop}
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=durations, disposal=2, **options
    )


@pytest.mark.parametrize("loop", [None, 0, 3])
def test_gif_to_gif_keeps_times_and_repetitions(tmp_path: Path, loop: int | None) -> None:
    make_gif(tmp_path / "a.gif", durations=[50, 120, 20, 700], loop=loop)
    upscale(tmp_path / "a.gif", tmp_path / "b.gif")
    durations, repeated, frames = inspect(tmp_path / "b.gif")
    assert (durations, repeated) == ([50, 120, 20, 700], loop)
    assert frames[0].shape == (48, 64, 4)


def test_few_colours_and_holes_are_kept_exactly(tmp_path: Path) -> None:
    make_gif(tmp_path / "a.gif", durations=[40, 40, 40], loop=0, holes=True)
    upscale(tmp_path / "a.gif", tmp_path / "b.gif", "--scale", "1")
    wanted, got = inspect(tmp_path / "a.gif")[2], inspect(tmp_path / "b.gif")[2]
    assert len(got) == len(wanted)
    assert any((frame[..., 3] == 0).any() for frame in wanted)
    for ours, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(ours[..., 3], theirs[..., 3])
        shown = theirs[..., 3] > 0
        np.testing.assert_array_equal(ours[shown], theirs[shown])


def test_every_frame_of_a_still_scene_is_kept(tmp_path: Path) -> None:
    info = ClipInfo(16, 16, require_planar("gray"), Fraction(1, 25), frame_rate=Fraction(25))
    plane = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    with open_writer(tmp_path / "a.gif", info) as writer:
        for number in range(5):
            writer.write(Frame((plane,), pts=number, duration=1))
    with av.open(str(tmp_path / "a.gif")) as container:
        pictures = list(container.decode(video=0))
    assert [picture.pts for picture in pictures] == [0, 4, 8, 12, 16]
    gray = pictures[-1].to_ndarray(format="rgb24")[..., 0]
    np.testing.assert_array_equal(gray, plane.numpy())  # all 256 of them


def test_video_to_gif_repeats_for_ever_and_warns(tmp_path: Path, make_clip: Clip) -> None:
    result = upscale(make_clip(audio_start=0.0), tmp_path / "a.gif")
    durations, loop, _ = inspect(tmp_path / "a.gif")
    assert (sum(durations), loop) == (200, 0)
    assert "a GIF has 256 colours" in result.stderr
    assert "not carried over: 1 audio (a .gif file holds pictures alone)" in result.stderr


def test_palette_of_each_frame_is_its_own(tmp_path: Path) -> None:
    info = ClipInfo(64, 64, require_planar("gbrp"), Fraction(1, 10), frame_rate=Fraction(10))
    ramp = torch.arange(64, dtype=torch.uint8).repeat(64, 1)
    flat = torch.zeros(64, 64, dtype=torch.uint8)
    scenes = [(ramp * 4, flat, flat), (flat, ramp * 4, flat), (flat, flat, ramp * 4)]
    with open_writer(tmp_path / "a.gif", info) as writer:
        for number, planes in enumerate(scenes):
            writer.write(Frame(planes, pts=number, duration=1))
    _, _, frames = inspect(tmp_path / "a.gif")
    for frame, (green, blue, red) in zip(frames, scenes, strict=True):
        wanted = np.stack([red.numpy(), green.numpy(), blue.numpy()], axis=2)
        np.testing.assert_array_equal(frame[..., :3], wanted)


def test_many_colours_are_mixed_from_256(tmp_path: Path) -> None:
    info = ClipInfo(128, 128, require_planar("gbrap"), Fraction(1, 10), frame_rate=Fraction(10))
    rows, columns = torch.arange(128)[:, None], torch.arange(128)
    ramps = (rows + columns, rows * 2 + columns * 0, columns * 2 + rows * 0)
    alpha = torch.full((128, 128), 255, dtype=torch.uint8)
    alpha[:, :10] = 0
    planes = (*(ramp.to(torch.uint8) for ramp in ramps), alpha)
    with open_writer(tmp_path / "a.gif", info) as writer:
        writer.write(Frame(planes, pts=0, duration=1))
    _, _, (frame,) = inspect(tmp_path / "a.gif")
    np.testing.assert_array_equal(frame[..., 3], alpha.numpy())
    wanted = torch.stack([planes[2], planes[0], planes[1]]).float()
    got = torch.from_numpy(frame[..., :3].copy()).permute(2, 0, 1).float()
    blurred = [functional.avg_pool2d(image[:, :, 10:], 8) for image in (wanted, got)]
    assert (blurred[0] - blurred[1]).abs().mean() < MIXED_TOLERANCE
    assert len(np.unique(frame[:, 10:].reshape(-1, 4), axis=0)) > 200


@pytest.mark.parametrize(
    ("rate", "words"), [(60, "0.02 s"), (30, ""), (Fraction(30_000, 1001), "")]
)
def test_fast_clip_warns(tmp_path: Path, rate: int | Fraction, words: str) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), 1 / Fraction(rate), frame_rate=Fraction(rate))
    with open_writer(tmp_path / "a.gif", info) as writer:
        writer.write(Frame((torch.zeros(4, 4, dtype=torch.uint8),), pts=0, duration=1))
    assert words in " ".join(writer.warnings)
    assert ("0.02 s" in " ".join(writer.warnings)) == bool(words)


def test_too_fast_a_clip_is_refused(tmp_path: Path) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 1000), frame_rate=Fraction(200))
    with pytest.raises(ValueError, match="at most 100 frames/s, got 200"):
        open_writer(tmp_path / "a.gif", info)
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 1000), frame_rate=Fraction(50))
    plane = torch.zeros(4, 4, dtype=torch.uint8)
    with open_writer(tmp_path / "a.gif", info) as writer:
        writer.write(Frame((plane,), pts=0))
        with pytest.raises(OutputError, match="frames 0 and 1 fall on one 1/100 s"):
            writer.write(Frame((plane,), pts=2))


@pytest.mark.parametrize(
    ("name", "pix_fmt"), [("b.mp4", "yuv444p"), ("b.webm", "gbrp"), ("b.mkv", "yuv444p")]
)
def test_gif_to_video_needs_no_pixel_format(tmp_path: Path, name: str, pix_fmt: str) -> None:
    make_gif(tmp_path / "a.gif", durations=[50, 120, 20], loop=0)
    result = upscale(tmp_path / "a.gif", tmp_path / name)
    assert "transparent" not in result.stderr  # FFmpeg gives it alpha, and it is opaque
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].pix_fmt == pix_fmt
        times = [picture.pts * picture.time_base for picture in container.decode(video=0)]
    assert times == [0, Fraction(50, 1000), Fraction(170, 1000)]


def test_lossless_video_keeps_the_alpha_of_a_gif(tmp_path: Path) -> None:
    make_gif(tmp_path / "a.gif", durations=[50, 120], loop=0, holes=True)
    result = upscale(tmp_path / "a.gif", tmp_path / "b.mkv", "--codec", "ffv1", "--scale", "1")
    assert result.stderr == ""
    with open_reader(tmp_path / "a.gif") as first, open_reader(tmp_path / "b.mkv") as second:
        for one, other in zip(first, second, strict=True):
            for plane, again in zip(one.planes, other.planes, strict=True):
                assert torch.equal(plane, again)


def test_an_error_leaves_no_gif(tmp_path: Path) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 25), frame_rate=Fraction(25))
    plane = torch.zeros(4, 4, dtype=torch.uint8)
    with pytest.raises(RuntimeError), open_writer(tmp_path / "a.gif", info) as writer:  # noqa: PT012
        writer.write(Frame((plane,), pts=0))
        raise RuntimeError
    with (
        pytest.raises(OutputError, match="no frame was given"),
        open_writer(tmp_path / "a.gif", info),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("plays", "loop"), [(0, 0), (1, None), (3, 3)])
def test_apng_to_gif_keeps_times_and_repetitions(
    tmp_path: Path, plays: int, loop: int | None
) -> None:
    pages = [Image.new("RGB", (32, 24), color) for color in ("red", "green", "blue")]
    pages[0].save(
        tmp_path / "a.apng",
        format="PNG",
        save_all=True,
        append_images=pages[1:],
        duration=[50, 120, 700],
        loop=plays,
    )
    upscale(tmp_path / "a.apng", tmp_path / "b.gif", "--scale", "1")
    durations, repeated, _ = inspect(tmp_path / "b.gif")
    assert (durations, repeated) == ([50, 120, 700], loop)
