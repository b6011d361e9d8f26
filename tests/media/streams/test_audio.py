"""Audio in another codec: every channel in its place, or an error before the first frame."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_cli.media import open_reader, open_writer
from vsr_cli.specs import EncodingSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
PTS = [3600 * n for n in range(25)]


@pytest.fixture
def make_layout(make_clip: Clip, require_tool: Tool, tmp_path: Path) -> Callable[..., Path]:
    """Makes a clip of which each channel of the audio is a tone of its own."""

    def make(name: str, codec: str, layout: str, num_channels: int) -> Path:
        tones = [f"sine=f={100 + 90 * n}:d=1[t{n}]" for n in range(num_channels)]
        inputs = "".join(f"[t{n}]" for n in range(num_channels))
        join = f"{inputs}join=inputs={num_channels}:channel_layout={layout}[a]"
        command = [require_tool("ffmpeg"), "-v", "error", "-i", str(make_clip("v.mkv", pts=PTS))]
        command += ["-filter_complex", ";".join([*tones, join]), "-map", "0:v", "-map", "[a]"]
        command += ["-c:v", "copy", "-c:a", codec, "-sample_fmt", "s16", str(tmp_path / name)]
        subprocess.run(command, check=True)
        return tmp_path / name

    return make


def encode_audio(source: Path, target: Path, codec: str) -> list[str]:
    """What the pipeline does, without a model in the middle; returns the warnings."""
    preset = "8" if target.suffix == ".webm" else "ultrafast"
    encoding = EncodingSpec(preset=preset, audio_codec=codec)
    with (
        open_reader(source) as reader,
        open_writer(target, reader.info, encoding, copy_from=source) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer.warnings


def samples(ffmpeg: str, path: Path) -> bytes:
    command = [ffmpeg, "-v", "error", "-i", str(path), "-map", "0:a", "-f", "s16le", "-"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def layout_of(ffprobe: str, path: Path) -> str:
    command = [ffprobe, "-v", "error", "-select_streams", "a", "-of", "csv=p=0"]
    command += ["-show_entries", "stream=channel_layout", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_side_channels_become_back_channels_sample_by_sample(
    make_layout: Callable[..., Path], require_tool: Tool, tmp_path: Path
) -> None:
    clip = make_layout("side.mkv", "flac", "5.1(side)", 6)
    (warning,) = encode_audio(clip, tmp_path / "out.mov", "alac")
    assert warning.endswith("is encoded anew with alac as 5.1 instead of 5.1(side)")
    assert layout_of(require_tool("ffprobe"), tmp_path / "out.mov") == "5.1"
    ffmpeg = require_tool("ffmpeg")
    assert samples(ffmpeg, tmp_path / "out.mov") == samples(ffmpeg, clip) != b""


@pytest.mark.parametrize(
    ("layout", "num_channels", "arrived"),
    [("5.1(side)", 6, "5.1"), ("quad(side)", 4, "quad"), ("5.0(side)", 5, "5.0")],
)
def test_opus_takes_layouts_that_it_knows_by_another_name(
    make_layout: Callable[..., Path],
    require_tool: Tool,
    tmp_path: Path,
    layout: str,
    num_channels: int,
    arrived: str,
) -> None:
    clip = make_layout("side.mkv", "flac", layout, num_channels)
    (warning,) = encode_audio(clip, tmp_path / "out.webm", "opus")
    assert f"as {arrived} instead of {layout}" in warning
    assert layout_of(require_tool("ffprobe"), tmp_path / "out.webm") == arrived


def test_channels_without_names_are_taken_as_usual(
    make_layout: Callable[..., Path], require_tool: Tool, tmp_path: Path
) -> None:
    clip = make_layout("pcm.mkv", "pcm_s16le", "5.1", 6)
    ffprobe = require_tool("ffprobe")
    assert layout_of(ffprobe, clip) == "unknown"
    (warning,) = encode_audio(clip, tmp_path / "out.webm", "opus")
    assert warning.endswith("is encoded anew with libopus at 48000 Hz instead of 44100 Hz")
    assert layout_of(ffprobe, tmp_path / "out.webm") == "5.1"


def test_layout_that_the_codec_has_not_is_refused_at_once(
    make_layout: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_layout("odd.mkv", "flac", "2.1", 3)
    message = r"audio codec libopus cannot encode stream 1 \(2\.1, 48000 Hz\); try another"
    with pytest.raises(ValueError, match=message):
        encode_audio(clip, tmp_path / "out.webm", "opus")
    assert not (tmp_path / "out.webm").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["info", "odd.mov"], 0, "7 channels"),
        (["upscale", "odd.mov", "out.webm", "--model", "bicubic"], 0, "left out"),
        (
            ["upscale", "odd.mov", "out.webm", "--model", "bicubic", "--audio-codec", "opus"],
            2,
            "libopus cannot encode stream 1 (7 channels",
        ),
    ],
    ids=["info", "left out", "refused"],
)
def test_channels_in_an_order_of_their_own_do_not_end_the_process(
    make_layout: Callable[..., Path],
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    """PyAV frees such a layout twice, which only another process survives."""
    make_layout("odd.mov", "pcm_s16le", "6.1", 7)
    files = {name: str(tmp_path / name) for name in ("odd.mov", "out.webm")}
    command = [sys.executable, "-m", "vsr_cli", *(files.get(word, word) for word in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
