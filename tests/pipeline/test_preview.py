"""Previews: the frames of the whole run, read where they lie, as one picture."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import Frame, FrameReader
from vsr_cli.media import open_reader, shown_rgb
from vsr_cli.pipeline import seeking
from vsr_cli.pipeline.preview import GAP, preview_video
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
SIZE = (24, 16)
BICUBIC = UpscaleSpec(model="bicubic", device="cpu")
HALF = 0.51  # of a code, by which rounding differs from the exact value
COLOR_TOLERANCE = 3  # codes in the mean; FFmpeg's scaler interpolates chroma of its own accord


def write_clip(
    path: Path, pts: list[int], *, codec: str = "libx264", cuts: tuple[int, ...] = ()
) -> Path:
    """A ramp that moves slowly, with a new picture at each cut and a key frame every 8 frames.

    About: ffmpeg -f lavfi -i gradients=size=24x16 -c:v libx264 -g 8 PATH.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
        context.time_base, context.gop_size = Fraction(1, 90_000), 8
        for number, tick in enumerate(pts):
            shot = sum(cut <= number for cut in cuts)
            ramp = np.add.outer(3 * np.arange(SIZE[1] * 3 // 2), 4 * np.arange(SIZE[0]) + number)
            samples = (ramp if shot % 2 == 0 else 255 - ramp).clip(0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(samples, format="yuv420p")
            picture.pts, picture.time_base = tick, context.time_base
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def uneven(number: int) -> list[int]:
    return [int(t) for t in np.random.default_rng(3).choice([1800, 3600, 9000], number).cumsum()]


def rows_of(path: Path, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pairs of pictures of a preview, by imageio alone."""
    picture = iio.imread(path)
    height = (picture.shape[0] - (number - 1) * GAP) // number
    width = (picture.shape[1] - GAP) // 2
    tops = [index * (height + GAP) for index in range(number)]
    assert picture[:, width : width + GAP].min() == 255
    return [(picture[t : t + height, :width], picture[t : t + height, width + GAP :]) for t in tops]


def read(path: Path) -> tuple[FrameReader, list[Frame]]:
    with open_reader(path) as reader:
        return reader, list(reader)


@pytest.mark.parametrize(
    ("cut", "is_uneven", "threshold"),
    [
        ({}, False, 50.0),
        ({}, True, 0.0),
        ({"start_s": 0.4}, True, 50.0),
        ({"start_s": 0.31, "end_s": 0.9}, False, 0.0),
    ],
)
def test_frames_are_those_of_the_whole_run(
    random_weights: tuple[Path, Path],
    tmp_path: Path,
    cut: dict[str, float],
    is_uneven: bool,
    threshold: float,
) -> None:
    pts = uneven(24) if is_uneven else [3600 * t for t in range(32)]
    source = write_clip(tmp_path / "in.mp4", pts, cuts=(9, 11, 20))
    decoding = DecodingSpec(**cut)  # type: ignore[arg-type]
    spec = UpscaleSpec(
        weights=random_weights, device="cpu", batch_size=1, scene_threshold=threshold
    )
    report = preview_video(source, tmp_path / "p.png", 7, spec, decoding)
    assert (report.frames, len(report.times_s), report.warnings) == (7, 7, [])
    wholes = []
    for name, settings in (("left", BICUBIC), ("right", spec)):
        target = tmp_path / f"{name}.mkv"
        lossless = EncodingSpec(codec="ffv1")
        whole = upscale_video(source, target, settings, lossless, decoding)
        wholes.append(read(target))
    assert bool(whole.scene_cuts) == bool(threshold)
    with open_reader(source, decoding) as reader:
        times = [float((frame.pts - pts[0]) * reader.info.time_base) for frame in reader]
    for pair, time_s in zip(rows_of(tmp_path / "p.png", 7), report.times_s, strict=True):
        (number,) = (k for k, t in enumerate(times) if abs(t - time_s) < 1e-5)
        for picture, (written, frames) in zip(pair, wholes, strict=True):
            np.testing.assert_array_equal(picture, shown_rgb(frames[number], written.info))


def test_interlaced_frames_are_those_of_the_whole_run(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "awkward" / "dv-pal-interlaced.mov"
    spec = UpscaleSpec(model="bicubic", scale=1, device="cpu")
    report = preview_video(source, tmp_path / "p.png", 3, spec)
    upscale_video(source, tmp_path / "whole.mkv", spec, EncodingSpec(codec="ffv1"))
    written, frames = read(tmp_path / "whole.mkv")
    for (left, _), time_s in zip(rows_of(tmp_path / "p.png", 3), report.times_s, strict=True):
        np.testing.assert_array_equal(left, shown_rgb(frames[round(time_s * 25)], written.info))


def test_frames_are_spread_evenly(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [3600 * t for t in range(100)])
    report = preview_video(source, tmp_path / "p.png", 4, BICUBIC)
    assert report.times_s == [0.48, 1.48, 2.48, 3.48]
    report = preview_video(
        source, tmp_path / "q.png", 2, BICUBIC, DecodingSpec(start_s=1.0, end_s=2.0)
    )
    assert report.times_s == [1.24, 1.72]
    assert (report.width, report.height) == (4 * SIZE[0] + GAP, 4 * SIZE[1] + GAP)


def test_only_what_is_shown_is_read(
    random_weights: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", [3600 * t for t in range(400)])
    frames_read: list[int] = []
    packets_read: list[int] = []

    class Counting:
        def __init__(self, *args: object) -> None:
            self.reader = open_reader(*args)  # type: ignore[arg-type]
            self.info, self.warnings = self.reader.info, self.reader.warnings

        def __iter__(self) -> Iterator[Frame]:
            return iter(self.reader)

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *error: object) -> None:
            frames_read.append(self.reader.frames_read)
            packets_read.append(self.reader.packets_read)  # type: ignore[attr-defined]
            self.reader.close()  # type: ignore[attr-defined]

    monkeypatch.setattr(seeking, "open_reader", Counting)
    spec = UpscaleSpec(weights=random_weights, device="cpu")
    preview_video(source, tmp_path / "p.png", 3, spec)
    assert len(frames_read) == 4  # the beginning, and three places
    assert sum(frames_read) < 40
    assert sum(packets_read) < 4 * 60  # two groups of eight, and what the decoder holds


@pytest.mark.parametrize(
    ("tags", "kr", "kb", "is_full"),
    [
        ((1, 1, 1, 1), 0.2126, 0.0722, False),
        ((1, 6, 6, 6), 0.299, 0.114, False),
        ((2, 1, 1, 1), 0.2126, 0.0722, True),
        ((0, 2, 2, 2), 0.299, 0.114, False),
    ],
)
def test_colors_are_those_of_the_standards(
    make_clip: Clip,
    tmp_path: Path,
    tags: tuple[int, int, int, int],
    kr: float,
    kb: float,
    is_full: bool,
) -> None:
    """ITU-T H.273, equations 17 to 26 and 38 to 43, in float64; and those of a screen, rounded."""
    source = make_clip("in.mkv", codec="ffv1", pix_fmt="yuv444p", tags=tags, pts=(0,))
    preview_video(source, tmp_path / "p.png", 1, UpscaleSpec(model="bicubic", scale=1))
    ((left, right),) = rows_of(tmp_path / "p.png", 1)
    with av.open(str(source)) as container:
        y, u, v = next(container.decode(video=0)).to_ndarray().astype(float)
    low, gain, chroma_gain = (0, 1, 1) if is_full else (16, 255 / 219, 255 / 224)
    y, u, v = (y - low) * gain, (u - 128) * chroma_gain, (v - 128) * chroma_gain
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    exact = np.stack([red, green, blue], axis=-1).clip(0, 255)
    assert np.abs(left - exact).max() <= HALF
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", ["video_90.mov", "video_180.mov", "sample_rotate_and_reflect.mp4"])
def test_picture_is_turned_as_a_player_does(
    shared_data: Path, require_tool: Tool, tmp_path: Path, name: str
) -> None:
    source = shared_data / "awkward" / name
    # The end of the cut leaves the first frame alone.
    first = DecodingSpec(end_s=0.001)
    preview_video(source, tmp_path / "p.png", 1, UpscaleSpec(model="bicubic", scale=1), first)
    ((left, _),) = rows_of(tmp_path / "p.png", 1)
    expected = by_ffmpeg(require_tool("ffmpeg"), source)
    assert left.shape == expected.shape
    # Chroma is halved here, and interpolated otherwise by the other version.
    assert np.abs(left.astype(int) - expected).mean() < COLOR_TOLERANCE
    assert np.abs(left[::-1].astype(int) - expected).mean() > 2 * COLOR_TOLERANCE


@pytest.mark.parametrize(
    ("pix_fmt", "expected"),
    [("gray", lambda y: y), ("gray16le", lambda y: np.round(y.astype(float) / 257))],
)
def test_gray_is_shown_as_gray(
    make_clip: Clip, tmp_path: Path, pix_fmt: str, expected: Callable[[np.ndarray], np.ndarray]
) -> None:
    source = make_clip("in.mkv", codec="ffv1", pix_fmt=pix_fmt, pts=(0,))
    preview_video(source, tmp_path / "p.png", 1, UpscaleSpec(model="bicubic", scale=1))
    ((left, _),) = rows_of(tmp_path / "p.png", 1)
    with av.open(str(source)) as container:
        stored = next(container.decode(video=0)).to_ndarray()
    for channel in range(3):
        np.testing.assert_array_equal(left[..., channel], expected(stored))


def test_what_is_transparent_lies_over_gray(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mkv", codec="ffv1", pix_fmt="gbrap12le", pts=(0,))
    preview_video(source, tmp_path / "p.png", 1, UpscaleSpec(model="bicubic", scale=1))
    ((left, _),) = rows_of(tmp_path / "p.png", 1)
    _, (frame,) = read(source)
    green, _, red, alpha = (plane.numpy().astype(float) / 4095 for plane in frame.planes)
    for channel, samples in ((0, red), (1, green)):
        expected = 255 * samples * alpha + 128 * (1 - alpha)
        assert np.abs(left[..., channel] - expected).max() <= 2  # 12 bits to 8, and 8 bits again


def test_short_clip_gives_the_frames_that_it_has(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [0, 3600, 7200])
    report = preview_video(source, tmp_path / "p.png", 8, BICUBIC)
    assert report.times_s == [0.0, 0.04, 0.08]
    (warning,) = report.warnings
    assert warning.startswith("the preview has 3 frames, not 8")


def test_clip_without_a_length_is_read_to_its_end(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [3600 * t for t in range(30)])
    bare = tmp_path / "in.264"
    with av.open(str(tmp_path / "in.mp4")) as source, av.open(str(bare), "w", "h264") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    report = preview_video(bare, tmp_path / "p.png", 3, BICUBIC)
    times = report.times_s
    assert len(set(times)) == 3
    assert np.allclose(np.diff(times), times[-1] - times[1], atol=0.05)


def test_sound_that_is_longer_than_the_pictures_does_no_harm(
    make_clip: Clip, tmp_path: Path
) -> None:
    """Matroska tells only how long the file is; what lies behind the last frame is that frame."""
    short = make_clip("short.mp4", pts=[3600 * t for t in range(10)], audio_start=0.0)
    source = tmp_path / "in.mkv"
    with av.open(str(short)) as first, av.open(str(source), "w") as output:
        video = output.add_stream_from_template(first.streams.video[0])
        audio = output.add_stream_from_template(first.streams.audio[0])
        for packet in first.demux():
            if packet.size and packet.stream.type == "video":
                packet.stream = video
                output.mux(packet)
            elif packet.size:
                packet.pts = packet.dts = (packet.pts or 0) * 9
                packet.stream = audio
                output.mux(packet)
    report = preview_video(source, tmp_path / "p.png", 5, BICUBIC)
    assert report.times_s[-1] == pytest.approx(0.36)
    assert report.frames < 5
    assert "not 5" in report.warnings[-1]


def _run(*args: object) -> Result:
    return CliRunner().invoke(main, ["upscale", *map(str, args)])


def test_command_prints_the_times_and_writes_one_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [3600 * t for t in range(20)])
    target = tmp_path / "p.png"
    args = [source, target, "--preview", 2, "--model", "bicubic"]
    result = _run(*args, "--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert (report["frames"], report["times_s"], report["scale"]) == (2, [0.2, 0.6], 2)
    assert iio.imread(target).shape == (report["height"], report["width"], 3)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "p.png"}
    result = _run(*args, "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{target}: 2 frames with bicubic x2 on cpu fp32 in ")
    assert "2/2" in result.stderr


BAD_INPUT: dict[str, tuple[list[str], int, str]] = {
    "extension": (["in.mp4", "o.mp4", "--preview", "2"], 2, "a name that ends in .png"),
    "exists": (["in.mp4", "there.png", "--preview", "2"], 1, "exists; give --overwrite"),
    "folder": (["in.mp4", "no/o.png", "--preview", "2"], 1, "folder no does not exist"),
    "encoder": (["in.mp4", "o.png", "--preview", "2", "--crf", "9"], 2, "--preview writes a PNG"),
    "number": (["in.mp4", "o.png", "--preview", "0"], 2, "0 is not in the range"),
    "model": (["in.mp4", "o.png", "--preview", "2", "--model", "x"], 2, "unknown model"),
    "input": (["no.mp4", "o.png", "--preview", "2"], 1, "no.mp4 does not exist"),
    "pipe": (["-", "o.png", "--preview", "2"], 2, "which must be a file"),
    "after": (["in.mp4", "o.png", "--preview", "2", "--start", "9"], 1, "no frame lies between"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_writes_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args, code, words = BAD_INPUT[case]
    write_clip(tmp_path / "in.mp4", [0, 3600])
    (tmp_path / "there.png").write_bytes(b"mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    result = _run(*args, *([] if "--model" in args else ["--model", "bicubic"]), "--quiet")
    assert words in result.stderr
    assert result.exit_code == code
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_failing_run_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [0, 3600])
    with pytest.raises(InputError, match="no frame lies between"):
        preview_video(source, tmp_path / "p.png", 1, BICUBIC, DecodingSpec(start_s=5.0))
    (tmp_path / "p.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        preview_video(source, tmp_path / "p.png", 1, BICUBIC)
    with pytest.raises(ValueError, match="at least 1 frame, got 0"):
        preview_video(source, tmp_path / "q.png", 0, BICUBIC)
    with pytest.raises(ValueError, match="at most 100 frames, got 101"):
        preview_video(source, tmp_path / "q.png", 101, BICUBIC)
    assert (tmp_path / "p.png").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "p.png"}


def by_ffmpeg(ffmpeg: str, source: Path) -> np.ndarray:
    """The first frame as the program ffmpeg shows it, turned as the file says."""
    flags = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    command = [ffmpeg, "-v", "error", "-i", str(source), "-frames:v", "1", "-sws_flags", flags]
    command += ["-pix_fmt", "rgb24", "-f", "image2pipe", "-c:v", "png", "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return iio.imread(data, extension=".png")
