"""VMAF through FFmpeg: what goes in and what comes out, by a stand-in program and by the real one.

The stand-in checks its arguments, reads the pictures, and writes a log as libvmaf does.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli.errors import MissingProgramError, NumericalError
from vsr_cli.metrics import ClipAccumulator, Vmaf
from vsr_cli.metrics.vmaf import find_ffmpeg, read_log, vmaf_command

HEIGHT, WIDTH = 17, 23  # odd: nothing is rounded to even sides
STAND_IN = """
import json, pathlib, sys
import numpy as np
mode, words = {mode!r}, sys.argv[1:]
if "-filters" in words:
    print(" ... libvmaf           VV->V      Calculate the VMAF between two video streams.")
    sys.exit()
if mode == "fails":
    print("first line", file=sys.stderr)
    print("no model could be loaded", file=sys.stderr)
    sys.exit(1)
given = dict(zip(words, words[1:]))
assert given["-f"] == "null" and given["-i"] == "pipe:0" and given["-pix_fmt"] == "yuv444p", words
width, height = map(int, given["-s"].split("x"))
assert (width, height) == ({width}, 2 * {height}), words
graph = given["-filter_complex"]
assert "crop=%d:%d:0:0[truth]" % (width, height // 2) in graph
assert "crop=%d:%d:0:%d[result]" % (width, height // 2, height // 2) in graph
assert graph.endswith("[result][truth]libvmaf=log_fmt=json:log_path=vmaf.json"), graph
data = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 3, height, width)
assert (data[:, 1:] == 128).all()
pathlib.Path({seen!r}).write_bytes(data[:, 0].tobytes())
scores = np.abs(np.diff(data[:, 0].reshape(len(data), 2, -1).astype(float), axis=1)).mean((1, 2))
frames = [
    {{"frameNum": n, "metrics": {{"integer_motion2": 0.0, "vmaf": 100 - score}}}}
    for n, score in enumerate(scores)
]
if mode == "short":
    frames = frames[:-1]
pathlib.Path("vmaf.json").write_text(json.dumps(
    {{"version": "3.0.0", "frames": frames, "pooled_metrics": {{}}}}
))
"""


def _install(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "works") -> Path:
    """Put the stand-in on the PATH; returns the file in which it leaves what it has seen."""
    seen = folder / "seen"
    script = folder / "stand_in.py"
    script.write_text(STAND_IN.format(mode=mode, width=WIDTH, height=HEIGHT, seen=str(seen)))
    program = folder / "ffmpeg"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return seen


def _frames(number: int = 4) -> list[tuple[NDArray, NDArray]]:
    draw = np.random.default_rng(0)
    return [
        tuple(draw.integers(0, 256, (HEIGHT, WIDTH)) / 255 for _ in range(2)) for _ in range(number)
    ]


def test_pictures_go_in_as_they_are_and_scores_come_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _install(tmp_path, monkeypatch)
    metric = Vmaf()
    pairs = _frames()
    for sr, hr in pairs:
        metric.add(sr, hr)
    score = metric.result()
    codes = np.frombuffer(seen.read_bytes(), np.uint8).reshape(len(pairs), 2, HEIGHT, WIDTH)
    expected = np.stack([(hr, sr) for sr, hr in pairs])
    assert np.array_equal(codes, np.round(expected * 255))
    means = [np.abs(sr - hr).mean() * 255 for sr, hr in pairs]
    assert score == pytest.approx(100 - np.mean(means), abs=1e-9)
    assert metric.result() == score
    with pytest.raises(ValueError, match="VMAF has been given out"):
        metric.add(*pairs[0])


def test_border_is_cut_and_the_clip_has_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _install(tmp_path, monkeypatch)
    clip = ClipAccumulator("a", border=2, metrics=("vmaf", "psnr"))
    for sr, hr in _frames():
        wide = [np.pad(image, 2) for image in (sr, hr)]
        assert clip.add(*wide).values["vmaf"] is None
    scores = clip.result()
    assert scores.value("vmaf") < 100
    assert len(seen.read_bytes()) == 4 * 2 * HEIGHT * WIDTH
    clip.close()


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [("fails", "ffmpeg failed: no model could be loaded"), ("short", "3 scores for 4 frames")],
)
def test_program_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, complaint: str
) -> None:
    _install(tmp_path, monkeypatch, mode)
    metric = Vmaf()

    def run() -> None:
        for sr, hr in _frames():
            metric.add(sr, hr)
        metric.result()

    with pytest.raises(NumericalError, match=complaint):
        run()
    metric.close()


def test_clip_that_ends_early_leaves_no_process_and_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    metric = Vmaf()
    metric.add(*_frames()[0])
    process = metric._process
    assert process is not None
    assert list((tmp_path / "temporary").iterdir())
    metric.close()
    assert process.returncode is not None
    assert not list((tmp_path / "temporary").iterdir())


def test_pictures_that_are_no_luma_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch)
    metric = Vmaf()
    ((sr, hr),) = _frames(1)
    with pytest.raises(ValueError, match="with three planes"):
        metric.add(np.stack([sr] * 3), np.stack([hr] * 3))
    with pytest.raises(ValueError, match="with missing values"):
        metric.add(sr, np.where(hr > 0.5, np.nan, hr))
    metric.add(sr, hr)
    with pytest.raises(ValueError, match="another size on the way"):
        metric.add(sr[1:], hr[1:])
    metric.close()
    assert Vmaf().result() is None


def test_ffmpeg_without_libvmaf_is_one_line_that_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="there is none: get a static build from") as told:
        find_ffmpeg()
    assert "\n" not in str(told.value)
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' ... vmafmotion V->V The motion score.'\n")
    program.chmod(0o755)
    with pytest.raises(MissingProgramError, match="ffmpeg has not: get a static build from"):
        Vmaf()


def test_real_ffmpeg_has_it_or_the_error_says_so(require_tool: object) -> None:
    program = require_tool("ffmpeg")  # type: ignore[operator]
    listing = subprocess.run([program, "-filters"], capture_output=True, text=True, check=True)
    if " libvmaf " in listing.stdout:
        assert find_ffmpeg() == program
    else:
        with pytest.raises(MissingProgramError, match="has not: get a static build"):
            find_ffmpeg()


def test_real_ffmpeg_takes_the_pictures_apart(require_tool: object, tmp_path: Path) -> None:
    """The same command with FFmpeg's PSNR in the place of libvmaf."""
    program = require_tool("ffmpeg")  # type: ignore[operator]
    command = vmaf_command(program, WIDTH, HEIGHT, "psnr=stats_file=psnr.txt")
    pairs = _frames()
    data = b""
    for sr, hr in pairs:
        luma = np.round(np.concatenate([hr, sr]) * 255).astype(np.uint8)
        data += luma.tobytes() + bytes([128]) * (2 * luma.size)
    subprocess.run(command, input=data, cwd=tmp_path, check=True)
    lines = (tmp_path / "psnr.txt").read_text().splitlines()
    found = [float(line.split("mse_y:")[1].split()[0]) for line in lines]
    expected = [((sr - hr) ** 2).mean() * 255**2 for sr, hr in pairs]
    assert found == pytest.approx(expected, abs=0.006)  # printed with two decimals
    assert all("mse_u:0.00 mse_v:0.00" in line for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"frames": [{"metrics": {"psnr": 1}}]}',
        '{"frames": [{"metrics": {"vmaf": NaN}}]}',
    ],
)
def test_log_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"lacks|finite|Expecting"):
        read_log(text)


def test_log_of_libvmaf_is_read() -> None:
    log = {"frames": [{"frameNum": 0, "metrics": {"vmaf": 97.5, "integer_adm2": 1.0}}]}
    assert read_log(json.dumps(log)) == [97.5]
