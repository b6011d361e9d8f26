"""Segments: the frames of one run over all, and a run that goes on where it was ended."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import Frame
from vsr_cli.media import VideoReader
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.segments import stretch
from vsr_cli.pipeline.segments.marks import mark
from vsr_cli.pipeline.segments.resume import ResumeReport, resume_video
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
Weights = tuple[Path, Path]
SAME = UpscaleSpec(model="bicubic", scale=1, device="cpu")
FFV1 = EncodingSpec(codec="ffv1")
X264 = EncodingSpec(codec="x264", crf=0, preset="ultrafast")
X265 = EncodingSpec(
    codec="x265", preset="ultrafast", codec_options=(("x265-params", "lossless=1"), ("bf", "3"))
)
VP9 = EncodingSpec(codec="vp9", preset="8", codec_options=(("lossless", "1"),))
# Of the file, not of what is in it; and what an encoder may do otherwise.
SIZES = {"filename", "size", "bit_rate", "BPS", "NUMBER_OF_BYTES", "probe_score"}


class Ended(KeyboardInterrupt):
    """As an interrupt from the keyboard."""


class StopAt(Listener):
    """Ends the run when so many frames are done; remembers how it began."""

    def __init__(self, number: int = 1 << 30) -> None:
        self.left = number
        self.warnings: tuple[str, ...] = ()

    def on_start(self, start: Start) -> None:
        self.warnings = start.warnings

    def on_frame(self, number: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise Ended


def hashes(tool: str, path: Path) -> list[str]:
    """Time, duration and digest of each decoded frame, as ffmpeg sees it."""
    command = [tool, "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split(",") for line in answer.splitlines() if not line.startswith("#")]
    return [",".join(part.strip() for part in line[2:]) for line in lines]


def document(tool: str, path: Path) -> dict[str, Any]:
    """All that ffprobe says of streams, tags and chapters, but for sizes in bytes."""
    command = [tool, "-v", "error", "-of", "json", "-show_streams", "-show_format"]
    answer = subprocess.run([*command, "-show_chapters", str(path)], capture_output=True)

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: cleaned(v) for k, v in value.items() if k not in SIZES}
        return [cleaned(v) for v in value] if isinstance(value, list) else value

    found: dict[str, Any] = cleaned(json.loads(answer.stdout))
    return found


def end_run(source: Path, target: Path, number: int, *args: Any, **settings: Any) -> None:
    """A run that is ended after so many frames."""
    with pytest.raises(Ended):
        resume_video(source, target, *args, listener=StopAt(number), **settings)
    assert not target.exists()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize(
    ("encoding", "name", "pix_fmt"),
    [
        (FFV1, "out.mkv", "yuv420p"),
        (FFV1, "out.mkv", "yuva420p"),
        (FFV1, "out.mp4", "yuv422p10le"),
        (X264, "out.mp4", "yuv420p"),
        (EncodingSpec(codec="x264", codec_options=(("qp", "0"),)), "out.mkv", "yuv444p10le"),
        (X265, "out.mp4", "yuv420p10le"),
        (VP9, "out.webm", "yuv420p"),
    ],
)
def test_lossless_codecs_give_the_frames_of_one_run(
    make_clip: Clip,
    require_tool: Tool,
    tmp_path: Path,
    encoding: EncodingSpec,
    name: str,
    pix_fmt: str,
) -> None:
    ffmpeg, ffprobe = require_tool("ffmpeg"), require_tool("ffprobe")
    steps = np.random.default_rng(1).choice([1800, 3600, 9000], 23).cumsum()
    pts = [int(tick) for tick in steps]
    source = make_clip("in.mkv", pts=pts, codec="ffv1", pix_fmt=pix_fmt, last_duration=5400)
    upscale_video(source, tmp_path / f"plain{name}", SAME, encoding)
    end_run(source, tmp_path / name, 14, SAME, encoding, segment_frames=5)
    report = resume_video(source, tmp_path / name, SAME, encoding, segment_frames=5)
    assert (report.frames, report.segments) == (23, 5)
    assert report.frames_kept in (5, 10)  # the writer holds a frame, and the listener is before it
    assert hashes(ffmpeg, tmp_path / name) == hashes(ffmpeg, tmp_path / f"plain{name}")
    ours, plain = (document(ffprobe, tmp_path / n) for n in (name, f"plain{name}"))
    assert ours == plain
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("length", [1, 4, 5, 6, 10])
def test_any_length_of_clip_and_border(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, length: int
) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(length)])
    target = tmp_path / "out.mp4"
    report = resume_video(source, target, SAME, X264, segment_frames=5)
    assert (report.frames, report.segments) == (length, -(-length // 5))
    upscale_video(source, tmp_path / "plain.mp4", SAME, X264)
    ffmpeg = require_tool("ffmpeg")
    assert hashes(ffmpeg, target) == hashes(ffmpeg, tmp_path / "plain.mp4")


@pytest.mark.parametrize("model", ["2d3d", "srnet3d+fsrcnn"])
def test_windows_reach_over_the_borders(
    random_weights: Weights, require_tool: Tool, tmp_path: Path, model: str
) -> None:
    source = _moving(require_tool("ffmpeg"), tmp_path / "in.mp4", size="16x16", frames=20)
    spec = UpscaleSpec(model=model, weights=random_weights, device="cpu", scene_threshold=0)
    upscale_video(source, tmp_path / "plain.mkv", spec, FFV1)
    for end in (4, 9):
        end_run(source, tmp_path / "out.mkv", end, spec, FFV1, segment_frames=4)
    report = resume_video(source, tmp_path / "out.mkv", spec, FFV1, segment_frames=4)
    assert report.frames_kept >= 4
    ffmpeg = require_tool("ffmpeg")
    assert hashes(ffmpeg, tmp_path / "out.mkv") == hashes(ffmpeg, tmp_path / "plain.mkv")
    alone = [hashes(ffmpeg, tmp_path / "out.mkv")[number] for number in (3, 4)]
    cut = DecodingSpec(start_s=4 / 25)
    upscale_video(source, tmp_path / "cut.mkv", spec, FFV1, cut)
    assert hashes(ffmpeg, tmp_path / "cut.mkv")[0].split(",")[-1] != alone[1].split(",")[-1]


def test_scene_cut_at_a_border_is_found_and_counted(
    random_weights: Weights, require_tool: Tool, tmp_path: Path
) -> None:
    tool = require_tool("ffmpeg")
    first = _moving(tool, tmp_path / "1.mkv", size="16x16", frames=8)
    second = _moving(tool, tmp_path / "2.mkv", size="16x16", frames=8, pattern="mandelbrot")
    source = tmp_path / "in.mkv"
    inputs = ["-i", str(first), "-i", str(second), "-filter_complex", "[0][1]concat=n=2"]
    subprocess.run([tool, "-v", "error", *inputs, "-c:v", "ffv1", str(source)], check=True)
    spec = UpscaleSpec(model="2d3d", weights=random_weights, device="cpu")
    plain = upscale_video(source, tmp_path / "plain.mkv", spec, FFV1)
    assert plain.scene_cuts == 1
    end_run(source, tmp_path / "out.mkv", 9, spec, FFV1, segment_frames=4)
    report = resume_video(source, tmp_path / "out.mkv", spec, FFV1, segment_frames=4)
    assert (report.scene_cuts, report.frames_kept) == (1, 8)
    assert hashes(tool, tmp_path / "out.mkv") == hashes(tool, tmp_path / "plain.mkv")


def test_lossy_codec_keeps_times_and_quality(require_tool: Tool, tmp_path: Path) -> None:
    tool = require_tool("ffmpeg")
    source = _moving(tool, tmp_path / "in.mp4", size="128x96", frames=90)
    spec = UpscaleSpec(model="bicubic", device="cpu")
    # With its lookahead x264 gives other bytes in each run, also without segments.
    encoding = EncodingSpec(preset="fast", codec_options=(("rc-lookahead", "0"),))
    upscale_video(source, tmp_path / "truth.mkv", spec, FFV1)
    upscale_video(source, tmp_path / "plain.mp4", spec, encoding)
    end_run(source, tmp_path / "out.mp4", 50, spec, encoding, segment_frames=30)
    resume_video(source, tmp_path / "out.mp4", spec, encoding, segment_frames=30)
    whole, parts = (
        _psnr(tool, tmp_path / name, tmp_path / "truth.mkv") for name in ("plain.mp4", "out.mp4")
    )
    assert parts > whole - 0.05
    times = [
        [line.split(",")[0] for line in hashes(tool, tmp_path / name)]
        for name in ("plain.mp4", "out.mp4")
    ]
    assert times[0] == times[1]
    resume_video(source, tmp_path / "again.mp4", spec, encoding, segment_frames=30)
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_cut_with_sound_is_that_of_one_run(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, name: str
) -> None:
    source = make_clip(
        "in.mp4", pts=[3600 * t + 900 for t in range(50)], audio_start=0.2, rotation=90
    )
    cut = DecodingSpec(start_s=0.5, end_s=1.5)
    upscale_video(source, tmp_path / f"plain{name}", SAME, X264, cut)
    end_run(source, tmp_path / name, 17, SAME, X264, cut, segment_frames=8)
    resume_video(source, tmp_path / name, SAME, X264, cut, segment_frames=8)
    ffmpeg, ffprobe = require_tool("ffmpeg"), require_tool("ffprobe")
    assert hashes(ffmpeg, tmp_path / name) == hashes(ffmpeg, tmp_path / f"plain{name}")
    assert document(ffprobe, tmp_path / name) == document(ffprobe, tmp_path / f"plain{name}")


@pytest.mark.parametrize(
    "name",
    [
        "testsrc_with_attachment.mkv",
        "sample_with_ass_subtitles.mkv",
        "sample_with_chapters.mp4",
        "sample_with_colr_mdcv_and_clli.mp4",
        "sample_sef_super_slow_motion.mp4",
        "dv-pal-interlaced.mov",
        "h265_10bits.mp4",
        "video_90.mov",
        "sample_h264.ts",
        "SAR-2by3.mp4",
        "webvtt.mkv",
    ],
)
@pytest.mark.slow
def test_real_files_are_those_of_one_run(
    shared_data: Path, require_tool: Tool, tmp_path: Path, name: str
) -> None:
    source = shared_data / "awkward" / name
    target = tmp_path / f"out{source.suffix if source.suffix in ('.mp4', '.mov') else '.mkv'}"
    plain = target.with_name(f"plain{target.suffix}")
    encoding = EncodingSpec(codec="x265", preset="ultrafast", crf=30)
    cut = DecodingSpec(end_s=2)
    whole = upscale_video(source, plain, SAME, encoding, cut)
    length = max(2, whole.frames // 5)
    end_run(source, target, whole.frames * 2 // 3, SAME, encoding, cut, segment_frames=length)
    report = resume_video(source, target, SAME, encoding, cut, segment_frames=length)
    assert report.frames_kept
    assert len(report.warnings) == len(whole.warnings)
    ffmpeg, ffprobe = require_tool("ffmpeg"), require_tool("ffprobe")
    times = [[line.split(",")[0] for line in hashes(ffmpeg, path)] for path in (target, plain)]
    assert times[0] == times[1]
    assert document(ffprobe, target) == document(ffprobe, plain)
    once = tmp_path / f"once{target.suffix}"
    resume_video(source, once, SAME, encoding, cut, segment_frames=length)
    assert hashes(ffmpeg, once) == hashes(ffmpeg, target)


def test_interlaced_frames_see_their_neighbours(require_tool: Tool, tmp_path: Path) -> None:
    tool = require_tool("ffmpeg")
    source = _moving(
        tool, tmp_path / "in.mkv", size="64x48", frames=30, filters="interlace", codec="ffv1"
    )
    decoding = DecodingSpec(deinterlace="bwdif")
    upscale_video(source, tmp_path / "plain.mkv", SAME, FFV1, decoding)
    end_run(source, tmp_path / "out.mkv", 8, SAME, FFV1, decoding, segment_frames=5)
    resume_video(source, tmp_path / "out.mkv", SAME, FFV1, decoding, segment_frames=5)
    assert hashes(tool, tmp_path / "out.mkv") == hashes(tool, tmp_path / "plain.mkv")


def test_height_and_back_projection_are_those_of_one_run(
    random_weights: Weights, require_tool: Tool, tmp_path: Path
) -> None:
    tool = require_tool("ffmpeg")
    source = _moving(tool, tmp_path / "in.mkv", size="32x24", frames=12)
    spec = UpscaleSpec(
        model="fsrcnn", weights=random_weights[:1], device="cpu", height=54, consistency=2
    )
    upscale_video(source, tmp_path / "plain.mkv", spec, FFV1)
    end_run(source, tmp_path / "out.mkv", 7, spec, FFV1, segment_frames=3)
    report = resume_video(source, tmp_path / "out.mkv", spec, FFV1, segment_frames=3)
    assert report.frames_kept
    assert hashes(tool, tmp_path / "out.mkv") == hashes(tool, tmp_path / "plain.mkv")


OPEN_GOP = "keyint=10:min-keyint=10:bframes=3:b-adapt=0:open-gop=1:scenecut=0"


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts"])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", ["-intra-refresh", "1", "-g", "10", "-bf", "0"]),
        ("libx264", ["-x264-params", OPEN_GOP]),
        ("libx265", ["-x265-params", f"log-level=none:{OPEN_GOP}"]),
    ],
)
def test_files_that_cannot_be_entered_anywhere(
    require_tool: Tool, tmp_path: Path, name: str, codec: str, options: list[str]
) -> None:
    tool = require_tool("ffmpeg")
    source = _moving(tool, tmp_path / name, size="64x48", frames=50, codec=codec, options=options)
    upscale_video(source, tmp_path / "plain.mkv", SAME, FFV1)
    for number in (22, 23):
        end_run(source, tmp_path / "out.mkv", number, SAME, FFV1, segment_frames=7)
    resume_video(source, tmp_path / "out.mkv", SAME, FFV1, segment_frames=7)
    assert hashes(tool, tmp_path / "out.mkv") == hashes(tool, tmp_path / "plain.mkv")


@pytest.mark.parametrize("is_always", [False, True])
def test_inexact_seeking_is_seen_and_all_is_decoded(
    make_clip: Clip,
    require_tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_always: bool,
) -> None:
    class Inexact(VideoReader):
        """Gives the right times and other pictures in the middle of a file."""

        def __init__(self, *args: Any, is_sought: bool = True, **settings: Any) -> None:
            super().__init__(*args, is_sought=is_sought, **settings)
            self.is_wrong = bool(settings) and (is_sought or is_always)

        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                planes = tuple(plane + 1 for plane in frame.planes)
                yield replace(frame, planes=planes) if self.is_wrong else frame

    source, target = make_clip("in.mp4", pts=[3600 * t for t in range(30)]), tmp_path / "out.mkv"
    end_run(source, target, 20, SAME, FFV1, segment_frames=7)
    monkeypatch.setattr(stretch, "VideoReader", Inexact)
    if is_always:
        with pytest.raises(InputError, match="does not give the frames that it gave before"):
            resume_video(source, target, SAME, FFV1, segment_frames=7)
        return
    assert resume_video(source, target, SAME, FFV1, segment_frames=7).frames_kept == 14
    upscale_video(source, tmp_path / "plain.mkv", SAME, FFV1)
    tool = require_tool("ffmpeg")
    assert hashes(tool, target) == hashes(tool, tmp_path / "plain.mkv")


def test_damaged_segment_alone_is_made_anew(
    random_weights: Weights, require_tool: Tool, tmp_path: Path
) -> None:
    tool = require_tool("ffmpeg")
    source = _moving(tool, tmp_path / "in.mp4", size="16x16", frames=24)
    spec = UpscaleSpec(model="2d3d", weights=random_weights, device="cpu", scene_threshold=0)
    upscale_video(source, tmp_path / "plain.mkv", spec, FFV1)
    target, listener = tmp_path / "out.mkv", StopAt()
    end_run(source, target, 22, spec, FFV1, segment_frames=4)
    (folder,) = tmp_path.glob(".out.mkv.*.resume")
    segments = sorted(folder.glob("*.segment"))
    assert len(segments) >= 4
    content = bytearray(segments[1].read_bytes())
    content[len(content) // 3] ^= 1
    segments[1].write_bytes(content)
    segments[3].write_bytes(segments[3].read_bytes()[:-100])
    report = resume_video(source, target, spec, FFV1, segment_frames=4, listener=listener)
    assert listener.warnings[-2:] == (
        "000001.segment is damaged and is made anew",
        "000003.segment is damaged and is made anew",
    )
    assert report.frames_kept == 4 * (len(segments) - 2)
    assert hashes(tool, target) == hashes(tool, tmp_path / "plain.mkv")


def test_work_of_other_settings_is_named_and_not_used(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    target, listener = tmp_path / "out.mp4", StopAt()
    end_run(source, target, 15, SAME, X264, segment_frames=5)
    (folder,) = tmp_path.glob(".out.mp4.*.resume")
    other = EncodingSpec(codec="x264", crf=20, preset="ultrafast")
    with pytest.raises(Ended):
        resume_video(source, target, SAME, other, segment_frames=5, listener=StopAt(7))
    again = UpscaleSpec(model="bicubic", scale=2, device="cpu")
    report = resume_video(source, target, again, X264, segment_frames=5, listener=listener)
    assert report.frames_kept == 0
    (line,) = [line for line in listener.warnings if "is not used" in line]
    assert "codec option crf" in line
    assert "scale" not in line
    assert "size" in line
    assert not folder.exists()
    assert leftovers(tmp_path) == []


def test_other_input_is_not_taken_for_the_first(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    target = tmp_path / "out.mp4"
    end_run(source, target, 15, SAME, X264, segment_frames=5)
    make_clip("in.mp4", pts=[3600 * t for t in range(21)])
    listener = StopAt()
    report = resume_video(source, target, SAME, X264, segment_frames=5, listener=listener)
    assert (report.frames, report.frames_kept) == (21, 0)
    assert any("has another input;" in line for line in listener.warnings)


def test_second_run_for_the_same_file_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    target = tmp_path / "out.mp4"

    class Second(Listener):
        def on_frame(self, number: int) -> None:
            if number == 1:
                with pytest.raises(OutputError, match="another run works on"):
                    resume_video(source, target, SAME, X264, segment_frames=5)

    report = resume_video(source, target, SAME, X264, segment_frames=5, listener=Second())
    assert report.frames == 20


def test_error_tells_what_is_kept_and_nothing_leaves_nothing(
    make_clip: Clip, tmp_path: Path
) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    target = tmp_path / "out.mp4"
    end_run(source, target, 3, SAME, X264, segment_frames=5)
    assert leftovers(tmp_path) == []
    with pytest.raises(Ended) as ended:
        resume_video(source, target, SAME, X264, segment_frames=5, listener=StopAt(12))
    (note,) = ended.value.__notes__
    assert "finished segments are kept in" in note
    (folder,) = tmp_path.glob(".out.mp4.*.resume")
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("name", ["out.gif", "out.y4m", "sr_%05d.png", "-"])
def test_outputs_without_packets_are_refused(make_clip: Clip, tmp_path: Path, name: str) -> None:
    source = make_clip("in.mp4")
    target = Path("-") if name == "-" else tmp_path / name
    with pytest.raises(ValueError, match="--resume writes video files"):
        resume_video(source, target, SAME)


def test_inputs_and_settings_that_cannot_be_resumed_are_refused(
    make_clip: Clip, tmp_path: Path
) -> None:
    source, target = make_clip("in.mp4"), tmp_path / "out.mp4"
    with pytest.raises(ValueError, match="needs a video file as input, not -"):
        resume_video(Path("-"), target, SAME)
    (tmp_path / "f_00001.png").touch()
    with pytest.raises(ValueError, match=r"needs a video file as input, not .*d\.png"):
        resume_video(tmp_path / "f_%05d.png", target, SAME)
    with pytest.raises(ValueError, match="--keep-partial is not for --resume"):
        resume_video(source, target, SAME, EncodingSpec(keep_partial=True))
    with pytest.raises(ValueError, match="needs the whole clip in one encoder"):
        resume_video(source, target, SAME, EncodingSpec(codec_options=(("flags", "+pass2"),)))
    with pytest.raises(ValueError, match="at least 2 frames"):
        resume_video(source, target, SAME, segment_frames=1)
    alpha = make_clip("alpha.mkv", codec="ffv1", pix_fmt="yuva420p")
    with pytest.raises(ValueError, match="keeps alpha beside its packets"):
        resume_video(alpha, tmp_path / "out.webm", SAME)
    assert leftovers(tmp_path) == []


def test_marks_tell_frames_apart(make_clip: Clip) -> None:
    reader, frames = stretch.open_at(make_clip("in.mp4"), DecodingSpec(), ())
    with reader:
        marks = [mark(frame) for frame in frames]
    assert len({found.digest for found in marks}) == 5


def _moving(
    tool: str,
    path: Path,
    *,
    size: str,
    frames: int,
    pattern: str = "testsrc2",
    filters: str = "noise=alls=12:allf=t",
    codec: str = "",
    options: list[str] | None = None,
) -> Path:
    source = ["-f", "lavfi", "-i", f"{pattern}=size={size}:rate=25"]
    shape = ["-frames:v", str(frames), "-vf", filters, "-pix_fmt", "yuv420p"]
    encoder = ["-c:v", codec or ("ffv1" if path.suffix == ".mkv" else "libx264")]
    command = [tool, "-v", "error", *source, *shape, *encoder, *(options or []), str(path)]
    subprocess.run(command, check=True)
    return path


def _psnr(tool: str, path: Path, truth: Path) -> float:
    command = [tool, "-hide_banner", "-i", str(path), "-i", str(truth)]
    answer = subprocess.run(
        [*command, "-lavfi", "psnr", "-f", "null", "-"], capture_output=True, text=True
    )
    return float(answer.stderr.partition("PSNR y:")[2].split()[0])


def _call(source: Path, target: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "vsr_cli", "upscale", str(source), str(target), "--json"]
    return [*command, "--model", "bicubic", "--scale", "2", "--resume", *options]


def _kill_at(command: list[str], moment_s: float) -> int:
    """Start a command and kill it some seconds after its first segment's part; its exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder, deadline = Path(command[5]).parent, time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if list(folder.glob(".*.resume/*")):
            break
        time.sleep(0.01)
    time.sleep(moment_s)
    process.send_signal(signal.SIGKILL)
    return process.wait(30)


