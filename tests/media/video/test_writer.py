"""Writing: what comes out is what went in, at the same times, with the same tags."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import EncodingSpec

TICKS = Fraction(1, 90_000)
FAST = EncodingSpec(codec="x264", preset="ultrafast")
LOSSLESS = EncodingSpec(codec="ffv1")
MATROSKA_TICK = Fraction(1, 1000)  # a Matroska file rounds every time to a millisecond
UNEVEN = [0, 3000, 9001, 9100, 90_000, 91_000, 200_001]


def make_info(
    pix_fmt: str = "yuv420p", *, size: tuple[int, int] = (64, 48), **fields: object
) -> ClipInfo:
    values = {"frame_rate": Fraction(25), **fields}
    return ClipInfo(*size, require_planar(pix_fmt), TICKS, **values)  # type: ignore[arg-type]


def make_planes(info: ClipInfo, seed: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    layout = info.pixel_format
    dtype = torch.uint8 if layout.bits == 8 else torch.uint16
    sizes = [
        layout.plane_size(index, width=info.width, height=info.height)
        for index in range(layout.num_planes)
    ]
    codes = [torch.randint(0, layout.max_code + 1, size, generator=random) for size in sizes]
    return tuple(plane.to(dtype) for plane in codes)


def make_frames(info: ClipInfo, pts: list[int], last_duration: int = 3600) -> list[Frame]:
    frames = [Frame(make_planes(info, seed), pts=tick) for seed, tick in enumerate(pts)]
    return [*frames[:-1], Frame(frames[-1].planes, pts=pts[-1], duration=last_duration)]


def write_all(
    path: Path, info: ClipInfo, frames: list[Frame], encoding: EncodingSpec = FAST
) -> list[str]:
    with open_writer(path, info, encoding) as writer:
        for frame in frames:
            writer.write(frame)
    assert writer.frames_written == writer.packets_written == len(frames)
    return writer.warnings


def read_all(path: Path) -> tuple[ClipInfo, list[Frame]]:
    with open_reader(path) as reader:
        return reader.info, list(reader)


def probe(tool: str, path: Path) -> dict[str, object]:
    """What ffprobe says of the first video stream, with its frames."""
    command = [tool, "-v", "error", "-select_streams", "v:0", "-show_streams", "-show_frames"]
    command += ["-of", "json", str(path)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {**answer["streams"][0], "frames": answer["frames"]}


@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 300])
@pytest.mark.parametrize("codec", ["x264", "x265", "ffv1"])
def test_constant_rate_keeps_every_time(tmp_path: Path, codec: str, number: int) -> None:
    info = make_info(size=(16, 16))
    path = tmp_path / ("out.mkv" if codec == "ffv1" else "out.mp4")
    preset = None if codec == "ffv1" else "ultrafast"
    frames = make_frames(info, [3600 * n for n in range(number)])
    write_all(path, info, frames, EncodingSpec(codec=codec, preset=preset))
    got_info, got = read_all(path)
    times = [frame.pts * got_info.time_base for frame in got]
    assert times == [frame.pts * TICKS for frame in frames]
    assert got[-1].duration * got_info.time_base == 3600 * TICKS


@pytest.mark.parametrize("preset", ["ultrafast", "medium"])
@pytest.mark.parametrize("codec", ["x264", "x265"])
@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 7])
def test_variable_rate_keeps_every_time_and_the_last_duration(
    tmp_path: Path, number: int, codec: str, preset: str
) -> None:
    info = make_info()
    frames = make_frames(info, UNEVEN[:number], last_duration=45_678)
    path = tmp_path / "out.mp4"
    write_all(path, info, frames, EncodingSpec(codec=codec, preset=preset))
    got_info, got = read_all(path)
    times = [frame.pts * got_info.time_base for frame in got]
    assert times == [frame.pts * TICKS for frame in frames]
    assert got[-1].duration * got_info.time_base == 45_678 * TICKS


def test_variable_rate_in_matroska_is_right_to_its_tick(tmp_path: Path) -> None:
    info = make_info()
    frames = make_frames(info, UNEVEN, last_duration=45_678)
    write_all(tmp_path / "out.mkv", info, frames)
    got_info, got = read_all(tmp_path / "out.mkv")
    for frame, expected in zip(got, frames, strict=True):
        assert abs(frame.pts * got_info.time_base - expected.pts * TICKS) <= MATROSKA_TICK / 2
    assert abs(got[-1].duration * MATROSKA_TICK - 45_678 * TICKS) <= MATROSKA_TICK


def test_another_reader_sees_the_same_times(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    tool = require_tool("ffprobe")
    info = make_info()
    path = tmp_path / "out.mp4"
    write_all(path, info, make_frames(info, UNEVEN, last_duration=45_678))
    frames = probe(tool, path)["frames"]
    assert isinstance(frames, list)
    times = [float(frame["pts_time"]) for frame in frames]
    assert times == pytest.approx([tick / 90_000 for tick in UNEVEN], abs=1e-6)
    last = frames[-1]
    duration = last.get("duration_time", last.get("pkt_duration_time"))  # from FFmpeg 6, before
    assert float(duration) == pytest.approx(45_678 / 90_000, abs=1e-6)


def test_a_clip_that_starts_late_starts_late(tmp_path: Path) -> None:
    info = make_info()
    frames = make_frames(info, [6007, 9607, 13_207])
    write_all(tmp_path / "out.mp4", info, frames)
    got_info, got = read_all(tmp_path / "out.mp4")
    assert [f.pts * got_info.time_base for f in got] == [f.pts * TICKS for f in frames]


@pytest.mark.parametrize(
    "pix_fmt",
    [
        "gray",
        "gray10le",
        "gray16le",
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "yuv420p10le",
        "yuv444p16le",
        "yuva420p",
        "gbrp",
        "gbrp10le",
        "gbrap",
    ],
)
@pytest.mark.parametrize("size", [(64, 48), (37, 21), (642, 16)])
def test_lossless_planes_come_back_bit_for_bit(
    tmp_path: Path, pix_fmt: str, size: tuple[int, int]
) -> None:
    info = make_info(pix_fmt, size=size)
    frames = make_frames(info, [0, 3600, 7200])
    assert write_all(tmp_path / "out.mkv", info, frames, LOSSLESS) == []
    got_info, got = read_all(tmp_path / "out.mkv")
    assert got_info.pixel_format == info.pixel_format
    assert (got_info.width, got_info.height) == size
    for frame, expected in zip(got, frames, strict=True):
        for plane, wanted in zip(frame.planes, expected.planes, strict=True):
            assert torch.equal(plane, wanted)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("x264", "yuv444p10le"),
        ("x265", "gbrp"),
        ("x265", "gray12le"),
        ("vp9", "gbrp"),
    ],
)
def test_formats_that_a_codec_holds_are_kept(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    info = make_info(pix_fmt)
    preset = "8" if codec == "vp9" else "ultrafast"
    encoding = EncodingSpec(codec=codec, preset=preset, crf=1)
    assert write_all(tmp_path / "out.mkv", info, make_frames(info, [0, 3600]), encoding) == []
    assert read_all(tmp_path / "out.mkv")[0].pixel_format == info.pixel_format


@pytest.mark.parametrize("tagged_range", ["full", "limited", "unspecified"])
def test_gray_becomes_luma_where_a_codec_has_no_gray(tmp_path: Path, tagged_range: str) -> None:
    info = make_info("gray", color=ColorInfo(range=tagged_range))  # type: ignore[arg-type]
    flat = torch.full((48, 64), 200, dtype=torch.uint8)
    encoding = EncodingSpec(codec="vp9", preset="8", crf=0)
    write_all(tmp_path / "out.webm", info, [Frame((flat,), pts=0, duration=3600)], encoding)
    got_info, got = read_all(tmp_path / "out.webm")
    assert got_info.pixel_format.name == "yuv420p"
    luma, blue, red = got[0].planes
    assert (luma == 200).all()
    assert (blue == 128).all()
    assert (red == 128).all()


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
def test_gray_in_h264_keeps_an_odd_size(tmp_path: Path, pix_fmt: str) -> None:
    info = make_info(pix_fmt, size=(37, 21))
    frames = make_frames(info, [0, 3600])
    encoding = EncodingSpec(codec="x264", crf=0, preset="ultrafast")
    assert write_all(tmp_path / "out.mkv", info, frames, encoding) == []
    _, got = read_all(tmp_path / "out.mkv")
    assert got[0].planes[0].shape == (21, 37)
    if pix_fmt == "gray":  # crf 0 is lossless at 8 bits only
        assert torch.equal(got[0].planes[0], frames[0].planes[0])


def test_non_contiguous_planes_are_taken(tmp_path: Path) -> None:
    info = make_info("gray", size=(48, 64))
    plane = torch.arange(48 * 64, dtype=torch.int32).remainder(251).to(torch.uint8).view(48, 64)
    write_all(tmp_path / "out.mkv", info, [Frame((plane.T,), pts=0, duration=3600)], LOSSLESS)
    assert torch.equal(read_all(tmp_path / "out.mkv")[1][0].planes[0], plane.T)


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    info = make_info("yuv420p", size=(37, 21))
    frames = make_frames(info, [0, 3600])
    encoding = EncodingSpec(codec="x264", crf=0, preset="ultrafast")
    warnings = write_all(tmp_path / "out.mkv", info, frames, encoding)
    assert any("37x21 becomes 38x22" in warning for warning in warnings)
    luma = read_all(tmp_path / "out.mkv")[1][0].planes[0]
    assert torch.equal(luma[:21, :37], frames[0].planes[0])
    assert torch.equal(luma[:, 37], luma[:, 36])
    assert torch.equal(luma[21], luma[20])


TAGS = [
    ColorInfo(),
    ColorInfo("limited", matrix=1, primaries=1, transfer=1),
    ColorInfo("full", matrix=6, primaries=5, transfer=6),
    ColorInfo("limited", matrix=9, primaries=9, transfer=16),
    ColorInfo("limited", matrix=9, primaries=9, transfer=18, chroma_location="topleft"),
    ColorInfo(chroma_location="center"),
]


@pytest.mark.parametrize("color", TAGS)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
@pytest.mark.parametrize("codec", ["x264", "x265"])
def test_colour_tags_are_kept(tmp_path: Path, name: str, codec: str, color: ColorInfo) -> None:
    info = make_info(color=color)
    encoding = EncodingSpec(codec=codec, preset="ultrafast")
    write_all(tmp_path / name, info, make_frames(info, [0, 3600]), encoding)
    got = read_all(tmp_path / name)[0].color
    if codec == "x265" and color.range == "unspecified":
        # FFmpeg's decoder calls HEVC without a range limited, which is what the standard says.
        got = replace(got, range="unspecified")
    # What H.264 and H.265 say without a tag.
    location = "left" if color.chroma_location == "unspecified" else color.chroma_location
    assert got == replace(color, chroma_location=location)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_another_reader_finds_no_tags_where_there_were_none(
    tmp_path: Path, require_tool: Callable[[str], str], name: str
) -> None:
    tool = require_tool("ffprobe")
    info = make_info(size=(1280, 720))
    write_all(tmp_path / name, info, make_frames(info, [0]))
    answer = probe(tool, tmp_path / name)
    tags = ("color_range", "color_space", "color_primaries", "color_transfer")
    assert {answer.get(tag, "unknown") for tag in tags} == {"unknown"}


# Of the first four rows and columns: turned by 90, -90 and 180 degrees; mirrored; both.
MATRICES = [(0, -1, 1, 0), (0, 1, -1, 0), (-1, 0, 0, -1), (-1, 0, 0, 1), (0, 1, 1, 0)]


@pytest.mark.parametrize("shape", [Fraction(16, 15), Fraction(64, 45), Fraction(440, 357)])
@pytest.mark.parametrize("codec", ["x264", "ffv1", "vp9"])
@pytest.mark.parametrize("title", ["", "Kamera 1: Tröpfchen"])
def test_matroska_keeps_the_shape_of_pixels(
    tmp_path: Path, require_tool: Callable[[str], str], codec: str, shape: Fraction, title: str
) -> None:
    """Also for codecs whose own bits say nothing of it; the rest of the entry is as it was."""
    tool = require_tool("ffprobe")
    info = make_info(sample_aspect_ratio=shape, metadata={"title": "film"})
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    write_all(source, info, make_frames(info, [0, 3600]), EncodingSpec(preset="ultrafast"))
    titled = tmp_path / "titled.mkv"
    with av.open(str(source)) as before, av.open(str(titled), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        if title:
            stream.metadata["title"] = title
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    encoding = EncodingSpec(codec=codec)
    with open_writer(target, info, encoding, copy_from=titled) as writer:
        for frame in make_frames(info, [0, 3600]):
            writer.write(frame)
    answer = probe(tool, target)
    assert Fraction(answer["sample_aspect_ratio"].replace(":", "/")) == shape
    assert answer.get("tags", {}).get("title", "") == title
    assert len(read_all(target)[1]) == 2


@pytest.mark.parametrize("turn", MATRICES)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
def test_display_matrix_and_pixel_shape_are_kept(
    tmp_path: Path, name: str, turn: tuple[int, int, int, int]
) -> None:
    a, b, c, d = (number << 16 for number in turn)
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    info = make_info(display_matrix=matrix, sample_aspect_ratio=Fraction(16, 15))
    write_all(tmp_path / name, info, make_frames(info, [0, 3600]))
    got, _ = read_all(tmp_path / name)
    assert got.display_matrix == matrix
    assert got.is_mirrored == (turn[0] * turn[3] - turn[1] * turn[2] < 0)
    assert got.sample_aspect_ratio == Fraction(16, 15)
    with av.open(str(tmp_path / name)) as file:
        assert next(file.decode(video=0)).rotation % 360 == got.rotation % 360


def test_rgb_is_tagged_when_it_is_written_as_yuv(tmp_path: Path) -> None:
    info = make_info("gbrp")
    red = tuple(torch.full((48, 64), code, dtype=torch.uint8) for code in (30, 60, 200))
    encoding = EncodingSpec(codec="x264", crf=0, preset="ultrafast", pix_fmt="yuv444p")
    warnings = write_all(tmp_path / "out.mkv", info, [Frame(red, pts=0, duration=9)], encoding)
    assert any("loses something" in warning for warning in warnings)
    got_info, got = read_all(tmp_path / "out.mkv")
    assert (got_info.color.range, got_info.color.matrix) == ("limited", 6)
    # BT.601: Y = 16 + 219 (0.299 R + 0.587 G + 0.114 B) / 255
    luma = 16 + 219 * (0.299 * 200 + 0.587 * 30 + 0.114 * 60) / 255
    assert abs(int(got[0].planes[0][0, 0]) - luma) <= 1


def test_planes_of_another_kind_are_refused(tmp_path: Path) -> None:
    wrong = Frame((torch.zeros(48, 64, dtype=torch.uint8),), pts=0)
    with pytest.raises(ValueError, match="planes must be"):
        write_all(tmp_path / "out.mkv", make_info("gray10le"), [wrong], LOSSLESS)
    assert list(tmp_path.iterdir()) == []


def test_times_that_do_not_increase_are_refused(tmp_path: Path) -> None:
    info = make_info()
    with pytest.raises(ValueError, match="pts must increase"):
        write_all(tmp_path / "out.mkv", info, make_frames(info, [3601, 3600]))
    assert list(tmp_path.iterdir()) == []


def test_a_clip_without_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frame"):
        write_all(tmp_path / "out.mp4", make_info(), [])
    assert list(tmp_path.iterdir()) == []
