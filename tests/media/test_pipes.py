"""Standard input and output, and y4m: real processes on both sides."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.tags import read_color
from vsr_cli.specs import EncodingSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
UPSCALE = [sys.executable, "-m", "vsr_cli", "upscale"]
MODEL = ["--model", "bicubic", "--scale", "1"]
Y4M_FORMATS = [
    *("gray", "gray10le", "gray12le", "gray16le", "yuv411p"),
    *("yuv420p", "yuv422p", "yuv444p"),
    *("yuv420p9le", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
    *("yuv420p12le", "yuv422p12le", "yuv444p12le", "yuv420p14le", "yuv444p16le"),
]


def run(*args: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [*UPSCALE, *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def frames_of(path: Path) -> list[bytes]:
    """The planes of every frame, by PyAV alone."""
    with av.open(str(path)) as container:
        return [
            b"".join(
                np.frombuffer(plane, np.uint8)
                .reshape(-1, plane.line_size)[: plane.height, : plane.width * _sample(picture)]
                .tobytes()
                for plane in picture.planes
            )
            for picture in container.decode(video=0)
        ]


def _sample(picture: av.VideoFrame) -> int:
    return 1 if picture.format.components[0].bits <= 8 else 2


def make_frames(info: ClipInfo, count: int) -> list[Frame]:
    random = np.random.default_rng(3)
    layout = info.pixel_format
    dtype = np.uint8 if layout.bits <= 8 else np.uint16
    sizes = [
        layout.plane_size(index, width=info.width, height=info.height)
        for index in range(layout.num_planes)
    ]
    return [
        Frame(
            tuple(
                torch.from_numpy(random.integers(0, layout.max_code + 1, size).astype(dtype))
                for size in sizes
            ),
            pts=number,
            duration=1,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("name", Y4M_FORMATS)
def test_y4m_holds_every_sample(tmp_path: Path, name: str) -> None:
    info = ClipInfo(
        17, 13, require_planar(name), Fraction(1001, 30_000), frame_rate=Fraction(30_000, 1001)
    )
    frames = make_frames(info, 3)
    with open_writer(tmp_path / "a.y4m", info) as writer:
        for frame in frames:
            writer.write(frame)
    assert writer.warnings == []
    with av.open(str(tmp_path / "a.y4m")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (17, 13, name)
        assert stream.average_rate == Fraction(30_000, 1001)
    wanted = [b"".join(plane.numpy().tobytes() for plane in frame.planes) for frame in frames]
    assert frames_of(tmp_path / "a.y4m") == wanted


@pytest.mark.parametrize("color_range", ["limited", "full", "unspecified"])
@pytest.mark.parametrize(
    ("location", "space"),
    [("left", "420mpeg2"), ("topleft", "420paldv"), ("center", "420jpeg"), ("unspecified", "420")],
)
def test_y4m_header_states_range_and_siting(
    tmp_path: Path, color_range: str, location: str, space: str
) -> None:
    color = ColorInfo(color_range, chroma_location=location)  # type: ignore[arg-type]
    info = ClipInfo(
        8, 8, require_planar("yuv420p"), Fraction(1, 25), color, sample_aspect_ratio=Fraction(4, 3)
    )
    info = ClipInfo(**{**_fields(info), "frame_rate": Fraction(25)})
    with open_writer(tmp_path / "a.y4m", info) as writer:
        writer.write(make_frames(info, 1)[0])
    header = (tmp_path / "a.y4m").read_bytes().split(b"\n")[0].decode()
    assert header.startswith(f"YUV4MPEG2 W8 H8 F25:1 Ip A4:3 C{space}")
    with av.open(str(tmp_path / "a.y4m")) as container:
        picture = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert read_color(picture, context).range == color_range
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def _fields(info: ClipInfo) -> dict[str, object]:
    return {name: getattr(info, name) for name in info.__slots__}


@pytest.mark.parametrize(
    ("name", "written"), [("gbrp", "yuv444p"), ("yuva420p", "yuv420p"), ("yuv440p", "yuv444p")]
)
def test_y4m_says_what_it_does_not_hold(tmp_path: Path, name: str, written: str) -> None:
    info = ClipInfo(8, 8, require_planar(name), Fraction(1, 25), frame_rate=Fraction(25))
    with open_writer(tmp_path / "a.y4m", info) as writer:
        writer.write(make_frames(info, 1)[0])
    with av.open(str(tmp_path / "a.y4m")) as container:
        assert container.streams.video[0].pix_fmt == written
    losses = [] if name == "yuv440p" else [f"y4m cannot hold {name}: it is written as {written}"]
    assert writer.warnings == losses
    with pytest.raises(ValueError, match="y4m cannot hold 'rgb24'; it holds gray"):
        open_writer(tmp_path / "b.y4m", info, EncodingSpec(pix_fmt="rgb24"))


def test_variable_rate_is_refused_before_the_first_frame(tmp_path: Path, make_clip: Clip) -> None:
    clip = make_clip(pts=[0, 3600, 7200, 21_600, 25_200])
    with (
        open_reader(clip) as reader,
        pytest.raises(OutputError, match=r"y4m has one frame rate.*frame 3 is shown at 0\.240 s"),
    ):
        open_writer(tmp_path / "a.y4m", reader.info, copy_from=clip)
    info = ClipInfo(8, 8, require_planar("gray"), Fraction(1, 25), frame_rate=Fraction(25))
    frames = make_frames(info, 2)
    with open_writer(tmp_path / "a.y4m", info) as writer:
        writer.write(frames[0])
        late = Frame(frames[1].planes, pts=2, duration=1)
        with pytest.raises(OutputError, match="y4m has one frame rate"):
            writer.write(late)
    no_rate = ClipInfo(8, 8, require_planar("gray"), Fraction(1, 25))
    with pytest.raises(ValueError, match="y4m needs a frame rate"):
        open_writer(tmp_path / "b.y4m", no_rate)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24), Fraction(30_000, 1001)])
def test_rate_is_that_of_the_times_not_that_of_the_tag(
    tmp_path: Path, make_clip: Clip, name: str, rate: Fraction
) -> None:
    # The tag says 25, and Matroska rounds to 1 ms.
    clip = make_clip(name, pts=[round(number * 90_000 / rate) for number in range(200)])
    with (
        open_reader(clip) as reader,
        open_writer(tmp_path / "a.y4m", reader.info, copy_from=clip) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    with av.open(str(tmp_path / "a.y4m")) as container:
        assert container.streams.video[0].average_rate == rate
    assert len(frames_of(tmp_path / "a.y4m")) == 200


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray"])
def test_ffmpeg_vsr_ffmpeg_through_pipes(
    tmp_path: Path, make_clip: Clip, require_tool: Tool, pix_fmt: str
) -> None:
    clip = make_clip(codec="ffv1", pix_fmt=pix_fmt)
    ffmpeg, target = require_tool("ffmpeg"), tmp_path / "out.mkv"
    feed = [ffmpeg, "-v", "error", "-i", clip, "-strict", "-1", "-f", "yuv4mpegpipe", "-"]
    take = [ffmpeg, "-v", "error", "-i", "-", "-c:v", "ffv1", target]
    with (
        subprocess.Popen(feed, stdout=subprocess.PIPE) as first,
        subprocess.Popen(
            [*UPSCALE, "-", "-", *MODEL, "--json"],
            stdin=first.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as second,
        subprocess.Popen(take, stdin=second.stdout, stderr=subprocess.PIPE) as third,
    ):
        assert second.stderr is not None
        assert third.stderr is not None
        report = second.stderr.read().decode()
        assert third.stderr.read() == b""
    assert (first.returncode, second.returncode, third.returncode) == (0, 0, 0)
    assert '"frames": 5' in report
    assert frames_of(target) == frames_of(clip)


def test_nothing_but_the_video_on_standard_output(tmp_path: Path, make_clip: Clip) -> None:
    done = run(make_clip(), "-", *MODEL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"YUV4MPEG2 W64 H48 F25:1")
    (tmp_path / "a.y4m").write_bytes(done.stdout)
    assert frames_of(tmp_path / "a.y4m") == frames_of(tmp_path / "clip.mkv")
    assert b"-: 5 frames x1 with bicubic" in done.stderr


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_containers_from_a_pipe_with_a_cut(tmp_path: Path, make_clip: Clip, name: str) -> None:
    clip, target = make_clip(name, audio_start=0.0), tmp_path / "out.mkv"
    args = ["--start", "0.08", "--end", "0.16", "--codec", "ffv1", "--quiet"]
    done = run("-", target, *MODEL, *args, stdin=clip.read_bytes())
    assert done.returncode == 0, done.stderr
    assert b"not carried over from standard input: 1 audio; give a file" in done.stderr
    assert frames_of(target) == frames_of(clip)[2:4]


def test_reader_that_goes_away_ends_it_without_a_traceback(make_clip: Clip) -> None:
    clip = make_clip(size=(320, 240), pts=[3600 * number for number in range(60)])
    command = [*UPSCALE, str(clip), "-", *MODEL, "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        words = process.stderr.read().decode()
        assert process.wait(30) == 1
    assert words == ""


@pytest.mark.parametrize("side", ["in", "out"])
def test_terminal_is_refused(make_clip: Clip, tmp_path: Path, side: str) -> None:
    parent, child = pty.openpty()
    try:
        paths = ["-", str(tmp_path / "o.mp4")] if side == "in" else [str(make_clip()), "-"]
        done = subprocess.run(
            [*UPSCALE, *paths, *MODEL, "--quiet"],
            stdin=child if side == "in" else subprocess.DEVNULL,
            stdout=child if side == "out" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 1
    assert b"is a terminal; pipe" in done.stderr


@pytest.mark.parametrize("data", [b"", b"hello" * 100])
def test_what_is_no_video_is_refused_from_a_pipe(tmp_path: Path, data: bytes) -> None:
    done = run("-", tmp_path / "o.mp4", *MODEL, "--quiet", stdin=data)
    assert done.returncode == 1
    assert b"Error: standard input is not a video that can be read" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_file_called_dash_is_a_file(
    tmp_path: Path, make_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip().rename(tmp_path / "-")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["upscale", "./-", "o.mp4", *MODEL, "--quiet"])
    assert result.exit_code == 0, result.stderr
    assert len(frames_of(tmp_path / "o.mp4")) == 5
