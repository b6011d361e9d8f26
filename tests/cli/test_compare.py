"""vsr compare: words to a comparison, its report, and bad input in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.media import read_still

Clip = Callable[..., Path]
REPORT_KEYS = [
    *["inputs", "output", "labels", "layout", "frames", "width", "height"],
    *["panel_width", "panel_height", "start_s", "end_s", "seconds", "fps", "warnings"],
]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, args)])


@pytest.fixture
def clips(make_clip: Clip) -> list[Path]:
    return [make_clip("a.mp4", size=(32, 24)), make_clip("b.mkv")]


def test_json_is_one_document(clips: list[Path], tmp_path: Path) -> None:
    result = _run(*clips, tmp_path / "o.mp4", "--json", "--label", "low", "--label", "high")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report) == REPORT_KEYS
    assert (report["frames"], report["labels"], report["layout"]) == (5, ["low", "high"], "row")
    assert (report["width"], report["height"]) == (132, 48)
    with av.open(str(tmp_path / "o.mp4")) as container:
        (stream,) = container.streams.video
        assert (stream.width, stream.height, stream.frames) == (132, 48, 5)


def test_summary_is_one_line_and_progress_goes_to_stderr(clips: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "o.mkv"
    result = _run(*clips, target, "--layout", "split", "--codec", "ffv1")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{target}: 2 clips (split), 64x48, 5 frames from 0.000 to 0.200 s in ")
    assert "5/5" in result.stderr
    assert _run(*clips, target, "--quiet", "--overwrite", "--no-labels").stderr == ""


def test_picture_of_a_moment(clips: list[Path], tmp_path: Path) -> None:
    options = ["--at", "0.1", "--crop", "8,8,16,12", "--zoom", "4", "--gap", "0", "--no-labels"]
    result = _run(*clips, tmp_path / "o.png", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1), result.stderr
    assert result.stdout == f"{tmp_path / 'o.png'}: 2 clips (row), 128x48, at 0.100 s\n"
    _, info = read_still(tmp_path / "o.png")
    assert (info.width, info.height) == (128, 48)


def test_numbered_pictures_and_other_containers(clips: list[Path], tmp_path: Path) -> None:
    assert _run(*clips, tmp_path / "p_%03d.png", "--end", "0.1").exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("p_*")) == [
        *("p_001.png", "p_002.png", "p_003.png")
    ]
    for name in ("o.gif", "o.y4m", "o.webm", "o.mov"):
        result = _run(*clips, tmp_path / name)
        assert result.exit_code == 0, result.stderr
        with av.open(str(tmp_path / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 5


def test_y4m_of_the_faster_rate_holds_all_frames(make_clip: Clip, tmp_path: Path) -> None:
    fast = [1800 * n for n in range(10)]
    paths = [make_clip("a.mp4"), make_clip("b.mp4", pts=fast, last_duration=1800)]
    result = _run(*paths, tmp_path / "o.y4m")
    with av.open(str(paths[1])) as container:
        if container.streams.video[0].guessed_rate != 50:
            pytest.skip("the clip states another rate than that of its frames")
    assert result.exit_code == 0, result.stderr


def test_pipe_is_one_of_the_clips(clips: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vsr_cli", "compare", "-", str(clips[1]), "-", "--quiet"]
    with clips[1].open("rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"YUV4MPEG2 W132 H48")
    assert done.stdout.count(b"FRAME\n") == 5
    assert b"5 frames from" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("A o.mp4", 2, "give two clips or more and then the output, got 2; see"),
        ("A B o.txt", 2, "no container fits the output 'o.txt'"),
        ("A missing.mp4 o.mp4", 1, "missing.mp4 does not exist"),
        ("A text.txt o.mp4", 1, "text.txt is not a video file"),
        ("A sound.mp4 o.mp4", 1, "sound.mp4 holds no video (only audio)"),
        ("A B o.mp4 --label x", 2, "give --label once for each of the 2 clips, got 1"),
        ("A B o.mp4 --label x --label y --no-labels", 2, "--label and --no-labels exclude"),
        ("A B o.mp4 --position 0.5", 2, "--position is that of the line of --layout split"),
        ("A B o.mp4 --position 2 --layout split", 2, "position must be between 0 and 1, got 2"),
        ("A B A o.mp4 --position 0.3 --layout split", 2, "--position is for two clips"),
        ("A B o.mp4 --difference --layout split", 2, "--difference is a panel"),
        ("A B o.mp4 --gain nan --difference", 2, "gain must be a number above 0, got nan"),
        ("A B o.mp4 --zoom 0", 2, "zoom must be 1 to 64, got 0"),
        ("A B o.mp4 --gap -1", 2, "gap must be 0 to 1000 pixels, got -1"),
        ("A B o.mp4 --crop 1,2,3", 2, "X,Y,W,H in pixels (100,50,64,48), got '1,2,3'"),
        ("A B o.mp4 --crop 0,0,0,9", 2, "at least 1 pixel, got 0,0,0,9"),
        ("A B o.mp4 --crop 60,0,9,9", 2, "crop 60,0,9,9 lies outside of the largest clip"),
        ("A B o.mp4 --at 0.1", 2, "--at is for one picture, such as o.png"),
        ("A B o.png --start 0.1", 2, "o.png is one picture: give --at SECONDS"),
        ("A B o.png --at nan", 2, "at must be 0 to"),
        ("A B o.png --at 60", 1, "nothing is shown at 60.000 s: the clips end at 0.200 s"),
        ("A B o.mp4 --start 60", 1, "nothing is shown between start and end"),
        ("A B o.mp4 --rate 30", 2, "has times of its own; leave --rate out"),
        ("A B o.mp4 --codec nonsense", 2, "codec 'nonsense' is unknown"),
        ("A B o.png --crf 3", 2, "o.png takes no --crf, it is for videos"),
        ("A B o.mp4 --font text.txt", 1, "text.txt cannot be read as a font"),
        ("A B nowhere/o.mp4", 1, "nowhere does not exist; create it first"),
        ("A B text.txt/o.mp4", 1, "does not exist"),
        ("A B A", 2, "is the input; give another name"),
        ("A B B", 2, "is the input; give another name"),
        ("- - o.mp4", 2, "standard input holds one clip"),
        ("A B o.mp4 --layout pile", 2, "'pile' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    clips: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    code: int,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("no video")
    if "sound" in words:
        _write_sound(Path("sound.mp4"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    names = {"A": clips[0].name, "B": clips[1].name}
    result = _run(*(names.get(word, word) for word in words.split()), "--quiet")
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("Warning: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert complaint in lines[0]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def _write_sound(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout="mono")
        silence = np.zeros((1, 1024), np.float32)
        block = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        block.sample_rate, block.pts = 48_000, 0
        output.mux(stream.encode(block))
        output.mux(stream.encode(None))


def test_output_that_exists_is_asked_for(clips: list[Path], tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("here")
    result = _run(*clips, tmp_path / "o.mp4")
    assert result.exit_code == 1
    assert "exists; give --overwrite" in result.stderr
    assert (tmp_path / "o.mp4").read_text() == "here"
    assert _run(*clips, tmp_path / "o.mp4", "--overwrite").exit_code == 0


@pytest.mark.parametrize("keep", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_interrupted_run_leaves_nothing_or_what_is_complete(
    make_clip: Clip, tmp_path: Path, keep: bool
) -> None:
    pts = [3600 * n for n in range(800)]
    clip = make_clip("a.mkv", size=(160, 120), pts=pts, options={"preset": "ultrafast"})
    command = [sys.executable, "-m", "vsr_cli", "compare", str(clip), str(clip)]
    command += [str(tmp_path / "o.mkv"), "--codec", "ffv1", "--quiet"]
    run = subprocess.Popen(
        [*command, "--keep-partial"] if keep else command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while sum(path.stat().st_size for path in tmp_path.glob(".*.part.*")) < 100_000:
        assert run.poll() is None, run.stderr
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    (line,) = stderr.splitlines()
    assert line.startswith("Error: interrupted")
    left = {path.name for path in tmp_path.iterdir()} - {"a.mkv"}
    assert left == ({"o.partial.mkv"} if keep else set())
