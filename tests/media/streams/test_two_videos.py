"""A second video beside the one that is upscaled: in a cut it must not take sound with it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from vsr_cli.errors import OutputError
from vsr_cli.media import open_reader, open_writer
from vsr_cli.specs import DecodingSpec, EncodingSpec

FAST = EncodingSpec(preset="ultrafast", keep_partial=True)
Packets = Callable[[Path], list[tuple[Fraction, bytes]]]
AUDIO_S = 1024 / 48_000


@pytest.fixture
def make_pair(tmp_path: Path, require_tool: Callable[[str], str]) -> Callable[..., Path]:
    """Makes two videos and sound; the second one has B-frames, a key frame each ``gop`` frames."""

    def make(name: str, *, gop: int) -> Path:
        path = tmp_path / name
        command = [require_tool("ffmpeg"), "-v", "error"]
        command += ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2"]
        command += ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2"]
        command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"]
        command += ["-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-bf", "3"]
        command += ["-x264-params", "b-adapt=0:scenecut=0", "-g", str(gop), "-c:a", "aac"]
        subprocess.run([*command, str(path)], check=True)
        return path

    return make


def cut_clip(source: Path, target: Path, encoding: EncodingSpec = FAST, **cut: float) -> list[str]:
    decoding = DecodingSpec(**cut)
    with (
        open_reader(source, decoding) as reader,
        open_writer(target, reader.info, encoding, copy_from=source, decoding=decoding) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer.warnings


@pytest.mark.parametrize("target", ["b.mkv", "b.mp4"])
@pytest.mark.parametrize("source", ["a.mkv", "a.mp4"])
def test_cut_keeps_sound_behind_a_picture_that_is_shown_later(
    make_pair: Callable[..., Path],
    audio_packets: Packets,
    tmp_path: Path,
    source: str,
    target: str,
) -> None:
    clip = make_pair(source, gop=5)
    cut_clip(clip, tmp_path / target, start_s=0.5, end_s=1.2)
    wanted = {data for time, data in audio_packets(clip) if 0.56 < time < 1.2}
    found = audio_packets(tmp_path / target)
    assert wanted <= {data for _, data in found}
    assert 0.7 - AUDIO_S - 0.01 < found[-1][0] < 0.7


def test_cut_keeps_every_picture_of_the_other_video_decodable(
    make_pair: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_pair("a.mkv", gop=5)
    cut_clip(clip, tmp_path / "b.mkv", start_s=0.5, end_s=1.2)
    with av.open(str(clip)) as container:
        wanted = {
            frame.to_ndarray().tobytes()
            for frame in container.decode(video=1)
            if 0.5 <= (frame.time or 0) - float(container.streams.video[1].start_time or 0) < 1.19
        }
    with av.open(str(tmp_path / "b.mkv")) as container:
        pictures = list(container.decode(video=1))
    assert not any(picture.is_corrupt for picture in pictures)
    assert wanted <= {picture.to_ndarray().tobytes() for picture in pictures}


def test_partial_file_keeps_sound_behind_a_picture_that_is_shown_later(
    make_pair: Callable[..., Path], audio_packets: Packets, tmp_path: Path
) -> None:
    clip = make_pair("a.mkv", gop=5)
    with open_reader(clip) as reader:
        frames = list(islice(reader, 30))
    writer = open_writer(tmp_path / "b.mkv", reader.info, FAST, copy_from=clip)
    for frame in frames:
        writer.write(frame)
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    end_s = float((frame.pts + frame.duration) * reader.info.time_base)
    last_s = audio_packets(tmp_path / "b.partial.mkv")[-1][0]
    assert end_s - AUDIO_S - 0.01 < last_s < end_s


@pytest.mark.parametrize(("target", "way"), [("b.mkv", "empty"), ("b.mp4", "left out")])
def test_video_without_a_key_frame_in_the_cut_is_named(
    make_pair: Callable[..., Path], tmp_path: Path, target: str, way: str
) -> None:
    clip = make_pair("a.mkv", gop=250)
    line = f"video stream 1 (h264) has no key frame within the cut and is {way}"
    assert line in cut_clip(clip, tmp_path / target, start_s=0.5, end_s=1.2)
    strict = EncodingSpec(preset="ultrafast", strict_streams=True)
    with pytest.raises(OutputError, match="has no key frame within the cut"):
        cut_clip(clip, tmp_path / f"strict_{target}", strict, start_s=0.5)
    first = cut_clip(clip, tmp_path / f"first_{target}", end_s=0.5)
    assert not [line for line in first if "key frame" in line]
