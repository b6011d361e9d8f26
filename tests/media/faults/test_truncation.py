"""Files whose end is missing: told before the first frame, and never taken for shorter ones."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import open_reader
from vsr_cli.media.faults.truncation import find_truncation
from vsr_cli.specs import DecodingSpec

NUM_FRAMES = 20
NUM_CUTS = 40
DATA = Path(__file__).parents[3].parent / "shared" / "data"
FILES = [
    path
    for folder in ("awkward", "video")
    if (DATA / folder).is_dir()
    for path in sorted((DATA / folder).iterdir())
]
# Name, codec, options of the codec, options of the container.
CLIPS: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "index last": ("clip.mp4", "libx264", {}, {}),
    "index first": ("clip.mp4", "libx264", {}, {"movflags": "faststart"}),
    "fragments": ("clip.mp4", "libx264", {"g": "5"}, {"movflags": "frag_keyframe+empty_moov"}),
    "quicktime": ("clip.mov", "libx264", {}, {"movflags": "faststart"}),
    "matroska": ("clip.mkv", "libx264", {}, {}),
    "matroska live": ("clip.mkv", "libx264", {"g": "5"}, {"live": "1"}),
    "webm": ("clip.webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}, {}),
    "transport h264": ("clip.ts", "libx264", {}, {}),
    "transport mpeg2": ("clip.ts", "mpeg2video", {}, {}),
    "transport m2ts": ("clip.m2ts", "libx264", {}, {}),
    "avi": ("clip.avi", "mpeg4", {}, {}),
    "y4m": ("clip.y4m", "rawvideo", {}, {}),
    "gif": ("clip.gif", "gif", {}, {}),
}
# Cut in these, nothing can be read: the index is behind the pictures.
UNREADABLE = {"index last"}


def make(folder: Path, name: str) -> Path:
    """About: ffmpeg -f lavfi -i nullsrc=size=64x48:rate=25,geq=random(1)*255 -frames:v 20 NAME."""
    file, codec, options, container_options = CLIPS[name]
    pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
    noise = np.random.default_rng(0).integers(0, 255, (72, 64), dtype=np.uint8)
    with av.open(str(folder / file), "w", container_options=container_options) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for number in range(NUM_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, 1), "yuv420p")
            output.mux(stream.encode(picture.reformat(format=pix_fmt)))
        output.mux(stream.encode(None))
    return folder / file


def read_all(path: Path, tolerate: int = 0) -> tuple[list[Frame], list[str]]:
    with open_reader(path, DecodingSpec(tolerate=tolerate)) as reader:
        return list(reader), reader.warnings


def cuts(path: Path) -> list[int]:
    """Sizes to cut a file to: at random, and a little before its end."""
    size = path.stat().st_size
    some = random.Random(size).sample(range(size // 20, size), NUM_CUTS)
    if path.suffix in (".ts", ".m2ts"):  # between two packets nobody can tell
        packet = 188 if path.suffix == ".ts" else 192
        some = [cut for cut in some if cut % packet]
    return sorted({*some, size - 1, size - 7})


@pytest.mark.parametrize("name", CLIPS)
def test_file_that_is_cut_anywhere_is_never_a_silent_success(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    whole, data = read_all(path)[0], path.read_bytes()
    num_read = 0
    for cut in cuts(path):
        path.write_bytes(data[:cut])
        with pytest.raises(InputError, match="try") as caught:
            read_all(path)
        assert "\n" not in str(caught.value)
        try:
            frames, warnings = read_all(path, tolerate=1)
        except InputError:
            continue  # too little is left of it
        num_read += 1
        # Some that are shown earlier may be stored later: what is there keeps its time.
        assert {f.pts for f in frames} <= {f.pts for f in whole}, cut
        assert any("truncated" in warning or "damaged" in warning for warning in warnings)
    assert num_read == 0 if name in UNREADABLE else num_read > NUM_CUTS // 2


@pytest.mark.parametrize("name", sorted(CLIPS.keys() - UNREADABLE))
def test_it_is_said_how_much_is_missing_and_what_helps(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[:-300])
    finding = find_truncation(path)
    assert finding is not None
    assert 1 <= finding.missing_bytes <= 300
    with pytest.raises(InputError, match=rf"at least {finding.missing_bytes} byte.*--tolerate 1"):
        read_all(path)


def test_missing_index_is_no_matter_of_tolerance(tmp_path: Path) -> None:
    path = make(tmp_path, "index last")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"its index among them.*copying or downloading"):
        read_all(path, tolerate=9)


@pytest.mark.parametrize("name", CLIPS)
def test_complete_file_is_complete(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    assert find_truncation(path) is None
    assert len(read_all(path)[0]) == NUM_FRAMES


@pytest.mark.skipif(not FILES, reason="needs the clips of ../shared/data")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_are_complete(path: Path) -> None:
    assert find_truncation(path) is None


@pytest.mark.parametrize("name", ["index last", "index first", "matroska", "avi", "gif"])
@pytest.mark.parametrize("junk", [bytes(4096), b"\r\n", b"\xff\xd8\xff\xe0junk" * 9])
def test_what_was_put_behind_a_file_is_no_fault(tmp_path: Path, name: str, junk: bytes) -> None:
    path = make(tmp_path, name)
    path.write_bytes(path.read_bytes() + junk)
    assert find_truncation(path) is None


def test_frames_that_the_index_promises_must_come(tmp_path: Path) -> None:
    """A file whose boxes are whole, but in which the pictures end before the index says."""
    path = make(tmp_path, "index first")
    data = path.read_bytes()
    at = data.rfind(b"mdat") - 4
    half = (len(data) - at) // 2
    path.write_bytes(data[:at] + struct.pack(">I", half) + data[at + 4 : at + half])
    assert find_truncation(path) is None
    with pytest.raises(InputError, match=r"ends early|is damaged"):
        read_all(path)


@pytest.mark.parametrize("cut_s", [("0.3", "0.5"), ("0.33", "0.21")])
def test_edit_lists_that_leave_frames_out_are_no_fault(
    tmp_path: Path, require_tool: Callable[[str], str], cut_s: tuple[str, str]
) -> None:
    path, edited = make(tmp_path, "index last"), tmp_path / "edited.mp4"
    command = [require_tool("ffmpeg"), "-v", "error", "-ss", cut_s[0], "-i", str(path)]
    command += ["-t", cut_s[1], "-c", "copy", str(edited)]
    subprocess.run(command, check=True)
    frames, warnings = read_all(edited)
    assert 0 < len(frames) < NUM_FRAMES
    assert warnings == []


def test_large_file_is_looked_at_without_reading_it(tmp_path: Path) -> None:
    """Five GB of pictures in a box of 64-bit size; the file has holes and takes no room."""
    path = tmp_path / "large.mp4"
    size = 5 << 30
    head = struct.pack(">I4s8s", 16, b"ftyp", b"isom\0\0\0\0") + struct.pack(">I4s", 8, b"moov")
    head += struct.pack(">I4sQ", 1, b"mdat", size)
    path.write_bytes(head)
    with path.open("r+b") as file:
        file.truncate(24 + size - 1000)
    finding = find_truncation(path)
    assert finding is not None
    assert finding.missing_bytes == 1000


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p10le", "yuv444p16le", "gray10le", "gray", "yuva444p", "yuv411p"]
)
def test_frames_of_every_layout_of_y4m_are_measured(
    tmp_path: Path, require_tool: Callable[[str], str], pix_fmt: str
) -> None:
    path = tmp_path / "clip.y4m"
    command = [require_tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "color=size=39x21"]
    command += ["-frames:v", "3", "-pix_fmt", pix_fmt, "-strict", "-1", str(path)]
    subprocess.run(command, check=True)
    assert find_truncation(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    finding = find_truncation(path)
    assert finding is not None
    assert finding.missing_bytes == 1
