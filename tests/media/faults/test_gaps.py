"""Damage between the packets, which demuxers pass over without a word: found by the structure."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from vsr_cli.errors import InputError
from vsr_cli.media import open_reader, probe_file
from vsr_cli.media.faults.truncation import walk_structure
from vsr_cli.media.faults.walk import FileWalk, Gap, PipeWalk, Truncation
from vsr_cli.specs import DecodingSpec

Tool = Callable[[str], str]
NUM_FRAMES = 60
LOST = 12_000  # bytes; more than a packet has
DATA = Path(__file__).parents[3].parent / "shared" / "data"
FILES = [
    path
    for folder in ("awkward", "video")
    if (DATA / folder).is_dir()
    for path in sorted((DATA / folder).iterdir())
    if path.stat().st_size
]
VP9 = {"cpu-used": "8", "deadline": "realtime", "g": "10", "b": "200000"}
# Name of the file, codec, options of the codec, options of the container.
CLIPS: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "webm": ("clip.webm", "libvpx-vp9", VP9, {}),
    "matroska": ("clip.mkv", "libx264", {"g": "10"}, {}),
    "matroska without checksums": ("clip.mkv", "libx264", {"g": "10"}, {"write_crc32": "0"}),
    "matroska live": ("clip.mkv", "libx264", {"g": "10"}, {"live": "1"}),
    "avi": ("clip.avi", "mpeg4", {"b": "900000"}, {}),
    "transport": ("clip.ts", "mpeg2video", {"b": "900000"}, {}),
    "flv": ("clip.flv", "flv", {"b": "900000"}, {}),
    "ogg": ("clip.ogv", "libtheora", {"b": "900000"}, {}),
    "mp4": ("clip.mp4", "libx264", {"g": "10"}, {}),
    "fragments": ("clip.mp4", "libx264", {"g": "10"}, {"movflags": "frag_keyframe+empty_moov"}),
    "gif": ("clip.gif", "gif", {}, {}),
    "y4m": ("clip.y4m", "rawvideo", {}, {}),
    "nut": ("clip.nut", "libx264", {"g": "10"}, {}),
}
SEEN = ["webm", "matroska", "matroska without checksums", "avi", "transport", "flv", "fragments"]


def make(folder: Path, name: str) -> Path:
    """About: ffmpeg -f lavfi -i nullsrc=size=128x96:rate=25,geq=random(1)*255 -frames:v 60 NAME."""
    file, codec, options, container_options = CLIPS[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV cannot write {codec}")
    pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
    noise = np.random.default_rng(0).integers(0, 255, (144, 128), dtype=np.uint8)
    with av.open(str(folder / file), "w", container_options=container_options) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for number in range(NUM_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, 1), "yuv420p")
            output.mux(stream.encode(picture.reformat(format=pix_fmt)))
        output.mux(stream.encode(None))
    return folder / file


def walk_file(path: Path) -> tuple[list[Gap], Truncation | None]:
    with path.open("rb") as file:
        walk = FileWalk(walk_structure(deep=True), file)
        walk.advance()
    size = path.stat().st_size
    return walk.take_gaps(), None if walk.ending is None else walk.ending.truncation(size)


def walk_pipe(data: bytes, piece: int) -> tuple[list[Gap], Truncation | None]:
    walk = PipeWalk(walk_structure(deep=True))
    for start in range(0, len(data), piece):
        walk.feed(data[start : start + piece])
    truncation = walk.finish()
    return walk.take_gaps(), truncation


def frames_of(path: Path, tolerate: int = 0) -> tuple[list[tuple[int, bytes]], list[str]]:
    with open_reader(path, DecodingSpec(tolerate=tolerate)) as reader:
        frames = [(f.pts, b"".join(p.numpy().tobytes() for p in f.planes)) for f in reader]
    return frames, reader.warnings


@pytest.mark.parametrize("name", CLIPS)
def test_undamaged_file_has_no_gap_and_ends_where_it_says(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    assert walk_file(path) == ([], None)
    for piece in (1, 1000, 32_768):
        assert walk_pipe(path.read_bytes(), piece) == ([], None)


@pytest.mark.skipif(not FILES, reason="needs the clips of ../shared/data")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_have_no_gaps(path: Path) -> None:
    assert walk_file(path) == ([], None)


@pytest.mark.parametrize("name", SEEN)
def test_zeroed_bytes_never_lose_a_frame_silently(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    whole, _ = frames_of(path)
    data, num_seen = path.read_bytes(), 0
    for seed in range(12):
        at = random.Random(seed).randrange(2000, len(data) - LOST)
        path.write_bytes(data[:at] + bytes(LOST) + data[at + LOST :])
        try:
            frames, _ = frames_of(path)
        except InputError:
            num_seen += 1
        else:
            assert [pts for pts, _ in frames] == [pts for pts, _ in whole], at
    assert num_seen > 6


def test_damage_is_named_with_its_time_and_tolerated_as_one(tmp_path: Path) -> None:
    path = make(tmp_path, "webm")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    at = packets[30].pos or 0
    data[at : at + 4] = bytes(4)  # the header of the block alone
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"is damaged near 1\.1\d s; .*--tolerate N"):
        frames_of(path)
    frames, warnings = frames_of(path, tolerate=1)
    assert len(frames) < NUM_FRAMES
    assert any("1 damaged packet was put up with" in warning for warning in warnings)


def test_counting_sees_the_damage_as_well(tmp_path: Path) -> None:
    path = make(tmp_path, "webm")
    assert probe_file(path, count=True).faults == ()
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(LOST) + data[half + LOST :])
    (fault,) = probe_file(path, count=True).faults
    assert f"{path} is damaged in 1 place" in fault


def test_one_changed_byte_does_not_fit_to_the_checksum(tmp_path: Path) -> None:
    path = make(tmp_path, "matroska")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (gap,) = walk_file(path)[0]
    assert gap.is_checksum
    with pytest.raises(InputError, match="is damaged"):
        frames_of(path)
    frames, warnings = frames_of(path, tolerate=1)
    assert len(frames) >= NUM_FRAMES - 1
    assert any("1 damaged packet was put up with" in warning for warning in warnings)


def test_block_of_a_track_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    path = make(tmp_path, "matroska without checksums")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    track = data.index(bytes(packets[20])[:32]) - 4  # then come two bytes of time, one of flags
    assert data[track] == 0x81
    data[track] = 0x85
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"is damaged near 0\.[78]\d s"):
        frames_of(path)


@pytest.mark.parametrize("name", ["webm", "matroska live"])
def test_gaps_are_the_same_from_a_pipe_and_from_a_file(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = bytearray(path.read_bytes())
    for place in (len(data) // 3, len(data) // 2):
        data[place : place + LOST] = bytes(LOST)
    path.write_bytes(data[:-50])
    gaps, truncation = walk_file(path)
    assert gaps
    assert truncation is not None
    for piece in (1, 777, 100_000):
        assert walk_pipe(path.read_bytes(), piece) == (gaps, truncation)


def test_damage_before_and_behind_a_cut_does_not_count(tmp_path: Path) -> None:
    path = make(tmp_path, "matroska without checksums")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for number in (18, 55):
        at = data.index(bytes(packets[number])[:32])
        data[at - 8 : at + packets[number].size] = bytes(packets[number].size + 8)
    path.write_bytes(data)
    with open_reader(path, DecodingSpec(start_s=1.0, end_s=1.4)) as reader:
        assert len(list(reader)) == 10
    with pytest.raises(InputError, match="is damaged"):
        frames_of(path)


@pytest.mark.parametrize(
    "options",
    [
        ["-cues_to_front", "1"],
        ["-reserve_index_space", "4096"],
        ["-write_crc32", "0"],
        ["-cluster_size_limit", "3000"],
        ["-live", "1"],
        ["-f", "matroska", "pipe:1"],
        ["-f", "webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus", "pipe:1"],
    ],
    ids=" ".join,
)
def test_what_ffmpeg_writes_has_no_gaps(
    tmp_path: Path, require_tool: Tool, options: list[str]
) -> None:
    path = tmp_path / "clip.mkv"
    font = tmp_path / "font.ttf"
    font.write_bytes(random.Random(0).randbytes(5000))
    command = [require_tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48"]
    command += ["-f", "lavfi", "-i", "sine", "-t", "3", "-c:v", "libx264"]
    if "webm" not in options:
        command += ["-attach", str(font), "-metadata:s:t", "mimetype=font/ttf"]
    if "pipe:1" in options:
        done = subprocess.run([*command, *options], check=True, capture_output=True)
        path.write_bytes(done.stdout)
    else:
        subprocess.run([*command, *options, str(path)], check=True)
    assert walk_file(path) == ([], None)


@pytest.mark.parametrize("name", CLIPS)
def test_no_damage_stops_the_walk_itself(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    for seed in range(40):
        chance, damaged = random.Random(seed), bytearray(data)
        for _ in range(chance.randrange(1, 60)):
            damaged[chance.randrange(len(data) if seed % 2 else 2000)] = chance.randrange(256)
        path.write_bytes(damaged)
        found = walk_file(path)
        assert found == walk_pipe(bytes(damaged), 5000)
        assert all(0 <= gap.at < len(data) for gap in found[0])
