"""Deinterlacing: the pictures of FFmpeg's own bwdif, and nobody else's times."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame, FrameReader
from vsr_cli.media import open_reader
from vsr_cli.specs import DecodingSpec, Deinterlace

Tool = Callable[[str], str]
FIELDS = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=50", "-vf"]
TOP, BOTTOM = "tinterlace=interleave_top,setfield=tff", "tinterlace=interleave_bottom,setfield=bff"
CODED = ["-flags", "+ildct+ilme"]
# Name of a clip -> how ffmpeg makes it out of fields.
CLIPS = {
    "mbaff.mkv": [TOP, "-c:v", "libx264", *CODED, "-x264opts", "tff=1", "-qp", "0"],
    "bottom.mp4": [BOTTOM, "-c:v", "libx264", *CODED, "-x264opts", "bff=1", "-bf", "2"],
    "broadcast.ts": [TOP, "-c:v", "mpeg2video", *CODED, "-q:v", "2", "-bf", "2"],
    "prores.mov": [f"{TOP},format=yuv422p10le", "-c:v", "prores_ks", "-flags", "+ildct"],
    "dv411.mkv": [f"{TOP},format=yuv411p", "-c:v", "ffv1"],
    "packed.mov": [f"{BOTTOM},format=uyvy422", "-c:v", "rawvideo", "-field_order", "bb"],
    "full.mp4": [f"{TOP},format=yuvj422p", "-c:v", "libx264", *CODED, "-x264opts", "tff=1"],
}
# FFmpeg 5.1, which the tests are held against, computes the first frame's rows beside the edges
# otherwise than 8.1 does: it has no frame before it, and is filtered in space alone.
EDGE_ROWS = 3


def make(ffmpeg: str, path: Path, filters: str, *options: str, num_frames: int = 12) -> Path:
    command = [ffmpeg, "-v", "error", *FIELDS, filters, "-frames:v", str(num_frames), *options]
    subprocess.run([*command, str(path)], check=True)
    return path


def read(
    path: Path, mode: Deinterlace = "auto", *, start_s: float | None = None
) -> tuple[FrameReader, list[Frame]]:
    with open_reader(path, DecodingSpec(deinterlace=mode, start_s=start_s)) as reader:
        return reader, list(reader)


def by_ffmpeg(ffmpeg: str, path: Path, reader: FrameReader, filters: str) -> list[list[np.ndarray]]:
    """The planes of each frame as the program ffmpeg gives them behind a filter."""
    layout = reader.info.pixel_format
    is_full = reader.info.color.range == "full" and layout.family == "yuv"
    name = layout.name.replace("yuv", "yuvj") if is_full else layout.name
    command = [ffmpeg, "-v", "error", "-i", str(path), "-vf", filters, "-vsync", "passthrough"]
    command += ["-map", "0:v:0", "-pix_fmt", name, "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    samples = np.frombuffer(data, np.uint8 if layout.bits == 8 else np.uint16)
    size = {"width": reader.info.width, "height": reader.info.height}
    shapes = [layout.plane_size(index, **size) for index in range(layout.num_planes)]
    ends = np.cumsum([height * width for height, width in shapes])
    return [
        [plane.reshape(shape) for plane, shape in zip(np.split(frame, ends), shapes, strict=False)]
        for frame in samples.reshape(-1, ends[-1])
    ]


def assert_same(
    frames: list[Frame], expected: list[list[np.ndarray]], *, first_changed: int = 0
) -> None:
    """Every sample, but for the edges of the first frame that is deinterlaced."""
    assert len(frames) == len(expected) > 0
    for number, (frame, planes) in enumerate(zip(frames, expected, strict=True)):
        edges = EDGE_ROWS if number == first_changed else 0
        rows = slice(edges, -edges or None)
        for plane, samples in zip(frame.planes, planes, strict=True):
            np.testing.assert_array_equal(plane.numpy()[rows], samples[rows])


def assert_equal(frames: list[Frame], others: list[Frame]) -> None:
    assert [(f.pts, f.duration) for f in frames] == [(f.pts, f.duration) for f in others]
    for frame, other in zip(frames, others, strict=True):
        assert all(map(torch.equal, frame.planes, other.planes))


@pytest.mark.parametrize("name", CLIPS)
def test_interlaced_frames_are_those_of_bwdif(
    tmp_path: Path, require_tool: Tool, name: str
) -> None:
    ffmpeg = require_tool("ffmpeg")
    path = make(ffmpeg, tmp_path / name, *CLIPS[name])
    reader, frames = read(path)
    assert_same(frames, by_ffmpeg(ffmpeg, path, reader, "bwdif=mode=send_frame"))
    assert "12 frames deinterlaced with bwdif" in reader.warnings
    _, combed = read(path, "off")
    assert [(f.pts, f.duration) for f in frames] == [(f.pts, f.duration) for f in combed]
    assert not any(torch.equal(f.planes[0], c.planes[0]) for f, c in zip(frames, combed))  # noqa: B905


def test_real_dv_is_deinterlaced(shared_data: Path, require_tool: Tool) -> None:
    path = shared_data / "awkward" / "dv-pal-interlaced.mov"
    reader, frames = read(path)
    assert_same(frames, by_ffmpeg(require_tool("ffmpeg"), path, reader, "bwdif=mode=send_frame"))
    assert reader.warnings == ["25 frames deinterlaced with bwdif"]


def test_off_takes_frames_as_they_are(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg = require_tool("ffmpeg")
    path = make(ffmpeg, tmp_path / "a.mkv", *CLIPS["mbaff.mkv"])
    reader, frames = read(path, "off")
    expected = by_ffmpeg(ffmpeg, path, reader, "null")
    for frame, planes in zip(frames, expected, strict=True):
        for plane, samples in zip(frame.planes, planes, strict=True):
            np.testing.assert_array_equal(plane.numpy(), samples)
    (warning,) = reader.warnings
    assert warning.startswith("12 frames are interlaced and were taken as they are")


def test_progressive_clip_is_left_alone_unless_asked(
    make_clip: Callable[..., Path], require_tool: Tool
) -> None:
    path = make_clip("in.mkv", codec="ffv1", size=(64, 48))
    reader, frames = read(path)
    assert reader.warnings == []
    assert_equal(frames, read(path, "off")[1])
    reader, frames = read(path, "bwdif")
    assert reader.warnings == ["5 frames deinterlaced with bwdif"]
    assert_same(
        frames, by_ffmpeg(require_tool("ffmpeg"), path, reader, "bwdif=mode=send_frame:deint=all")
    )


def test_only_the_interlaced_part_of_a_clip_is_changed(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg, codec = require_tool("ffmpeg"), ["-c:v", "mpeg2video", "-q:v", "2"]
    parts = [
        make(ffmpeg, tmp_path / "0.m2v", "null", *codec),
        make(ffmpeg, tmp_path / "1.m2v", TOP, *codec, *CODED),
        make(ffmpeg, tmp_path / "2.m2v", "hflip", *codec),
    ]
    path = tmp_path / "all.m2v"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader, frames = read(path)
    assert "12 frames deinterlaced with bwdif" in reader.warnings
    _, plain = read(path, "off")
    changed = [
        not all(map(torch.equal, a.planes, b.planes)) for a, b in zip(frames, plain, strict=True)
    ]
    assert changed == [False] * 12 + [True] * 12 + [False] * 12
    filters = "bwdif=mode=send_frame:deint=interlaced"
    assert_same(frames, by_ffmpeg(ffmpeg, path, reader, filters), first_changed=12)


@pytest.mark.parametrize("name", ["bottom.mp4", "broadcast.ts", "prores.mov", "mbaff.mkv"])
@pytest.mark.parametrize("first", [1, 5, 7, 10, 13])
def test_cut_gives_the_frames_of_the_whole(
    tmp_path: Path, require_tool: Tool, name: str, first: int
) -> None:
    """With a key frame every five frames, so that some cuts begin at one."""
    options = [*CLIPS[name], "-g", "5", "-keyint_min", "5"]
    path = make(require_tool("ffmpeg"), tmp_path / name, *options, num_frames=20)
    _, whole = read(path)
    reader, part = read(path, start_s=first / 25)
    assert_equal(part, whole[first:])
    assert f"{20 - first} frames deinterlaced with bwdif" in reader.warnings


def test_uneven_times_pass_through(tmp_path: Path, require_tool: Tool) -> None:
    filters = f"{TOP},setpts='if(gt(N\\,3)\\,2\\,1)*N/25/TB'"
    options = ["-c:v", "ffv1", "-vsync", "passthrough"]
    path = make(require_tool("ffmpeg"), tmp_path / "a.mkv", filters, *options)
    _, frames = read(path)
    _, combed = read(path, "off")
    times = [(f.pts, f.duration) for f in combed]
    assert [(f.pts, f.duration) for f in frames] == times
    assert len({duration for _, duration in times}) > 1


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_short_clips_keep_their_frames(tmp_path: Path, require_tool: Tool, num_frames: int) -> None:
    path = make(
        require_tool("ffmpeg"), tmp_path / "a.mkv", *CLIPS["dv411.mkv"], num_frames=num_frames
    )
    reader, frames = read(path)
    assert len(frames) == reader.frames_read == num_frames
    assert f"{num_frames} frames deinterlaced with bwdif" in reader.warnings


@pytest.mark.parametrize(
    ("odd", "plain", "pairs"),
    [
        ("gray10le", "gbrp10le", [(0, 0)]),
        ("gray12le", "gbrp12le", [(0, 0)]),
        ("yuva444p12le", "yuv444p12le", [(0, 0), (1, 1), (2, 2)]),
        ("yuva422p12le", "yuv422p12le", [(0, 0), (1, 1), (2, 2)]),
        ("gbrap10le", "gbrp10le", [(0, 0), (1, 1), (2, 2)]),
        ("gbrap14le", "gbrp14le", [(0, 0), (1, 1), (2, 2)]),
    ],
)
def test_formats_that_bwdif_lacks_give_the_same_codes(
    make_clip: Callable[..., Path], odd: str, plain: str, pairs: list[tuple[int, int]]
) -> None:
    """Planes are filtered one by one, so equal codes in a format that it has are the measure."""
    clips = []
    for pix_fmt in (odd, plain):
        options = {"codec": "ffv1", "pix_fmt": pix_fmt, "size": (64, 48)}
        if pix_fmt == "gbrap14le":
            options |= {"name": "odd.nut", "codec": "rawvideo"}
        clips.append(make_clip(**{"name": f"{pix_fmt}.mkv"} | options))
    (reader, odd_frames), (_, plain_frames) = read(clips[0], "bwdif"), read(clips[1], "bwdif")
    assert reader.info.pixel_format.name == odd
    assert len(odd_frames) == 5
    for frame, other in zip(odd_frames, plain_frames, strict=True):
        assert len(frame.planes) == reader.info.pixel_format.num_planes
        for index, counterpart in pairs:
            assert torch.equal(frame.planes[index], other.planes[counterpart])
        assert all(int(p.int().max()) <= reader.info.pixel_format.max_code for p in frame.planes)


def test_alpha_is_deinterlaced_with_its_picture(tmp_path: Path, require_tool: Tool) -> None:
    filters = f"{TOP},format=yuva444p10le,geq=lum='p(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='4*lum(X,Y)'"
    options = ["-c:v", "prores_ks", "-flags", "+ildct", "-alpha_bits", "16"]
    path = make(require_tool("ffmpeg"), tmp_path / "a.mov", filters, *options)
    reader, frames = read(path)
    _, combed = read(path, "off")
    assert reader.info.pixel_format.has_alpha
    assert "12 frames deinterlaced with bwdif" in reader.warnings
    for frame, other in zip(frames, combed, strict=True):
        kept = frame.planes[3].int() == other.planes[3].int()
        assert kept[::2].all()  # the top field is the one that stays
        assert not kept[1::2].all()


def test_format_that_cannot_be_filtered_is_an_error(make_clip: Callable[..., Path]) -> None:
    path = make_clip(codec="ffv1", pix_fmt="yuv440p10le")
    with pytest.raises(InputError, match="yuv440p10le cannot be deinterlaced without loss"):
        read(path, "bwdif")


@pytest.mark.parametrize("size", [(64, 6), (4, 48)])
def test_too_small_a_picture_is_an_error(
    make_clip: Callable[..., Path], size: tuple[int, int]
) -> None:
    path = make_clip(codec="ffv1", size=size)
    with pytest.raises(InputError, match="too small to be deinterlaced"):
        read(path, "bwdif")
    assert len(read(path)[1]) == 5


def test_file_that_alone_says_interlaced_is_a_warning(tmp_path: Path, require_tool: Tool) -> None:
    """A PNG in a QuickTime file: the file has an order of fields, the picture has not."""
    options = ["-c:v", "png", "-field_order", "tt"]
    path = make(require_tool("ffmpeg"), tmp_path / "a.mov", TOP, *options)
    reader, frames = read(path)
    assert any("the file calls its frames interlaced" in line for line in reader.warnings)
    assert_equal(frames, read(path, "off")[1])
    reader, frames = read(path, "bwdif")
    assert_same(
        frames, by_ffmpeg(require_tool("ffmpeg"), path, reader, "bwdif=mode=send_frame:parity=tff")
    )


def test_size_that_changes_is_still_the_readers_error(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg, codec = require_tool("ffmpeg"), ["-c:v", "mpeg2video", *CODED]
    parts = [
        make(ffmpeg, tmp_path / "0.m2v", TOP, *codec),
        make(ffmpeg, tmp_path / "1.m2v", f"scale=64:48,{TOP}", *codec),
    ]
    path = tmp_path / "both.m2v"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(InputError, match="changes from 128x96 yuv420p to 64x48 yuv420p at frame"):
        read(path)


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="deinterlace must be one of auto, off, bwdif"):
        DecodingSpec(deinterlace="yadif")  # type: ignore[arg-type]
