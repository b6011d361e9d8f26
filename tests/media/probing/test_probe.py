"""What is told of a file, against what ffprobe tells of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from vsr_cli.media import FileProbe, probe_file

Clip = Callable[..., Path]
DATA = Path(__file__).parents[3].parent / "shared" / "data"
FILES = [
    path
    for folder in ("awkward", "video")
    if (DATA / folder).is_dir()
    for path in sorted((DATA / folder).iterdir())
]
# Those that cannot be upscaled as they are, as far as that is known without decoding all of them.
FAULTY = {"empty_0_bytes.webm", "invalid-bitstream.webm", "sample_audio_only.mp4"}
# Where FFmpeg 5.1 makes another guess than the FFmpeg 8 of PyAV.
OTHER_GUESS = {
    "nasa_13013.mp4": {"duration"},
    "sample_fragmented.mp4": {"duration"},
    "sample_with_chapters.mkv": {"start_time"},
    "sample_with_colr_mdcv_and_clli.mp4": {"pix_fmt", "field_order"},
    "transparent.webm": {"pix_fmt"},  # its alpha is beside the picture
}
needs_files = pytest.mark.skipif(not FILES, reason="needs the clips of ../shared/data")
RANGES = {"tv": "limited", "pc": "full"}


def ffprobe(tool: str, path: Path, *options: str) -> dict[str, Any]:
    command = [tool, "-v", "quiet", "-show_streams", "-show_format", "-show_chapters", *options]
    command += ["-of", "json", str(path.absolute())]
    done = subprocess.run(command, check=False, capture_output=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@needs_files
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_are_as_ffprobe_sees_them(
    path: Path, require_tool: Callable[[str], str]
) -> None:
    found, expected = probe_file(path, count=True), ffprobe(require_tool("ffprobe"), path)
    assert bool(found.faults) == (path.name in FAULTY)
    if not expected.get("streams"):
        assert found.streams == ()
        return
    form = expected["format"]
    assert found.container == form["format_name"]
    assert found.size_bytes == int(form["size"])
    others = OTHER_GUESS.get(path.name, set())
    if "duration" in form.keys() - others:
        assert found.duration_s == pytest.approx(float(form["duration"]), abs=0.05)
    assert [c.title for c in found.chapters] == [
        chapter.get("tags", {}).get("title", "") for chapter in expected["chapters"]
    ]
    assert len(found.streams) == len(expected["streams"])
    for stream, theirs in zip(found.streams, expected["streams"], strict=True):
        compare_streams(stream, theirs, others)
    if found.video is not None:
        compare_video(found, expected["streams"][found.video.stream], others)


def compare_streams(stream: Any, theirs: dict[str, Any], others: set[str]) -> None:
    tags = theirs.get("tags", {})
    assert stream.index == theirs["index"]
    assert stream.kind == theirs.get("codec_type", "unknown")
    if stream.codec is not None:
        assert stream.codec == theirs["codec_name"]
    assert stream.language == tags.get("language")
    assert stream.title == tags.get("title")
    set_bits = {name for name, value in theirs["disposition"].items() if value}
    assert set(stream.dispositions) == set_bits
    if stream.kind != "attachment" and "start_time" in theirs.keys() - others:
        assert stream.start_s == pytest.approx(float(theirs["start_time"]), abs=1e-5)


def compare_video(found: FileProbe, theirs: dict[str, Any], others: set[str]) -> None:
    video, timing = found.video, found.timing
    assert video is not None
    assert timing is not None
    assert (video.width, video.height) == (theirs["width"], theirs["height"])
    if "pix_fmt" not in others and video.pixel_format.startswith("yuv"):
        assert video.pixel_format == theirs["pix_fmt"].replace("yuvj", "yuv")
        assert video.range == RANGES.get(theirs.get("color_range", ""), "unspecified")
        for name, ours in (
            ("color_space", video.matrix),
            ("color_primaries", video.primaries),
            ("color_transfer", video.transfer),
        ):
            assert ours == theirs.get(name, "unspecified").replace("unknown", "unspecified")
    ratio = theirs.get("sample_aspect_ratio", "0:1")
    stated = None if ratio in ("0:1", "N/A") else Fraction(*map(int, ratio.split(":")))
    assert video.sample_aspect_ratio in (stated, None if stated == 1 else stated)
    sides = theirs.get("side_data_list", [])
    rotation = [side["rotation"] for side in sides if "rotation" in side]
    assert video.rotation % 360 == (rotation[0] % 360 if rotation else 0)
    if "field_order" in theirs and "field_order" not in others:
        assert video.field_order == theirs["field_order"]
    assert video.time_base == Fraction(theirs["time_base"])
    assert video.frames_promised == (int(theirs["nb_frames"]) if "nb_frames" in theirs else None)


@needs_files
@pytest.mark.parametrize(
    "name", ["bikes.mp4", "sample_with_chapters.mkv", "sample_h264.ts", "no_duration.webm"]
)
def test_counted_frames_are_those_that_ffprobe_counts(
    name: str, require_tool: Callable[[str], str]
) -> None:
    path = next(path for path in FILES if path.name == name)
    theirs = ffprobe(require_tool("ffprobe"), path, "-count_packets", "-select_streams", "v:0")
    timing = probe_file(path, count=True).timing
    assert timing is not None
    assert timing.is_complete
    assert timing.num_packets == int(theirs["streams"][0]["nb_read_packets"])


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
@pytest.mark.parametrize(
    ("pts", "is_variable"),
    [
        ([3600 * n for n in range(60)], False),
        ([round(90_000 * 1001 / 30_000 * n) for n in range(60)], False),
        ([3600 * n + 900 * (n % 3 == 0) for n in range(60)], True),
        ([3600 * n for n in range(59)] + [3600 * 70], True),
    ],
)
def test_constant_and_variable_rate_are_told_apart(
    make_clip: Clip, name: str, pts: list[int], is_variable: bool
) -> None:
    timing = probe_file(make_clip(name, pts=pts, options={"bf": "3"})).timing
    assert timing is not None
    assert timing.is_variable == is_variable
    steps = sorted((b - a) / 90_000 for a, b in pairwise(pts))
    assert timing.min_s == pytest.approx(steps[0], abs=1e-3)
    assert timing.max_s == pytest.approx(steps[-1], abs=1e-3)


def test_without_counting_only_the_beginning_is_looked_at(make_clip: Clip) -> None:
    path = make_clip("clip.mp4", pts=[3600 * n for n in range(900)] + [3600 * 950])
    first, whole = probe_file(path).timing, probe_file(path, count=True).timing
    assert first is not None
    assert whole is not None
    assert (first.is_complete, first.num_packets, first.is_variable) == (False, 500, False)
    assert (whole.is_complete, whole.num_packets, whole.is_variable) == (True, 901, True)


def test_shape_and_rotation_give_what_a_player_shows(make_clip: Clip) -> None:
    path = make_clip("clip.mp4", size=(720, 576), sar=Fraction(64, 45), rotation=90)
    video = probe_file(path).video
    assert video is not None
    assert (video.width, video.height, video.rotation) == (720, 576, 90)
    assert (video.display_width, video.display_height) == (576, 1024)


@pytest.mark.parametrize(
    ("size", "tags", "matrix", "used", "color_range"),
    [
        ((1280, 720), None, "unspecified", "bt709", "limited"),
        ((64, 48), None, "unspecified", "smpte170m", "limited"),
        ((64, 48), (2, 9, 9, 16), "bt2020nc", "bt2020nc", "full"),
    ],
)
def test_untagged_clip_says_what_it_is_taken_for(
    make_clip: Clip,
    size: tuple[int, int],
    tags: tuple[int, int, int, int] | None,
    matrix: str,
    used: str,
    color_range: str,
) -> None:
    video = probe_file(make_clip("clip.mp4", size=size, tags=tags, pts=[0, 3600])).video
    assert video is not None
    assert (video.matrix, video.matrix_used, video.range_used) == (matrix, used, color_range)


def test_sound_that_starts_later_than_the_video(make_clip: Clip) -> None:
    found = probe_file(make_clip("clip.mkv", pts=[3600 * n for n in range(60)], audio_start=1.0))
    video, audio = found.streams
    assert video.offset_s == 0
    assert audio.offset_s == pytest.approx(1.0, abs=0.03)  # a block of AAC is 21 ms


def test_truncated_file_gives_what_is_known_and_the_fault(make_clip: Clip) -> None:
    path = make_clip("clip.mkv", pts=[3600 * n for n in range(60)])
    path.write_bytes(path.read_bytes()[:-2000])
    found = probe_file(path, count=True)
    assert found.video is not None
    assert found.timing is not None
    assert 0 < found.timing.num_packets < 60
    assert found.missing_bytes == 2000
    assert len(found.faults) == 1


@pytest.mark.parametrize("name", ["none.mp4", ".", "-"])
def test_what_is_no_file_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = probe_file(Path(name))
    assert len(found.faults) == 1
    assert (found.container, found.streams) == (None, ())


@pytest.mark.parametrize("count", [False, True])
@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_pages_of_an_animation_are_counted_with_their_times(
    tmp_path: Path, name: str, count: bool
) -> None:
    pages = [Image.new("RGB", (32, 24), color) for color in ("red", "green", "blue")]
    pages[0].save(
        tmp_path / name,
        save_all=True,
        append_images=pages[1:],
        duration=[600, 200, 200],
        lossless=True,
    )
    found = probe_file(tmp_path / name, count=count)
    assert found.faults == ()
    assert found.duration_s == 1
    assert found.timing is not None
    assert (found.timing.num_packets, found.timing.is_variable) == (3, True)
    assert (found.timing.min_s, found.timing.max_s) == (0.2, 0.6)
    assert found.streams[0].details in ("", "32x24")


def test_pages_of_a_tiff_are_counted(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (32, 24), color) for color in ("red", "green", "blue")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    found = probe_file(tmp_path / "a.tif", count=True)
    assert found.timing is not None
    assert (found.timing.num_packets, found.timing.is_variable) == (3, False)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_title_of_a_stream_is_told(
    tmp_path: Path, make_clip: Callable[..., Path], name: str
) -> None:
    clip = make_clip("clip.mkv", audio_start=0.0)
    with av.open(str(clip)) as before, av.open(str(tmp_path / name), "w") as after:
        streams = [after.add_stream_from_template(stream) for stream in before.streams]
        streams[1].metadata["title"] = "Le son"
        for packet in before.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                after.mux(packet)
    assert [stream.title for stream in probe_file(tmp_path / name).streams] == [None, "Le son"]
