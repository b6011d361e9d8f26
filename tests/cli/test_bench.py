"""vsr bench: tables for people, one document for programs, or one error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]
SMALL = ["--size", "32x24", "--frames", "3", "--repeats", "1"]
KEYS = [
    *["model", "scale", "domain", "device", "precision", "threads", "input", "machine"],
    *["size", "output_size", "pixel_format", "frames", "repeats"],
    *["model_fps", "end_to_end_fps", "null_sink_fps", "end_to_end", "null_sink"],
    *["stages", "ceilings", "against", "peak_rss_mb", "versions", "warnings"],
]
STAGE_KEYS = [
    *["name", "kind", "ms_per_frame", "ms_min", "ms_max", "fps", "flops", "bytes"],
    *["percent_of_matmul", "percent_of_copy", "layers"],
]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, args)])


def _document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return document


def test_last_line_is_one_document_below_the_tables(random_weights: tuple[Path, Path]) -> None:
    weights = [part for path in random_weights for part in ("--weights", path)]
    result = _run("--model", "2d3d", *weights, *SMALL, "--device", "cpu")
    document = _document(result)
    assert list(document) == KEYS
    assert (document["size"], document["output_size"]) == ([32, 24], [64, 48])
    assert (document["frames"], document["input"]) == (3, "synthetic")
    stages = {stage["name"]: stage for stage in document["stages"]}
    assert all(list(stage) == STAGE_KEYS for stage in stages.values())
    assert [stages[name]["kind"] for name in ("fsrcnn", "srnet3d")] == ["2D", "3D"]
    networks = stages["fsrcnn"]["ms_per_frame"] + stages["srnet3d"]["ms_per_frame"]
    assert document["model_fps"] == pytest.approx(1000 / networks, rel=1e-3)
    fsrcnn, ceiling = stages["fsrcnn"], document["ceilings"]["flops_per_s"]
    share = 100 * fsrcnn["flops"] * fsrcnn["fps"] / ceiling
    assert fsrcnn["percent_of_matmul"] == pytest.approx(share, rel=0.02, abs=0.01)
    for words in ("fsrcnn (2D)", "srnet3d (3D)", "end to end", "without encoder", "GFLOP/s"):
        assert words in result.stdout
    assert "measuring srnet3d" in result.stderr


def test_json_is_nothing_but_the_document(make_clip: Clip) -> None:
    source = make_clip("in.mp4")
    args = ["--input", source, "--frames", "3", "--repeats", "1", "--model", "bicubic"]
    result = _run(*args, "--codec", "ffv1", "--json", "--quiet")
    document = _document(result)
    assert (result.stderr, len(result.stdout.splitlines())) == ("", 1)
    assert (document["input"], document["size"], document["frames"]) == (str(source), [64, 48], 3)
    assert document["model"] == "bicubic"


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    asked = before + 1
    document = _document(_run("--model", "bicubic", *SMALL, "--threads", asked, "--quiet"))
    assert (document["threads"], torch.get_num_threads()) == (asked, before)


BAD_INPUT = {
    "size": (["--size", "320"], 2, "a size is WIDTHxHEIGHT"),
    "small": (["--size", "8x8"], 2, "size must be at least 16x16"),
    "frames": (["--frames", "0"], 2, "frames must be in 1..10000"),
    "peer": (["--against", "topaz"], 2, "'topaz' is not one of"),
    "network": (["--against", "opencv"], 2, "needs --peer-model FILE"),
    "size and clip": (["--size", "64x48", "--input", "a.mp4"], 2, "leave --size out, or --input"),
    "no clip": (["--input", "no.mp4"], 1, "no.mp4 does not exist"),
    "model": (["--model", "foo"], 2, "unknown model 'foo'"),
    "codec": (["--codec", "nope", "--model", "bicubic"], 2, "codec 'nope' is unknown"),
    "device": (["--device", "tpu"], 2, "device must be auto, cpu, cuda"),
    "precision": (["--precision", "int8"], 2, "is not one of 'auto', 'fp32'"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args, code, words = BAD_INPUT[case]
    monkeypatch.chdir(tmp_path)
    size = [] if {"--size", "--input"} & {*args} else SMALL[:2]
    result = _run(
        *size,
        *(["--frames", "2", "--repeats", "1"] if "--frames" not in args else []),
        *args,
        "--quiet",
    )
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, line[:7]) == (code, "Error: ")
    assert words in line
    assert result.stdout == ""


@pytest.mark.slow
def test_race_is_in_the_table_and_in_the_document(require_tool: Callable[[str], str]) -> None:
    require_tool("ffmpeg")
    result = _run("--model", "bicubic", *SMALL[:4], "--repeats", "2", "--against", "ffmpeg")
    (race,) = _document(result)["against"]
    assert (race["course"], race["peer"], race["rounds"]) == ("end_to_end", "ffmpeg", 2)
    ratios = [a / b for a, b in zip(race["peer_seconds"], race["own_seconds"], strict=True)]
    assert race["ratio"] == pytest.approx(sum(ratios) / 2, rel=0.01)
    assert race["ratio_min"] <= race["ratio"] <= race["ratio_max"]
    assert "FFmpeg" in result.stdout
    assert "measuring end to end against ffmpeg" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_race_leaves_no_process_and_no_file(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C reaches the whole process group, SIGTERM the command alone."""
    arguments = ["bench", "--model", "2d3d", "--size", "48x32", "--frames", "500", "--against"]
    with subprocess.Popen(
        [sys.executable, "-m", "vsr_cli", *arguments, "plain"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    ) as process:
        # The command, both sides, and Python's own process that tidies up.
        assert _waits_for(lambda: len(_group(process.pid)) == 4, seconds=120)
        time.sleep(1)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in errors
    assert _waits_for(lambda: not _group(process.pid), seconds=10)
    assert list(tmp_path.iterdir()) == []


def _waits_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    """True as soon as it holds, False if it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _group(number: int) -> list[int]:
    """The processes of a group that are at work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) == number and fields[0] != "Z":
            found.append(int(folder.name))
    return found