def _check_kills(
    make_clip: Clip, ffmpeg: str, folder: Path, *, kills: int, frames: int, seed: int
) -> ResumeReport:
    """Kill runs at random moments; the last one must end with the file of a run left alone."""
    chance = random.Random(seed)
    source = make_clip("in.mp4", pts=[3600 * t for t in range(frames)], audio_start=0.1)
    options = ("--segment-frames", "40", "--codec", "ffv1", "--device", "cpu")
    once, target = folder / "once.mp4", folder / "out.mp4"
    spec = UpscaleSpec(model="bicubic", device="cpu")
    resume_video(source, once, spec, FFV1, segment_frames=40)
    for _ in range(kills):
        code = _kill_at(_call(source, target, *options), chance.uniform(0, 1.2))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert not target.exists()
    report = resume_video(source, target, spec, FFV1, segment_frames=40, overwrite=True)
    assert hashes(ffmpeg, target) == hashes(ffmpeg, once)
    assert target.read_bytes() == once.read_bytes()
    assert leftovers(folder) == []
    return report


def test_killed_run_goes_on(make_clip: Clip, require_tool: Tool, tmp_path: Path) -> None:
    tool = require_tool("ffmpeg")
    report = _check_kills(make_clip, tool, tmp_path, kills=1, frames=600, seed=3)
    assert report.frames == 600


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_run_killed_at_random_moments_goes_on(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, seed: int
) -> None:
    tool = require_tool("ffmpeg")
    report = _check_kills(make_clip, tool, tmp_path, kills=5, frames=4000, seed=seed)
    assert report.frames == 4000
