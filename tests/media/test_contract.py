"""What every reader and every writer does, whatever the file behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import DecodingSpec, EncodingSpec

Clip = Callable[..., Path]
NUM_FRAMES = 5
RATE = Fraction(25)
SIZE = (32, 16)
SOURCES = (
    "a.mp4",
    "a.mkv",
    "a.mov",
    "a.webm",
    "a.avi",
    "a.ts",
    "a.gif",
    "a.y4m",
    "a_%03d.png",
    "a",
)
TARGETS = (
    "o.mp4",
    "o.m4v",
    "o.mov",
    "o.mkv",
    "o.webm",
    "o.gif",
    "o.y4m",
    "o_%03d.png",
    "o_%03d.tif",
)


def make_info() -> ClipInfo:
    color = ColorInfo("limited", matrix=6, primaries=6, transfer=6)
    return ClipInfo(
        *SIZE, require_planar("yuv420p"), Fraction(1, 25), color, frame_rate=RATE, matrix=6
    )


def make_frame(number: int) -> Frame:
    width, height = SIZE
    sizes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    levels = (40 + 20 * number, 120, 130)
    planes = tuple(
        torch.full(size, level, dtype=torch.uint8)
        for size, level in zip(sizes, levels, strict=True)
    )
    return Frame(planes, pts=number, duration=1)


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, make_clip: Clip, tmp_path: Path) -> Path:
    """A clip of five frames; pictures by our own writer, which other tests hold against others."""
    name = request.param
    if name in ("a.mp4", "a.mkv", "a.mov", "a.avi", "a.ts"):
        return make_clip(name, size=SIZE, options={"bf": "0"} if name == "a.avi" else None)
    if name == "a.webm":
        return make_clip(name, size=SIZE, codec="libvpx-vp9")
    if name == "a":
        (tmp_path / "a").mkdir()
    target = tmp_path / ("a/%03d.png" if name == "a" else name)
    with open_writer(target, make_info()) as writer:
        for number in range(NUM_FRAMES):
            writer.write(make_frame(number))
    return tmp_path / name


def test_reader_gives_every_frame_once_and_says_what_it_gives(source: Path) -> None:
    with open_reader(source) as reader:
        info = reader.info
        frames = list(reader)
    assert len(frames) == reader.frames_read == NUM_FRAMES
    layout = info.pixel_format
    dtype = torch.uint8 if layout.bits == 8 else torch.uint16
    for frame in frames:
        assert [(plane.dtype, tuple(plane.shape)) for plane in frame.planes] == [
            (dtype, layout.plane_size(k, width=info.width, height=info.height))
            for k in range(layout.num_planes)
        ]
        assert all(plane.is_contiguous() for plane in frame.planes)
    times = [frame.pts * info.time_base for frame in frames]
    assert [time - times[0] for time in times] == [Fraction(k, 25) for k in range(NUM_FRAMES)]


def test_avi_has_the_times_that_ffprobe_sees(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """AVI states when a picture is decoded, not when it is shown; B-frames come out of order."""
    path = tmp_path / "b.avi"
    make = [require_tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i"]
    make += ["testsrc2=size=64x48:rate=25:duration=1", "-c:v", "libx264", "-bf", "2", path]
    subprocess.run(make, check=True)
    probe = [require_tool("ffprobe"), "-v", "error", "-of", "csv=p=0", "-show_entries"]
    probe += ["frame=best_effort_timestamp_time", path]
    answer = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.split()
    with open_reader(path) as reader:
        times = [float(frame.pts * reader.info.time_base) for frame in reader]
    assert len(times) == len(answer) == 25
    for time, wanted in zip(times, answer, strict=True):
        if not wanted.startswith("N/A"):  # of the last two it says nothing
            assert time == pytest.approx(float(wanted.strip(",")), abs=1e-5)
    steps = [after - before for before, after in pairwise(times)]
    assert steps == pytest.approx([0.04] * 24, abs=1e-5)


def test_frames_own_their_memory(source: Path) -> None:
    with open_reader(source) as reader:
        kept = [(frame, [plane.clone() for plane in frame.planes]) for frame in reader]
    for frame, copies in kept:
        assert all(torch.equal(a, b) for a, b in zip(frame.planes, copies, strict=True))


def test_cut_is_the_same_part_of_the_whole(source: Path) -> None:
    with open_reader(source) as reader:
        whole = list(reader)
    with open_reader(source, DecodingSpec(start_s=0.04, end_s=0.12)) as reader:
        part = list(reader)
    assert [frame.pts for frame in part] == [frame.pts for frame in whole[1:3]]
    for frame, wanted in zip(part, whole[1:3], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(frame.planes, wanted.planes, strict=True))


def test_reader_may_be_left_early_and_closed_twice(source: Path) -> None:
    reader = open_reader(source)
    with reader:
        first = next(iter(reader))
    reader.__exit__(None, None, None)
    assert reader.frames_read <= 1  # a frame counts when the next one is asked for, or sooner
    with open_reader(source) as again:
        found = next(iter(again))
    assert all(torch.equal(a, b) for a, b in zip(found.planes, first.planes, strict=True))


@pytest.mark.parametrize("name", ["there_is_none.mp4", "none_%04d.png", "none.png", "nothing"])
def test_missing_input_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_reader(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writer_makes_what_a_reader_finds(target: Path, tmp_path: Path) -> None:
    with open_writer(target, make_info()) as writer:
        for number in range(NUM_FRAMES):
            writer.write(make_frame(number))
            assert not target.exists()
    assert not any(name.startswith(".") for name in left_in(tmp_path))
    with open_reader(target) as reader:
        frames = list(reader)
    assert len(frames) == NUM_FRAMES
    brightness = [float(frame.planes[0].float().mean()) for frame in frames]
    assert brightness == sorted(brightness)
    assert brightness[-1] > brightness[0] + 40


def test_failed_run_leaves_nothing(target: Path, tmp_path: Path) -> None:
    def fail() -> None:
        with open_writer(target, make_info()) as writer:
            writer.write(make_frame(0))
            raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        fail()
    assert left_in(tmp_path) == []


def test_run_without_a_frame_leaves_nothing(target: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frame"), open_writer(target, make_info()):
        pass
    assert left_in(tmp_path) == []


def test_existing_output_is_replaced_only_on_demand(target: Path, tmp_path: Path) -> None:
    def write(*, overwrite: bool) -> None:
        with open_writer(target, make_info(), overwrite=overwrite) as writer:
            for number in range(2):
                writer.write(make_frame(number))

    write(overwrite=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="exist"):
        write(overwrite=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write(overwrite=True)
    assert left_in(tmp_path) == sorted(before)


def test_planes_of_another_size_are_refused(target: Path, tmp_path: Path) -> None:
    wrong = Frame(tuple(plane[:-1] for plane in make_frame(0).planes), pts=0)

    def write() -> None:
        with open_writer(target, make_info()) as writer:
            writer.write(wrong)

    with pytest.raises(ValueError, match="planes"):
        write()
    assert left_in(tmp_path) == []


def test_output_in_a_folder_that_is_not_there_is_one_line(target: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        open_writer(target.parent / "nowhere" / target.name, make_info())


@pytest.fixture
def y4m_stdin(tmp_path: Path) -> bytes:
    with open_writer(tmp_path / "pipe.y4m", make_info()) as writer:
        for number in range(NUM_FRAMES):
            writer.write(make_frame(number))
    return (tmp_path / "pipe.y4m").read_bytes()


def test_pipe_carries_the_same_frames(y4m_stdin: bytes) -> None:
    """The reader and the writer of ``-`` in one process, between two others."""
    command = [sys.executable, "-m", "vsr_cli", "upscale", "-", "-", "--model", "bicubic"]
    done = subprocess.run(
        [*command, "--scale", "1", "--quiet"],
        input=y4m_stdin,
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    header, _, frames = done.stdout.partition(b"\n")
    assert header.startswith(b"YUV4MPEG2 W32 H16 F25:1")
    assert frames == y4m_stdin.partition(b"\n")[2]


def test_strict_output_refuses_what_it_cannot_say(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip("a.mp4", size=SIZE, audio_start=0.0)
    strict = EncodingSpec(strict_streams=True)
    for name in ("o.gif", "o.y4m", "o_%03d.png"):
        with (
            open_reader(source) as reader,
            pytest.raises(OutputError, match=r"--strict-streams: .*audio"),
        ):
            open_writer(tmp_path / name, reader.info, strict, copy_from=source)
    assert left_in(tmp_path) == ["a.mp4"]
