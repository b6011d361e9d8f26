"""Standard input and output, and y4m: real processes on both sides."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.tags import read_color
from vsr_cli.specs import DecodingSpec, EncodingSpec

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
    assert b"-: 5 frames of 64x48 with bicubic x1" in done.stderr


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


# By what is written to a pipe, without seeking: name, codec, options of the muxer.
PIPED: dict[str, tuple[str, str, dict[str, str]]] = {
    "matroska": ("matroska", "libx264", {}),
    "matroska live": ("matroska", "libx264", {"live": "1"}),
    "webm": ("webm", "libvpx-vp9", {}),
    "transport": ("mpegts", "libx264", {}),
    "fragments": ("mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "avi": ("avi", "mpeg4", {}),
    "flv": ("flv", "flv", {}),
    "ogg": ("ogg", "libtheora", {}),
    "gif": ("gif", "gif", {}),
    "y4m": ("yuv4mpegpipe", "rawvideo", {}),
    "nut": ("nut", "ffv1", {}),
}


class WriteOnly(io.RawIOBase):
    """What a muxer writes, and no way back."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def piped(name: str) -> bytes:
    """About: ffmpeg -f lavfi -i nullsrc=size=64x48:rate=25,geq=random(1)*255 -t 1 -f NAME -"""
    container, codec, options = PIPED[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV cannot write {codec}")
    file, noise = WriteOnly(), np.random.default_rng(0).integers(0, 255, (72, 64), dtype=np.uint8)
    pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
    with av.open(file, "w", format=container, container_options=options) as output:
        video = output.add_stream(codec, rate=25, options={"g": "5"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, pix_fmt
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, 1), "yuv420p")
            output.mux(video.encode(picture.reformat(format=pix_fmt)))
        output.mux(video.encode(None))
    return bytes(file.data)


def read_pipe(
    data: bytes, monkeypatch: pytest.MonkeyPatch, tolerate: int = 0
) -> tuple[int, list[str]]:
    """Number of frames and warnings of what stands on standard input."""
    buffered = io.BufferedReader(Unseekable(data))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffered))
    with open_reader("-", DecodingSpec(tolerate=tolerate)) as reader:
        return len(list(reader)), reader.warnings


class Unseekable(io.RawIOBase):
    """Bytes that can be read once, a few at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(data)

    def readinto(self, buffer: Any) -> int:
        part = self._file.read(min(len(buffer), 5000))
        buffer[: len(part)] = part
        return len(part)

    def readable(self) -> bool:
        return True


@pytest.mark.parametrize("name", PIPED)
def test_pipe_that_ends_too_early_is_never_a_silent_success(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = piped(name)
    assert read_pipe(data, monkeypatch) == (25, [])
    random = np.random.default_rng(len(data))
    cuts = {*random.integers(len(data) // 10, len(data), 20).tolist(), len(data) - 1}
    for cut in sorted(cuts):
        if name == "transport" and not cut % 188:
            continue  # between two packets nobody can tell
        with pytest.raises(InputError, match=r"standard input is (truncated|damaged)|that can be"):
            read_pipe(data[:cut], monkeypatch)


@pytest.mark.parametrize("name", ["matroska", "transport", "fragments", "avi", "y4m", "gif"])
def test_truncated_pipe_counts_as_one_damaged_packet(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = piped(name)
    num_frames, warnings = read_pipe(data[: len(data) * 3 // 5 | 1], monkeypatch, tolerate=1)
    assert 10 <= num_frames <= 18
    (warning,) = warnings
    assert warning.startswith("standard input is truncated: at least")


def test_cut_pipe_leaves_nothing_or_what_is_to_be_kept(tmp_path: Path) -> None:
    data = piped("matroska")[:-2000]
    done = run("-", tmp_path / "o.mkv", *MODEL, "--quiet", stdin=data)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("Error: standard input is truncated: at least ")
    assert list(tmp_path.iterdir()) == []
    done = run("-", tmp_path / "o.mkv", *MODEL, "--keep-partial", "--quiet", stdin=data)
    assert done.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["o.partial.mkv"]
    assert 15 < len(frames_of(tmp_path / "o.partial.mkv")) < 25


def test_end_of_a_pipe_behind_the_cut_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    data = piped("y4m")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Unseekable(data[:-9]))))
    with open_reader("-", DecodingSpec(end_s=0.2)) as reader:
        assert len(list(reader)) == 5


def test_damage_in_a_pipe_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    data = piped("webm")
    half = len(data) // 2
    with pytest.raises(InputError, match="standard input is damaged near"):
        read_pipe(data[:half] + bytes(6000) + data[half + 6000 :], monkeypatch)


def test_mp4_with_its_index_last_is_said_to_need_a_file(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip("clip.mp4", size=(640, 480), options={"crf": "1"})
    for data in (clip.read_bytes(), clip.read_bytes()[:60_000]):
        assert len(data) > 50_000
        done = run("-", tmp_path / "o.mkv", *MODEL, "--quiet", stdin=data)
        assert done.returncode == 1
        assert b"an MP4 with its index behind the pictures, which needs seeking" in done.stderr
    assert not (tmp_path / "o.mkv").exists()


def test_chapters_and_streams_of_a_pipe_are_named_or_refused(
    tmp_path: Path, make_clip: Clip
) -> None:
    clip, source = make_clip(audio_start=0.0), tmp_path / "chapters.mkv"
    with av.open(str(clip)) as before, av.open(str(source), "w") as after:
        streams = [after.add_stream_from_template(stream) for stream in before.streams]
        tick = Fraction(1, 1000)
        after.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": tick, "metadata": {"title": "a"}}]
        )
        for packet in before.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                after.mux(packet)
    data, target = source.read_bytes(), tmp_path / "o.mkv"
    lost = b"not carried over from standard input: 1 audio, 1 chapter; give a file\n"
    done = run("-", target, *MODEL, "--quiet", "--strict-streams", stdin=data)
    assert done.returncode == 1
    assert done.stderr == b"Error: --strict-streams: " + lost
    assert not target.exists()
    done = run("-", target, *MODEL, "--quiet", stdin=data)
    assert (done.returncode, done.stderr) == (0, b"Warning: " + lost)


def test_pipe_of_nothing_but_video_passes_strictly(tmp_path: Path, make_clip: Clip) -> None:
    data = make_clip().read_bytes()
    done = run("-", tmp_path / "o.mkv", *MODEL, "--quiet", "--strict-streams", stdin=data)
    assert (done.returncode, done.stderr) == (0, b"")


def test_chapters_of_a_file_are_named_where_pictures_alone_are_written(
    tmp_path: Path, make_clip: Clip
) -> None:
    source = tmp_path / "chapters.mkv"
    with av.open(str(make_clip())) as before, av.open(str(source), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        tick = Fraction(1, 1000)
        after.set_chapters(
            [
                {"id": n, "start": 80 * n, "end": 80 * n + 80, "time_base": tick, "metadata": {}}
                for n in (0, 1)
            ]
        )
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    lost = b"not carried over: 2 chapters (a .y4m file holds pictures alone)\n"
    target = tmp_path / "o.y4m"
    assert run(source, target, *MODEL, "--quiet").stderr.startswith(b"Warning: " + lost)
    done = run(source, tmp_path / "p.y4m", *MODEL, "--quiet", "--strict-streams")
    assert (done.returncode, done.stderr) == (1, b"Error: --strict-streams: " + lost)
