"""Damaged packets: counted, put up with or not, and never passed over in silence."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import InputContainer

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import VideoReader, open_reader, open_writer
from vsr_cli.media.containers import main_video
from vsr_cli.specs import DecodingSpec, EncodingSpec

NUM_FRAMES = 20
TICK = Fraction(1, 25)
MATROSKA_TICK = Fraction(1, 1000)


def make_noise(path: Path, codec: str, options: dict[str, str]) -> Path:
    """Frames that move, with so much in them that no packet is small.

    About: ffmpeg -f lavfi -i nullsrc=size=128x96:rate=25,geq=random(1)*255 -frames:v 20 -c:v CODEC
    """
    noise = np.random.default_rng(0).integers(0, 255, (144, 128), dtype=np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(NUM_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, 1), "yuv420p")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def damage(path: Path, numbers: list[int]) -> list[int]:
    """Overwrite the packets of these numbers, in order of decoding; returns their pts."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        at = data.find(bytes(packets[number])[:64])
        assert at > 0
        data[at : at + packets[number].size] = b"\xff" * packets[number].size
    path.write_bytes(data)
    return [packet.pts for number in numbers if (packet := packets[number]).pts is not None]


def read_all(path: Path, tolerate: int = 0) -> tuple[VideoReader, list[Frame]]:
    with open_reader(path, DecodingSpec(tolerate=tolerate)) as reader:
        frames = list(reader)
    assert isinstance(reader, VideoReader)
    return reader, frames


