"""What a batch would cost: against what it then does cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from vsr_cli.cli import main

Clip = Callable[..., Path]


@pytest.fixture
def folder(make_clip: Clip, tmp_path: Path) -> Path:
    """Two clips of one size, one of another, and one that is none."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    for number, (length, size) in enumerate([(60, (64, 48)), (250, (64, 48)), (30, (32, 32))]):
        pts = [3600 * tick for tick in range(length)]
        make_clip("x.mkv", pts=pts, size=size).rename(inputs / f"{number}.mkv")
    (inputs / "bad.mkv").write_text("no clip")
    return inputs


def vsr(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["batch", *map(str, words), "--scheduler", "none"])
    return result.exit_code, result.stdout, result.stderr


def test_plan_counts_what_the_batch_then_does(folder: Path, tmp_path: Path) -> None:
    options = ("--model", "bicubic", "--codec", "ffv1", "--segment-frames", "100", "--json")
    code, stdout, _ = vsr(folder, tmp_path / "out", "--plan", *options)
    assert code == 1  # of the bad one
    assert not (tmp_path / "out").exists()
    plan = json.loads(stdout)
    assert (plan["files"], plan["frames"], plan["segments"]) == (3, 340, 5)
    assert [(g["width"], g["height"], g["files"]) for g in plan["groups"]] == [
        (128, 96, 2),
        (64, 64, 1),
    ]
    assert [*plan["failed"]] == [str(folder / "bad.mkv")]
    assert all(group["fps"] > 0 and group["hours"] is not None for group in plan["groups"])
    vsr(folder, tmp_path / "out", *options)
    written = sum(path.stat().st_size for path in (tmp_path / "out").glob("*.mkv"))
    assert plan["output_bytes"] == pytest.approx(written, rel=0.2)
    code, stdout, _ = vsr(folder, tmp_path / "out", "--plan", *options)
    again = json.loads(stdout)
    assert (again["files"], again["skipped"], again["groups"]) == (0, 3, [])


def test_plan_is_a_table_and_a_line(folder: Path, tmp_path: Path) -> None:
    code, stdout, stderr = vsr(folder, tmp_path / "out", "--plan", "--model", "bicubic")
    assert code == 1
    assert "128x96" in stdout
    assert "bad.mkv is not a video" in stdout.replace("\n", " ")
    assert "out: 3 files, 340 frames, 3 segments: " in stdout
    assert "timing 2 of 2" in stderr


def test_plan_of_gifs_knows_no_bytes(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.mkv").unlink()
    words = ("--plan", "--model", "bicubic", "--extension", "gif", "--json")
    code, stdout, _ = vsr(folder, tmp_path / "out", *words)
    assert code == 0
    plan = json.loads(stdout)
    assert plan["output_bytes"] is None
    assert plan["device_hours"] > 0


def test_plan_and_dry_run_are_two_questions(folder: Path, tmp_path: Path) -> None:
    code, _, stderr = vsr(folder, tmp_path / "out", "--plan", "--dry-run")
    assert code == 2
    assert "two questions" in stderr


def test_probe_takes_the_first_frames_alone_and_a_short_clip_as_it_is(
    make_clip: Clip, tmp_path: Path
) -> None:
    """Also where a container does not tell how many there are, or its rate says too many."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    pts = [3600 * tick for tick in range(300)]
    make_clip("raw.h264", pts=pts).rename(inputs / "raw.h264")
    options = ("--model", "bicubic", "--json")
    uneven = [90 * tick for tick in (0, 40, 41, 80, 4000)]
    make_clip("x.mkv", pts=uneven, size=(32, 48)).rename(inputs / "v.mkv")
    code, stdout, stderr = vsr(inputs, tmp_path / "out", "--plan", "--pattern", "*", *options)
    assert code == 0, stderr
    plan = json.loads(stdout)
    assert plan["failed"] == {}
    assert plan["frames"] is None  # of the bare stream
    assert all(group["fps"] > 0 for group in plan["groups"])
