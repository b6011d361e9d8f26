"""Pictures as clips: sequences, folders and pages in, the same out, and bad ones in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import check_output, open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import DecodingSpec, EncodingSpec

RANDOM = np.random.default_rng(7)
SIZE = (13, 17)  # rows, columns


def picture(channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    shape = SIZE if channels == 1 else (*SIZE, channels)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def save(path: Path, pixels: np.ndarray | None = None, **options: object) -> np.ndarray:
    pixels = picture() if pixels is None else pixels
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_pattern_that_hits_the_input_picture_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "p_1.png")
    before = (tmp_path / "p_1.png").read_bytes()
    with pytest.raises(ValueError, match="is the input"):
        copy(tmp_path / "p_1.png", tmp_path / "p_%d.png", overwrite=True)
    assert (tmp_path / "p_1.png").read_bytes() == before


def copy(
    source: Path,
    target: Path,
    decoding: DecodingSpec | None = None,
    encoding: EncodingSpec | None = None,
    *,
    overwrite: bool = False,
) -> Sequence[str]:
    """Every frame from one to the other, as it is; returns the warnings of both."""
    with (
        open_reader(source, decoding) as reader,
        open_writer(
            target,
            reader.info,
            encoding,
            copy_from=source,
            decoding=decoding,
            overwrite=overwrite,
        ) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return [*reader.warnings, *writer.warnings]


def read(path: Path, decoding: DecodingSpec | None = None) -> tuple[ClipInfo, list[Frame]]:
    with open_reader(path, decoding) as reader:
        return reader.info, list(reader)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pattern_starts_at_the_lowest_number_and_keeps_the_order(tmp_path: Path) -> None:
    made = [save(tmp_path / f"f_{number:03d}.png") for number in (98, 99, 100)]
    save(tmp_path / "f_7.png")  # no name of this pattern
    info, frames = read(tmp_path / "f_%03d.png")
    assert (info.num_frames, info.time_base, info.frame_rate) == (3, Fraction(1, 25), 25)
    assert [(frame.pts, frame.duration) for frame in frames] == [(0, 1), (1, 1), (2, 1)]
    for frame, pixels in zip(frames, made, strict=True):
        np.testing.assert_array_equal(frame.planes[2].numpy(), pixels[..., 0])


def test_file_of_that_very_name_goes_before_the_pattern(tmp_path: Path) -> None:
    save(tmp_path / "f_1.png")
    pixels = save(tmp_path / "f_%d.png")
    _, (frame,) = read(tmp_path / "f_%d.png")
    np.testing.assert_array_equal(frame.planes[0].numpy(), pixels[..., 1])


def test_gap_names_the_missing_file(tmp_path: Path) -> None:
    for number in (3, 4, 6):
        save(tmp_path / f"f_{number}.png")
    with pytest.raises(InputError, match=r"f_5\.png is missing.*from 3 to 6"):
        open_reader(tmp_path / "f_%d.png")
    with pytest.raises(InputError, match=r"no file fits the pattern .*g_%d\.png"):
        open_reader(tmp_path / "g_%d.png")


def test_folder_is_read_in_natural_order_without_hidden_files(tmp_path: Path) -> None:
    made = {name: save(tmp_path / name) for name in ("a10.png", "a2.png", "a1.PNG")}
    save(tmp_path / "._a1.png")
    (tmp_path / "notes.txt").touch()
    _, frames = read(tmp_path)
    for frame, name in zip(frames, ("a1.PNG", "a2.png", "a10.png"), strict=True):
        np.testing.assert_array_equal(frame.planes[2].numpy(), made[name][..., 0])


def test_rate_makes_the_times(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png")
    rate = Fraction(30_000, 1001)
    info, _ = read(tmp_path, DecodingSpec(rate=rate))
    assert (info.time_base, info.frame_rate) == (1 / rate, rate)
    _, frames = read(tmp_path, DecodingSpec(rate=Fraction(10), start_s=0.1, end_s=0.3))
    assert [frame.pts for frame in frames] == [1, 2]
    with pytest.raises(InputError, match=r"between start and end; the clip lasts 0\.4 s$"):
        read(tmp_path, DecodingSpec(rate=Fraction(10), start_s=9))


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1), Fraction(100_000)])
def test_senseless_rate(rate: Fraction) -> None:
    with pytest.raises(ValueError, match="rate must be above 0"):
        DecodingSpec(rate=rate)


def test_rate_for_a_clip_with_times_is_refused(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    frames = [Image.fromarray(picture()) for _ in range(2)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=50)
    for path in (make_clip(), tmp_path / "a.webp"):
        with pytest.raises(ValueError, match="times of its own"):
            open_reader(path, DecodingSpec(rate=Fraction(30)))


def test_picture_of_another_size_or_kind_is_named_with_both(tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    save(tmp_path / "2.png", np.zeros((5, 6, 3), np.uint8))
    with pytest.raises(InputError, match=r"2\.png is 6x5 gbrp, but .*1\.png is 17x13 gbrp;"):
        read(tmp_path)
    save(tmp_path / "2.png", picture(4))
    with pytest.raises(InputError, match=r"2\.png is 17x13 gbrap, but .*1\.png is 17x13 gbrp"):
        read(tmp_path)


@pytest.mark.parametrize("format_", ["WEBP", "PNG"])
def test_animation_keeps_its_times(tmp_path: Path, format_: str) -> None:
    made = [picture(4) | np.uint8(1) for _ in range(3)]  # nothing is wholly transparent
    images = [Image.fromarray(pixels) for pixels in made]
    path = tmp_path / f"a.{format_.lower()}"
    options = {"lossless": True, "exact": True} if format_ == "WEBP" else {}
    images[0].save(
        path,
        format_,
        save_all=True,
        append_images=images[1:],
        duration=[40, 100, 70],
        loop=3,
        **options,
    )
    info, frames = read(path)
    times = [(frame.pts * info.time_base, frame.duration * info.time_base) for frame in frames]
    starts, lasts = (0, 40, 140), (40, 100, 70)
    assert times == [(Fraction(s, 1000), Fraction(d, 1000)) for s, d in zip(starts, lasts)]  # noqa: B905
    assert info.loop == 3
    for frame, pixels in zip(frames, made, strict=True):
        for plane, channel in zip(frame.planes, (1, 2, 0, 3), strict=True):
            np.testing.assert_array_equal(plane.numpy(), pixels[..., channel])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pages_of_a_tiff_are_frames(tmp_path: Path, dtype: type) -> None:
    made = [picture(3, dtype) for _ in range(3)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for pixels in made:
            file.write(pixels, photometric="rgb", compression="zlib", predictor=True)
    info, frames = read(tmp_path / "a.tif")
    assert (info.num_frames, info.pixel_format.bits) == (3, np.iinfo(dtype).bits)
    for frame, pixels in zip(frames, made, strict=True):
        np.testing.assert_array_equal(frame.planes[2].numpy(), pixels[..., 0])


def test_thumbnail_in_a_tiff_is_no_frame(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(picture(), photometric="rgb")
        file.write(np.zeros((4, 5, 3), np.uint8), photometric="rgb", subfiletype=1)
    info, _ = read(tmp_path / "a.tif")
    assert info.num_frames == 1


def test_numbers_of_the_input_are_those_of_the_output(tmp_path: Path) -> None:
    made = [save(tmp_path / "in" / f"f_{number:04d}.png") for number in range(8, 12)]
    copy(tmp_path / "in" / "f_%04d.png", tmp_path / "o_%d.png")
    assert names(tmp_path) == ["in", "o_10.png", "o_11.png", "o_8.png", "o_9.png"]
    for number, pixels in zip(range(8, 12), made, strict=True):
        np.testing.assert_array_equal(load(tmp_path / f"o_{number}.png"), pixels)
    cut = DecodingSpec(start_s=0.08, end_s=0.12)
    copy(tmp_path / "in" / "f_%04d.png", tmp_path / "cut_%d.png", cut)
    assert [name for name in names(tmp_path) if name.startswith("cut")] == ["cut_10.png"]


def test_numbers_start_at_one_for_a_video(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    copy(make_clip(pix_fmt="gray", codec="ffv1"), tmp_path / "o_%02d.png")
    assert names(tmp_path) == ["clip.mkv", *(f"o_{number:02d}.png" for number in range(1, 6))]


@pytest.mark.parametrize("exists", [False, True])
def test_folder_to_folder_keeps_the_names(tmp_path: Path, exists: bool) -> None:
    made = {name: save(tmp_path / "in" / f"{name}.tif") for name in ("x", "y")}
    target = tmp_path / "out"
    if exists:
        target.mkdir()
        (target / "other.txt").touch()
    copy(tmp_path / "in", target)
    assert names(target) == [*(["other.txt"] if exists else []), "x.png", "y.png"]
    for name, pixels in made.items():
        np.testing.assert_array_equal(load(target / f"{name}.png"), pixels)
    assert names(tmp_path) == ["in", "out"]


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "a.tif")
    with pytest.raises(ValueError, match=r"two pictures of .*a\.png"):
        check_output(tmp_path / "out", input_path=tmp_path / "in")


def test_pictures_that_are_there_need_overwrite(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / "in" / f"{number}.png")
        save(tmp_path / "out" / f"{number}.png", np.zeros((2, 2), np.uint8))
    for target in (tmp_path / "out", tmp_path / "out" / "%d.png"):
        with pytest.raises(OutputError, match=r"out.1\.png exists; give --overwrite"):
            copy(tmp_path / "in", target)
        copy(tmp_path / "in", target, overwrite=True)
        assert load(tmp_path / "out" / "2.png").shape == (13, 17, 3)
        save(tmp_path / "out" / "1.png", np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize("target", ["", "%d.png", "%03d.png"])
def test_pictures_never_write_over_their_input(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for number in (101, 102):
        save(tmp_path / "in" / f"{number}.png")
    with pytest.raises(ValueError, match="is the input"):
        check_output(
            tmp_path / "link" / target, overwrite=True, input_path=tmp_path / "in" / "%d.png"
        )


@pytest.mark.parametrize("target", ["out", "o_%d.png", "out.png"])
def test_an_error_leaves_no_pictures(tmp_path: Path, target: str) -> None:
    save(tmp_path / "in" / "1.png")
    save(tmp_path / "in" / "2.png", np.zeros((5, 6, 3), np.uint8))
    source = tmp_path / "in" if target == "out" else tmp_path / "in" / "%d.png"
    cut = DecodingSpec(start_s=0)
    with pytest.raises(InputError, match="must be of one size"):
        copy(source, tmp_path / target, cut)
    assert names(tmp_path) == ["in"]


def test_folder_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    save(tmp_path / "in" / "1.png")
    with open_reader(tmp_path / "in") as reader:
        writer = open_writer(tmp_path / "out", reader.info, copy_from=tmp_path / "in")
        (hidden,) = set(names(tmp_path)) - {"in"}
        writer.__exit__(RuntimeError, None, None)
    number = hidden.rsplit(".", 2)[1]
    dead = tmp_path / hidden.replace(f".{number}.", ".4194305.")  # above the largest process id
    dead.mkdir()
    (dead / "1.png").touch()
    copy(tmp_path / "in", tmp_path / "out")
    assert names(tmp_path) == ["in", "out"]


def test_one_picture_for_a_clip_of_more_is_refused_at_once(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    clip = make_clip("clip.mp4")
    with pytest.raises(ValueError, match=r"holds one picture.*out_%05d\.png"):
        copy(clip, tmp_path / "out.png")
    with pytest.raises(OutputError, match=r"holds one picture.*out_%05d\.png"):
        copy(clip, tmp_path / "out.png", DecodingSpec(start_s=0.04))
    assert names(tmp_path) == ["clip.mp4"]
    for number in (1, 2):
        save(tmp_path / "in" / f"{number}.png")
    with pytest.raises(ValueError, match=r"holds one picture.*out_%05d\.png"):
        copy(tmp_path / "in", tmp_path / "out.png")
    copy(clip, tmp_path / "out.png", DecodingSpec(start_s=0.04, end_s=0.08))
    assert load(tmp_path / "out.png").shape == (48, 64, 3)


def test_frame_that_goes_to_a_taken_name_is_an_error(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / "in" / f"{number}.png")
    info, frames = read(tmp_path / "in")
    with open_writer(tmp_path / "out", info, copy_from=tmp_path / "in") as writer:
        writer.write(frames[0])
        with pytest.raises(OutputError, match="two frames would be written"):
            writer.write(frames[0])
        writer.write(frames[1])
    assert names(tmp_path / "out") == ["1.png", "2.png"]


def test_settings_of_a_video_encoder_are_refused_for_pictures(tmp_path: Path) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 25))
    for name in ("a.png", "a_%d.tif", "a.gif"):
        with pytest.raises(ValueError, match="takes no --crf"):
            open_writer(tmp_path / name, info, EncodingSpec(crf=3))
    with (
        pytest.raises(OutputError, match="no frame was given"),
        open_writer(tmp_path / "a.png", info),
    ):
        pass
    assert names(tmp_path) == []


def test_warning_of_full_chroma_says_what_to_do_and_it_works(tmp_path: Path) -> None:
    save(tmp_path / "in" / "0.png", np.full((32, 48, 3), (200, 30, 60), np.uint8))
    (warning,) = copy(tmp_path / "in", tmp_path / "full.mp4")
    hint = "for players without 4:4:4 try --pix-fmt yuv420p"
    assert warning == f"libx264 cannot hold gbrp: written as yuv444p; {hint}"
    (warning,) = copy(
        tmp_path / "in", tmp_path / "halved.mp4", encoding=EncodingSpec(pix_fmt="yuv420p")
    )
    assert warning == "gbrp is written as yuv420p, which loses something of it"
    info, _ = read(tmp_path / "halved.mp4")
    assert info.pixel_format.name == "yuv420p"


def test_stills_become_a_video_with_full_chroma(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png", np.full((*SIZE, 3), (200, 30, 60), np.uint8))
    (warning,) = copy(tmp_path / "in", tmp_path / "o.mp4", DecodingSpec(rate=Fraction(10)))
    assert warning == "libx264 cannot hold gbrp: written as yuv444p"  # an odd size has no 4:2:0
    info, frames = read(tmp_path / "o.mp4")
    assert [frame.pts * info.time_base for frame in frames] == [0, Fraction(1, 10), Fraction(2, 10)]
    assert isinstance(frames[0].planes[0], torch.Tensor)
