"""Still pictures: every kind comes out as planes, every mistake as one line."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
import skimage.io
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media import list_stills, open_reader, open_writer, read_still, write_png
from vsr_cli.media.pictures.png import encode_png
from vsr_cli.media.pixels.conversion import to_rgb
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import DecodingSpec

RANDOM = np.random.default_rng(5)
WIDE = Fraction(4, 3)
JPEG_TOLERANCE = 6  # codes, on a smooth picture at quality 95
ROTATION_TOLERANCE = 1.5  # codes on average: ffmpeg takes chroma for sited elsewhere


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


KINDS = [(1, np.uint8), (3, np.uint8), (4, np.uint8)]
DEEP_KINDS = [(1, np.uint16), (3, np.uint16), (4, np.uint16)]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def noise(channels: int, dtype: type) -> np.ndarray:
    shape = (13, 17) if channels == 1 else (13, 17, channels)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def copy(source: Path, target: Path) -> list[str]:
    with (
        open_reader(source) as reader,
        open_writer(target, reader.info, copy_from=source) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer.warnings


@pytest.mark.parametrize("name", ["b.png", "b.tif", "b.webp"])
@pytest.mark.parametrize(("channels", "dtype"), KINDS)
def test_eight_bits_pass_through_without_loss(
    tmp_path: Path, name: str, channels: int, dtype: type
) -> None:
    pixels = noise(channels, dtype)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=PROFILE)
    assert copy(tmp_path / "a.png", tmp_path / name) == []
    with Image.open(tmp_path / name) as image:
        got = np.array(image)
        assert image.info["icc_profile"] == PROFILE
    if channels == 1 and name == "b.webp":
        got = got[..., 0]  # the format has no gray
    np.testing.assert_array_equal(got, pixels)


@pytest.mark.parametrize("source", ["a.png", "a.tif"])
@pytest.mark.parametrize("target", ["b.png", "b.tif"])
@pytest.mark.parametrize(("channels", "dtype"), DEEP_KINDS)
def test_sixteen_bits_pass_through_without_loss(
    tmp_path: Path, source: str, target: str, channels: int, dtype: type
) -> None:
    pixels = noise(channels, dtype)
    if source == "a.tif":
        options = {"extrasamples": [2]} if channels == 4 else {}
        kind = "rgb" if channels > 1 else "minisblack"
        tifffile.imwrite(tmp_path / source, pixels, photometric=kind, iccprofile=PROFILE, **options)
    else:
        data = encode_png(
            pixels.reshape(13, 17, channels),
            color=ColorInfo(),
            icc_profile=PROFILE,
        )
        (tmp_path / source).write_bytes(data)
    assert copy(tmp_path / source, tmp_path / target) == []
    if target == "b.tif":
        got = tifffile.imread(tmp_path / target)
        np.testing.assert_array_equal(skimage.io.imread(tmp_path / target), got)
    else:
        got = decode_with_ffmpeg(tmp_path / target, channels)
    np.testing.assert_array_equal(got, pixels)
    with Image.open(tmp_path / target) as image:
        assert image.info["icc_profile"] == PROFILE


def decode_with_ffmpeg(path: Path, channels: int) -> np.ndarray:
    """The uint16 samples by the ffmpeg program where it is there, else by PyAV."""
    name = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"}[channels]
    if (program := shutil.which("ffmpeg")) is None:
        with av.open(str(path)) as file:
            (picture,) = file.decode(video=0)
        return picture.reformat(format=name).to_ndarray()
    command = [program, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", name, "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(data, np.uint16).reshape(13, 17, channels).squeeze()


def test_gray_with_alpha_keeps_both(tmp_path: Path) -> None:
    pixels = noise(2, np.uint8)
    Image.fromarray(pixels, "LA").save(tmp_path / "a.png")
    with open_reader(tmp_path / "a.png") as reader:
        (frame,) = reader
    assert reader.info.pixel_format.name == "gbrap"
    for plane in frame.planes[:3]:
        np.testing.assert_array_equal(plane.numpy(), pixels[..., 0])
    np.testing.assert_array_equal(frame.planes[3].numpy(), pixels[..., 1])


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_becomes_its_colours(tmp_path: Path, transparent: bool) -> None:
    image = Image.fromarray(noise(3, np.uint8)).quantize(16)
    options = {"transparency": 3} if transparent else {}
    image.save(tmp_path / "a.png", **options)
    wanted = np.array(Image.open(tmp_path / "a.png").convert("RGBA"))
    copy(tmp_path / "a.png", tmp_path / "b.png")
    got = np.array(Image.open(tmp_path / "b.png").convert("RGBA"))
    np.testing.assert_array_equal(got, wanted)
    assert (wanted[..., 3] < 255).any() == transparent


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(noise(3, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    copy(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as source:
        wanted = np.array(ImageOps.exif_transpose(source))
    with Image.open(tmp_path / "b.png") as target:
        np.testing.assert_array_equal(np.array(target), wanted)
        assert target.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.jpg", lambda p: Image.new("CMYK", (8, 8)).save(p), "CMYK samples are not supported"),
        ("a.tif", lambda p: tifffile.imwrite(p, np.zeros((8, 8), np.float32)), "floating-point"),
        ("a.tif", lambda p: tifffile.imwrite(p, np.zeros((8, 8), np.int16)), "signed samples"),
        ("a.tif", lambda p: tifffile.imwrite(p, np.zeros((8, 8), np.uint32)), "of 32 bits"),
        ("a.tif", lambda p: p.write_bytes(b"II*\0"), "not a picture"),
        ("a.webp", lambda p: p.write_bytes(b"RIFF0000WEBP"), "not a picture"),
    ],
)
def test_samples_that_cannot_be_kept_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=words):
        open_reader(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "deep.png"])
def test_half_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "deep.png":
        write_rgb48(path, RANDOM.integers(0, 65_536, (64, 64, 3), dtype=np.uint16))
    else:
        Image.fromarray(RANDOM.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"damaged|not a picture"):
        open_reader(path)


def test_jpeg_is_close_and_warns_of_what_it_drops(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    pixels = np.stack([rows * 4, columns * 4, rows + columns, 255 - rows], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (warning,) = copy(tmp_path / "a.png", tmp_path / "b.jpg")
    assert "alpha is dropped" in warning
    with Image.open(tmp_path / "b.jpg") as image:
        difference = np.abs(np.array(image).astype(int) - pixels[..., :3])
    assert difference.max() <= JPEG_TOLERANCE


def test_deep_picture_as_jpeg_warns_of_the_depth(tmp_path: Path) -> None:
    write_rgb48(tmp_path / "a.png", noise(3, np.uint16))
    (warning,) = copy(tmp_path / "a.png", tmp_path / "b.jpg")
    assert "16 bits are rounded to 8" in warning


def test_colour_tags_of_a_png_are_kept_and_none_are_added(tmp_path: Path) -> None:
    samples = noise(3, np.uint8)
    for tags in ((2, 2), (1, 13), (9, 16)):
        color = ColorInfo(primaries=tags[0], transfer=tags[1])
        data = encode_png(samples, color=color, icc_profile=None)
        (tmp_path / "a.png").write_bytes(data)
        copy(tmp_path / "a.png", tmp_path / f"{tags[0]}.png")
        with av.open(str(tmp_path / f"{tags[0]}.png")) as file:
            (picture,) = file.decode(video=0)
        assert (picture.color_primaries, picture.color_trc) == tags


def test_pixels_that_are_not_square_are_named(tmp_path: Path) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 25), sample_aspect_ratio=WIDE)
    with open_writer(tmp_path / "a.png", info) as writer:
        writer.write(Frame((torch.zeros(4, 4, dtype=torch.uint8),), pts=0))
    assert writer.warnings == ["the pixel aspect ratio 4/3 is not kept"]
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["aspect"] == (1, 1)
    data = (
        (tmp_path / "a.png")
        .read_bytes()
        .replace(
            *(
                b"pHYs" + body + zlib.crc32(b"pHYs" + body).to_bytes(4, "big")
                for body in (bytes([0, 0, 0, 1, 0, 0, 0, 1, 0]), bytes([0, 0, 0, 4, 0, 0, 0, 3, 0]))
            )
        )
    )
    (tmp_path / "b.png").write_bytes(data)
    with open_reader(tmp_path / "b.png") as reader:
        assert "not square" in reader.warnings[0]


@pytest.mark.parametrize("name", ["video_90.mov", "video_180.mov", "sample_rotate_and_reflect.mp4"])
def test_turned_video_is_upright_as_ffmpeg_shows_it(
    tmp_path: Path, shared_data: Path, require_tool: Callable[[str], str], name: str
) -> None:
    source, ours, theirs = shared_data / "awkward" / name, tmp_path / "a.png", tmp_path / "b.png"
    cut = DecodingSpec(end_s=0.001)
    with (
        open_reader(source, cut) as reader,
        open_writer(ours, reader.info, copy_from=source, decoding=cut) as writer,
    ):
        writer.write(next(iter(reader)))
    command = [require_tool("ffmpeg"), "-v", "error", "-i", str(source), "-frames:v", "1"]
    command += ["-sws_flags", "accurate_rnd+full_chroma_int+bicubic", str(theirs)]
    subprocess.run(command, check=True)
    with Image.open(ours) as image, Image.open(theirs) as other:
        assert image.size == other.size
        difference = np.abs(np.array(image).astype(int) - np.array(other.convert("RGB")))
    assert difference.mean() < ROTATION_TOLERANCE


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (9, 0.2627, 0.0593)])
def test_yuv_becomes_rgb_by_its_own_matrix_and_range(
    bits: int, full: bool, matrix: int, red: float, blue: float
) -> None:
    pixel_format = require_planar("yuv444p" if bits == 8 else f"yuv444p{bits}le")
    color = ColorInfo("full" if full else "limited", matrix)
    info = ClipInfo(17, 13, pixel_format, Fraction(1, 25), color)
    step = 1 << (bits - 8)
    codes = RANDOM.integers(60 * step, 190 * step, (3, 13, 17))
    codes[:, 0, 0] = (pixel_format.max_code if full else 235 * step), *[128 * step] * 2
    dtype = np.uint8 if bits == 8 else np.uint16
    frame = Frame(tuple(torch.from_numpy(plane.astype(dtype)) for plane in codes), pts=0)
    depth = 8 if bits == 8 else 16
    got = to_rgb(frame, info, bits=depth)
    luma = codes[0] / pixel_format.max_code if full else (codes[0] - 16 * step) / (219 * step)
    span = pixel_format.max_code if full else 224 * step
    cb, cr = ((plane - 128 * step) / span for plane in codes[1:])
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    wanted = np.stack([r, g, b], axis=2).clip(0, 1) * ((1 << depth) - 1)
    assert np.abs(got - wanted).max() <= 0.51  # rounded, and float32
    assert got[0, 0].tolist() == [(1 << depth) - 1] * 3


def test_unknown_matrix_is_refused() -> None:
    info = ClipInfo(4, 4, require_planar("yuv444p"), Fraction(1, 25), ColorInfo(matrix=8))
    planes = (torch.zeros(4, 4, dtype=torch.uint8),) * 3
    with pytest.raises(ValueError, match="colour matrix 8 cannot be converted"):
        to_rgb(Frame(planes, pts=0), info, bits=8)


@pytest.mark.parametrize(
    ("color_range", "code", "shown"), [("limited", 235, 255), ("full", 235, 235)]
)
def test_gray_video_of_limited_range_is_stretched(
    tmp_path: Path, color_range: str, code: int, shown: int
) -> None:
    info = ClipInfo(4, 4, require_planar("gray"), Fraction(1, 25), ColorInfo(color_range))  # type: ignore[arg-type]
    with open_writer(tmp_path / "a.png", info) as writer:
        writer.write(Frame((torch.full((4, 4), code, dtype=torch.uint8),), pts=0))
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.getpixel((0, 0))) == ("L", shown)


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
