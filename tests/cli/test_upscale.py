"""vsr upscale: words to a run, its report, and bad input in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]
REPORT_KEYS = [
    *["input", "output", "model", "scale", "domain", "device", "precision"],
    *["frames", "width", "height", "frames_expected", "seconds", "fps", "stages", "scene_cuts"],
    *["warnings", "peak_rss_mb"],
]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["upscale", *map(str, args)])


def test_json_is_one_document(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4")
    result = _run(source, tmp_path / "o.mp4", "--model", "bicubic", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report) == REPORT_KEYS
    assert (report["frames"], report["frames_expected"], report["scene_cuts"]) == (5, 5, None)
    assert list(report["stages"]) == ["decode_s", "model_s", "encode_s"]


def test_summary_is_one_line_and_progress_goes_to_stderr(make_clip: Clip, tmp_path: Path) -> None:
    result = _run(make_clip("in.mp4"), tmp_path / "o.mp4", "--model", "bicubic", "--scale", "3")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'o.mp4'}: 5 frames of 192x144 with bicubic x3 on ")
    assert "bicubic x3 on " in result.stderr
    assert "5/5" in result.stderr


def test_quiet_keeps_stderr_empty(make_clip: Clip, tmp_path: Path) -> None:
    result = _run(make_clip("in.mp4"), tmp_path / "o.mp4", "--model", "bicubic", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")


def test_own_weights_and_their_warning(
    make_clip: Clip, random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    args = ["--model", "bicubic+srnet3d", "--weights", random_weights[1], "--json"]
    result = _run(make_clip("in.mp4"), tmp_path / "o.mp4", *args)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["model"], report["domain"]) == ("bicubic+srnet3d", None)
    (warning,) = report["warnings"]
    assert "trained behind other 2D weights" in warning
    assert f"Warning: {warning}" in result.stderr


BAD_INPUT = {
    "missing": (["no.mp4", "o.mp4"], 1, "no.mp4 does not exist"),
    "no video": (["text.mp4", "o.mp4"], 1, "text.mp4 is not a video"),
    "empty": (["zero.mp4", "o.mp4"], 1, "zero.mp4 is empty"),
    "folder": ([".", "o.mp4"], 1, "holds no PNG"),
    "unknown model": (["in.mp4", "o.mp4", "--model", "foo"], 2, "unknown model 'foo': known are"),
    "unknown scale": (["in.mp4", "o.mp4", "--model", "fsrcnn", "--scale", "7"], 2, "no scale 7"),
    "no weights": (
        ["in.mp4", "o.mp4", "--model", "vdsr", "--scale", "4", "--domain", "mars"],
        1,
        "no released weights for vdsr x4 of domain 'mars'; there are:",
    ),
    "no folder": (["in.mp4", "no/o.mp4"], 1, "folder no does not exist"),
    "exists": (["in.mp4", "text.mp4"], 1, "text.mp4 exists; give --overwrite"),
    "itself": (["in.mp4", "in.mp4", "--overwrite"], 2, "is the input"),
    "extension": (["in.mp4", "o.xyz"], 2, "no container fits"),
    "no extension": (["in.mp4", "o"], 2, "no container fits"),
    "device": (["in.mp4", "o.mp4", "--device", "tpu"], 2, "device must be auto, cpu, cuda"),
    "scale 0": (["in.mp4", "o.mp4", "--scale", "0"], 2, "scale must be at least 1"),
    "crf": (["in.mp4", "o.mp4", "--crf", "99"], 2, "crf must be in 0..63"),
    "codec": (["in.mp4", "o.mp4", "--codec", "nope"], 2, "codec 'nope' is unknown"),
    "pix-fmt": (["in.mp4", "o.mp4", "--pix-fmt", "nope"], 2, "cannot hold pixel format 'nope'"),
    "tile": (["in.mp4", "o.mp4", "--tile", "3"], 2, "tile must be 0"),
    "threshold": (["in.mp4", "o.mp4", "--scene-threshold", "200"], 2, "must be 0 to 100"),
    "tolerate": (["in.mp4", "o.mp4", "--tolerate", "-1"], 2, "tolerate must be at least 0"),
    "start after end": (["in.mp4", "o.mp4", "--start", "3", "--end", "2"], 2, "later than start"),
    "start below 0": (["in.mp4", "o.mp4", "--start", "-1"], 2, "start must be at least 0"),
    "start nan": (["in.mp4", "o.mp4", "--start", "nan"], 2, "start must be at least 0 seconds"),
    "end nan": (["in.mp4", "o.mp4", "--end", "nan"], 2, "end must be finite"),
    "start too late": (["in.mp4", "o.mp4", "--start", "1e30"], 2, "at most 1e+09 seconds"),
    "end too late": (["in.mp4", "o.mp4", "--end", "1e30"], 2, "at most 1e+09 seconds"),
    "end inf": (["in.mp4", "o.mp4", "--end", "inf"], 2, "end must be finite"),
    "after the clip": (["in.mp4", "o.mp4", "--start", "99"], 1, "no frame lies between"),
    "weights": (["in.mp4", "o.mp4", "--weights", "text.mp4"], 1, "not a safetensors file"),
    "precision": (["in.mp4", "o.mp4", "--precision", "int8"], 2, "is not one of 'auto', 'fp32'"),
    "nothing enlarges": (["in.mp4", "o.mp4", "--model", "srnet3d"], 2, "0 stages that enlarge"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_nothing_is_written(
    case: str, make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args, code, words = BAD_INPUT[case]
    make_clip("in.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "zero.mp4").touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    result = _run(*args, *([] if "--model" in args else ["--model", "bicubic"]), "--quiet")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert result.exit_code == code
    assert result.stdout == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_missing_gpu_is_an_error(make_clip: Clip, tmp_path: Path) -> None:
    args = ["--model", "bicubic", "--device", "cuda", "--quiet"]
    result = _run(make_clip("in.mp4"), tmp_path / "o.mp4", *args)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "device cuda is not there" in result.stderr


def test_truncated_file_is_taken_where_that_is_tolerated(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mkv", pts=[3600 * t for t in range(40)], options={"g": "5"})
    source.write_bytes(source.read_bytes()[:-2000])
    args = [source, tmp_path / "o.mkv", "--model", "bicubic", "--json"]
    refused = _run(*args)
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert "is truncated: at least 2000 bytes" in refused.stderr
    assert not (tmp_path / "o.mkv").exists()
    taken = _run(*args, "--tolerate", "1")
    assert taken.exit_code == 0, taken.stderr
    report = json.loads(taken.stdout)
    assert 0 < report["frames"] < 40
    (warning,) = [w for w in report["warnings"] if "truncated" in w]
    assert f"Warning: {warning}" in taken.stderr


def test_empty_name_is_refused() -> None:
    result = CliRunner().invoke(main, ["upscale", "", "o.mp4"])
    assert result.exit_code == 2
    assert "must not be empty" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_run_leaves_no_target(make_clip: Clip, tmp_path: Path, number: int) -> None:
    source = make_clip("in.mp4", pts=[900 * t for t in range(4000)])
    target = tmp_path / "o.mp4"
    command = [sys.executable, "-m", "vsr_cli", "upscale", str(source), str(target)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--model", "bicubic", "--scale", "4"],
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".o.mp4*")) and time.monotonic() < deadline:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(number)
    assert process.wait(30) == (-number if number == signal.SIGKILL else 130)
    assert not target.exists()
    result = _run(source, target, "--model", "bicubic", "--end", "0.05", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "o.mp4"}


def test_strict_streams_fails_in_one_line_and_writes_nothing(
    make_clip: Clip, tmp_path: Path
) -> None:
    source = make_clip("in.mkv", audio_start=0.0)
    args = [source, tmp_path / "o.webm", "--model", "bicubic", "--quiet"]
    result = _run(*args, "--strict-streams")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "not every stream is kept: audio stream 1 (aac) cannot be held" in line
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    result = _run(*args, "--strict-streams", "--audio-codec", "opus", "--json")
    assert result.exit_code == 0, result.stderr
    (warning,) = json.loads(result.stdout)["warnings"]
    assert "audio stream 1 (aac) is encoded anew with libopus" in warning


def test_unknown_audio_codec_is_a_usage_error(make_clip: Clip, tmp_path: Path) -> None:
    args = [make_clip("in.mkv"), tmp_path / "o.mp4", "--model", "bicubic"]
    result = _run(*args, "--audio-codec", "nonsense")
    assert result.exit_code == 2
    assert "audio codec 'nonsense' is unknown; try one of aac, opus" in result.stderr


def test_tags_that_pictures_cannot_hold_are_named(
    make_clip: Clip, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """A title is not lost without a word; the time of creation alone is not worth one."""
    clip = make_clip("in.mkv", codec="ffv1")
    titled, dated = tmp_path / "titled.mkv", tmp_path / "dated.mkv"
    for path, tag in ((titled, "title=Dew"), (dated, "creation_time=2026-01-01T00:00:00Z")):
        command = [require_tool("ffmpeg"), "-v", "error", "-i", clip, "-c", "copy"]
        subprocess.run([*map(str, command), "-metadata", tag, str(path)], check=True)
    for source, is_named in ((titled, True), (dated, False)):
        output = tmp_path / f"{source.stem}.gif"
        result = _run(source, output, "--model", "bicubic", "--device", "cpu")
        assert result.exit_code == 0, result.stderr
        assert ("a .gif file holds no tags: title left out" in result.stderr) == is_named
