"""What a batch would cost: against what it then does cost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from vsr_cli.batch.cost import BatchPlan, GroupPlan
from vsr_cli.cli import main
from vsr_cli.cli.batch_tables import show_plan

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


def test_plan_has_the_threads_that_the_batch_has(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process does it all with torch's own; a single worker of ``local`` has all cores."""
    clip, run = make_clip("a.mkv"), ("--plan", "--model", "bicubic", "--device", "cpu")
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(2)))
    try:
        for words, threads in (((), 1), (("--threads-per-worker", "2"), 2)):
            torch.set_num_threads(1)  # as with OMP_NUM_THREADS=1
            command = ["batch", str(clip), str(tmp_path / "out"), *run, *words]
            plan = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
            assert (plan["workers"], plan["threads"]) == (1, threads)
            assert torch.get_num_threads() == threads
        torch.set_num_threads(1)
        text = CliRunner().invoke(main, ["batch", str(clip), str(tmp_path / "out"), *run]).stdout
        assert "of one worker (cpu with 1 thread), " in text
        command = ["batch", str(clip), str(tmp_path / "out"), *run, "--scheduler", "local"]
        plan = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
        assert (plan["workers"], plan["threads"]) == (1, 2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("hours", "num_bytes", "time", "size"),
    [
        (0.00161, 487_000, "5.8 seconds of one worker", "; 487 kB; "),
        (0.5, 48_700_000, "30 minutes of one worker", "; 48.7 MB; "),
        (12.5, 4_870_000_000, "12.5 hours of one worker", "; 4.87 GB; "),
        (1234.5, 1_234_500_000_000, "1234 hours of one worker", "; 1234 GB; "),
        (None, None, "? of one worker", "; ?; "),
    ],
)
def test_plan_is_told_in_units_that_fit(
    hours: float | None,
    num_bytes: int | None,
    time: str,
    size: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = GroupPlan(
        model="bicubic",
        width=64,
        height=48,
        files=1,
        frames=10,
        segments=1,
        probed="a.mkv",
        fps=1.0,
        hours=hours,
        output_bytes=num_bytes,
    )
    plan = BatchPlan(
        out_dir="out",
        device="cpu",
        workers=1,
        threads=1,
        groups=(group,),
        failed={},
        skipped=0,
    )
    show_plan(plan)
    line = capsys.readouterr().out.splitlines()[-1]
    assert time in line
    assert size in line


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
