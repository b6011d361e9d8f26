"""Bicubic at scale 1 with a lossless codec changes no bit, as another decoder sees it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

Tool = Callable[[str], str]
SAME = UpscaleSpec(model="bicubic", scale=1, device="cpu")
FFV1 = EncodingSpec(codec="ffv1")
FORMATS = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le"),
    *("yuv420p12le", "yuv422p12le", "yuv444p12le", "yuv444p16le"),
    *("gray", "gray10le", "gray12le", "gray16le"),
    *("gbrp", "gbrp10le", "gbrp12le", "gbrp16le"),
    *("yuva420p", "yuva444p10le", "gbrap", "gbrap16le"),
]
X264 = EncodingSpec(codec="x264", crf=0, preset="ultrafast")
X265 = EncodingSpec(
    codec="x265", preset="ultrafast", codec_options=(("x265-params", "lossless=1"),)
)
VP9 = EncodingSpec(codec="vp9", codec_options=(("lossless", "1"),))


def make(tool: str, path: Path, pix_fmt: str, *options: str, size: str = "70x50") -> Path:
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration=0.5"]
    noise = ["-vf", "noise=alls=40:allf=t", "-pix_fmt", pix_fmt]
    codec = ["-c:v", "ffv1", "-level", "3"]
    subprocess.run([tool, "-v", "error", *source, *noise, *codec, *options, str(path)], check=True)
    return path


def frame_hashes(tool: str, path: Path, pix_fmt: str) -> list[str]:
    """Of each decoded frame in this format, as ffmpeg sees it."""
    command = [tool, "-v", "error", "-i", str(path), "-map", "0:v:0", "-pix_fmt", pix_fmt]
    command += ["-f", "framemd5", "-"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in answer.splitlines() if not line.startswith("#")]
    return [line.split(",")[-1].strip() for line in lines]


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_every_format_comes_out_as_it_was(require_tool: Tool, tmp_path: Path, pix_fmt: str) -> None:
    tool = require_tool("ffmpeg")
    source = make(tool, tmp_path / "in.mkv", pix_fmt)
    report = upscale_video(source, tmp_path / "out.mkv", SAME, FFV1)
    assert report.warnings == []
    before = frame_hashes(tool, source, pix_fmt)
    assert len(set(before)) == 5
    assert frame_hashes(tool, tmp_path / "out.mkv", pix_fmt) == before


@pytest.mark.parametrize("color_range", ["pc", "tv"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p10le"])
def test_range_is_a_tag_and_changes_no_code(
    require_tool: Tool, tmp_path: Path, pix_fmt: str, color_range: str
) -> None:
    tool = require_tool("ffmpeg")
    source = make(tool, tmp_path / "in.mkv", pix_fmt, "-color_range", color_range)
    upscale_video(source, tmp_path / "out.mkv", SAME, FFV1)
    # An output of its own range lets ffmpeg convert nothing.
    for path in (source, tmp_path / "out.mkv"):
        probe = [require_tool("ffprobe"), "-v", "error", "-show_entries", "stream=color_range"]
        answer = subprocess.run(
            [*probe, "-of", "csv=p=0", str(path)], capture_output=True, text=True
        )
        assert answer.stdout.strip() == color_range
    assert frame_hashes(tool, source, pix_fmt) == frame_hashes(tool, tmp_path / "out.mkv", pix_fmt)


@pytest.mark.parametrize(
    ("encoding", "name", "pix_fmt"),
    [
        (X264, "out.mp4", "yuv420p"),
        (X264, "out.mov", "yuv422p"),
        (X264, "out.mkv", "yuv444p"),
        (EncodingSpec(codec="x264", codec_options=(("qp", "0"),)), "out.mp4", "yuv444p10le"),
        (X264, "out.mp4", "gray"),
        (X265, "out.mp4", "yuv420p10le"),
        (X265, "out.mkv", "yuv444p12le"),
        (X265, "out.mp4", "gbrp"),
        (VP9, "out.webm", "yuv420p"),
        (VP9, "out.webm", "gbrp"),
    ],
)
def test_lossless_modes_of_lossy_codecs_are_exact_too(
    require_tool: Tool, tmp_path: Path, encoding: EncodingSpec, name: str, pix_fmt: str
) -> None:
    tool = require_tool("ffmpeg")
    source = make(tool, tmp_path / "in.mkv", pix_fmt)
    upscale_video(source, tmp_path / name, SAME, encoding)
    assert frame_hashes(tool, tmp_path / name, pix_fmt) == frame_hashes(tool, source, pix_fmt)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gbrp"])
def test_odd_size_is_exact_where_the_codec_takes_it(
    require_tool: Tool, tmp_path: Path, pix_fmt: str
) -> None:
    tool = require_tool("ffmpeg")
    source = make(tool, tmp_path / "in.mkv", pix_fmt, size="71x49")
    upscale_video(source, tmp_path / "out.mkv", SAME, FFV1)
    assert frame_hashes(tool, tmp_path / "out.mkv", pix_fmt) == frame_hashes(tool, source, pix_fmt)