@pytest.fixture(params=[1, 2, 16], ids="{} threads".format)
def decoder_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Decode with so many threads, as a machine with that many cores does."""

    def find(container: InputContainer, path: Path) -> av.VideoStream:
        stream = main_video(container, path)
        stream.codec_context.thread_count = request.param
        return stream

    monkeypatch.setattr("vsr_cli.media.video.packets.main_video", find)
    return int(request.param)


# Each packet a key frame (x264 g=1, MJPEG), or one that only itself depends on (no B-frames).
INDEPENDENT = [
    ("mkv", "libx264", {"g": "1", "crf": "10"}),
    ("mp4", "libx264", {"g": "1", "crf": "10"}),
    ("webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    ("webm", "libvpx", {"cpu-used": "8", "deadline": "realtime"}),
    ("avi", "mpeg4", {}),
    ("mkv", "ffv1", {"g": "1"}),
]


@pytest.mark.usefixtures("decoder_threads")
@pytest.mark.parametrize(("ending", "codec", "options"), INDEPENDENT)
@pytest.mark.parametrize("numbers", [[5], [18], [19], [5, 6, 18, 19]], ids=str)
def test_every_damaged_packet_counts_wherever_it_is(
    tmp_path: Path, ending: str, codec: str, options: dict[str, str], numbers: list[int]
) -> None:
    path = make_noise(tmp_path / f"clip.{ending}", codec, options)
    damage(path, numbers)
    for tolerated in range(len(numbers)):
        with pytest.raises(InputError, match=r"is damaged.*--tolerate"):
            read_all(path, tolerated)
    reader, frames = read_all(path, len(numbers))
    assert len(frames) == NUM_FRAMES - len(numbers)
    assert any(f"{len(numbers)} damaged packet" in warning for warning in reader.warnings)


def test_undamaged_file_has_no_warning_whatever_is_tolerated(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "clip.mkv", "libx264", {"g": "5"})
    assert read_all(path, 7)[0].warnings == []


@pytest.mark.parametrize("numbers", [[5], [5, 6, 7], [19], [18, 19]], ids=str)
def test_frame_before_a_missing_one_lasts_longer(tmp_path: Path, numbers: list[int]) -> None:
    path = make_noise(tmp_path / "clip.mp4", "libx264", {"g": "1", "crf": "10"})
    _, whole = read_all(path)
    missing = damage(path, numbers)
    reader, frames = read_all(path, len(numbers))
    assert [f.pts for f in frames] == [f.pts for f in whole if f.pts not in missing]
    ends = [frame.pts + frame.duration for frame in frames]
    assert ends[:-1] == [frame.pts for frame in frames[1:]]
    assert ends[-1] == whole[-1].pts + whole[-1].duration
    assert sum(f.duration for f in frames) * reader.info.time_base == NUM_FRAMES * TICK


@pytest.mark.usefixtures("decoder_threads")
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("numbers", [[5], [12], [18], [19], [7, 13]], ids=str)
def test_frames_that_need_a_damaged_one_count_too(
    tmp_path: Path, codec: str, numbers: list[int]
) -> None:
    options = {"g": "5", "x265-params": "log-level=0"} if codec == "libx265" else {"g": "5"}
    path = make_noise(tmp_path / "clip.mkv", codec, {**options, "crf": "10"})
    damage(path, numbers)
    with pytest.raises(InputError, match="is damaged"):
        read_all(path)
    reader, frames = read_all(path, NUM_FRAMES)
    lost = NUM_FRAMES - len(frames)
    (warning,) = [w for w in reader.warnings if "damaged packet" in w]
    assert int(warning.split()[0]) >= max(lost, len(numbers))
    assert sum(f.duration for f in frames) * reader.info.time_base == NUM_FRAMES * TICK


def test_run_ends_at_the_packet_that_is_one_too_many(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "clip.mkv", "libx264", {"g": "1", "crf": "10"})
    damage(path, [3, 9])
    for tolerated, most in ((0, 3), (1, 8)):
        reader = open_reader(path, DecodingSpec(tolerate=tolerated))
        with reader, pytest.raises(InputError, match="is damaged near"):
            list(reader)
        assert 0 < reader.frames_read <= most


def test_damaged_packets_outside_of_a_cut_do_not_count(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "clip.mkv", "libx264", {"g": "5", "crf": "10"})
    damage(path, [0])
    with open_reader(path, DecodingSpec(start_s=0.2, end_s=0.4, tolerate=9)) as reader:
        assert len(list(reader)) == 5
    assert reader.warnings == []


def test_packets_that_a_demuxer_flags_count(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "clip.ts", "mpeg2video", {"b": "4M"})
    data = path.read_bytes()
    # One transport packet is left out of the middle: its stream's counter jumps.
    at = len(data) // 2 // 188 * 188
    path.write_bytes(data[:at] + data[at + 188 :])
    with av.open(str(path)) as container:
        assert any(packet.is_corrupt for packet in container.demux(video=0))
    with pytest.raises(InputError, match="is damaged"):
        read_all(path)
    assert len(read_all(path, 5)[1]) >= NUM_FRAMES - 1


def test_broadcast_may_begin_in_the_middle_of_a_scene(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "clip.ts", "libx264", {"g": "10", "bf": "0"})
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size and p.pos is not None]
    path.write_bytes(path.read_bytes()[packets[4].pos or 0 :])
    reader, frames = read_all(path)
    assert len(frames) >= 10
    assert reader.frames_read == len(frames)


def test_sound_stays_in_step_with_what_is_left(
    make_clip: Callable[..., Path],
    tmp_path: Path,
    audio_packets: Callable[[Path], list[tuple[Fraction, bytes]]],
) -> None:
    pts = [3600 * n for n in range(50)]
    source = make_clip("in.mkv", pts=pts, audio_start=0.0, options={"g": "1"}, size=(128, 96))
    missing = [Fraction(tick, 1000) for tick in damage(source, [10, 11, 30])]
    decoding, target = DecodingSpec(tolerate=3), tmp_path / "out.mkv"
    with (
        open_reader(source, decoding) as reader,
        open_writer(
            target, reader.info, EncodingSpec(preset="ultrafast"), copy_from=source
        ) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    with av.open(str(target)) as container:
        times = [p.pts * Fraction(p.time_base) for p in container.decode(video=0) if p.pts]
    first = times[0] - TICK
    expected = [TICK * n for n in range(1, 50) if TICK * n not in missing]
    assert max(abs(t - first - e) for t, e in zip(times, expected, strict=True)) <= MATROSKA_TICK
    sound, sound_before = audio_packets(target), audio_packets(source)
    assert [data for _, data in sound] == [data for _, data in sound_before]
    offsets = {time - before for (time, _), (before, _) in zip(sound, sound_before, strict=True)}
    assert max(abs(offset - first) for offset in offsets) <= MATROSKA_TICK


def test_tolerating_less_than_nothing_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="tolerate must be at least 0"):
        DecodingSpec(tolerate=-1)


def test_nothing_that_a_player_can_decode_is_lost_at_the_end(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """As many frames as FFmpeg's own program decodes of the same damaged file."""
    ffmpeg = require_tool("ffmpeg")
    path = make_noise(tmp_path / "clip.mkv", "libx264", {"g": "5", "crf": "10"})
    damage(path, [18])
    command = [ffmpeg, "-v", "quiet", "-threads", "1", "-i", str(path), "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    expected = [line.split(",")[2].strip() for line in lines if not line.startswith("#")]
    reader, frames = read_all(path, NUM_FRAMES)
    assert len(frames) == len(expected)
    assert reader.frames_read == NUM_FRAMES - 1
