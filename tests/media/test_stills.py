"""Still pictures: every kind comes out as planes, every mistake as one line."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media import list_stills, read_still, write_png

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.bmp"])
def test_rgb_comes_out_as_green_blue_red(tmp_path: Path, name: str) -> None:
    pixels = RANDOM.integers(0, 256, (13, 17, 3), dtype=np.uint8)
    iio.imwrite(tmp_path / name, pixels)
    frame, info = read_still(tmp_path / name)
    assert (info.width, info.height, info.pixel_format.name) == (17, 13, "gbrp")
    for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
        np.testing.assert_array_equal(plane.numpy(), pixels[..., channel])


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_keeps_its_depth(tmp_path: Path, name: str, dtype: type) -> None:
    pixels = RANDOM.integers(0, np.iinfo(dtype).max, (13, 17), dtype=dtype)
    iio.imwrite(tmp_path / name, pixels)
    frame, info = read_still(tmp_path / name)
    assert info.pixel_format.name == ("gray" if dtype is np.uint8 else "gray16le")
    np.testing.assert_array_equal(frame.planes[0].numpy(), pixels)


def test_sixteen_bit_rgb_is_not_cut_to_eight(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 65_536, (13, 17, 3), dtype=np.uint16)
    for name in ("a.png", "a.tiff"):
        write_rgb48(tmp_path / name, pixels)
        frame, info = read_still(tmp_path / name)
        assert info.pixel_format.name == "gbrp16le"
        np.testing.assert_array_equal(frame.planes[2].numpy(), pixels[..., 0])


def write_rgb48(path: Path, pixels: np.ndarray) -> None:
    """About: ffmpeg -f rawvideo -pix_fmt rgb48le -s 17x13 -i - PATH."""
    import av

    with av.open(str(path), "w", format="image2") as output:
        codec, pix_fmt = ("png", "rgb48be") if path.suffix == ".png" else ("tiff", "rgb48le")
        stream = output.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[1], pixels.shape[0], pix_fmt
        picture = av.VideoFrame.from_ndarray(pixels, "rgb48le")
        output.mux(stream.encode(picture.reformat(format=pix_fmt)))
        output.mux(stream.encode(None))


def test_alpha_is_dropped_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    iio.imwrite(tmp_path / "a.png", RANDOM.integers(0, 256, (8, 8, 4), dtype=np.uint8))
    frame, _ = read_still(tmp_path / "a.png")
    assert len(frame.planes) == 3
    assert "alpha is dropped" in caplog.text


def test_written_png_reads_back(tmp_path: Path) -> None:
    for shape in ((9, 7), (9, 7, 3)):
        pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
        write_png(tmp_path / "a.png", pixels)
        np.testing.assert_array_equal(iio.imread(tmp_path / "a.png"), pixels)


def test_png_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", np.zeros((4, 4)))  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "none" / "a.png", np.zeros((4, 4), np.uint8))


def test_stills_are_listed_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.tif"):
        (tmp_path / name).touch()
    assert [path.name for path in list_stills(tmp_path)] == ["a.jpg", "b.PNG", "c.tif"]


def test_folder_without_stills(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        list_stills(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        list_stills(tmp_path / "none")


def test_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match="not a picture"):
        read_still(tmp_path / "a.png")
    with pytest.raises(InputError, match="does not exist"):
        read_still(tmp_path / "none.png")
