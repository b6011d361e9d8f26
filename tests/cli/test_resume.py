"""vsr upscale --resume: its report, and where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["upscale", *map(str, args)])


def test_resume_is_an_option_with_a_report_of_its_own(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    args = [source, tmp_path / "o.mp4", "--model", "bicubic", "--resume", "--segment-frames", "8"]
    result = _run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    plain = _run(source, tmp_path / "plain.mp4", "--model", "bicubic", "--json")
    assert list(report) == [*json.loads(plain.stdout), "segments", "frames_kept"]
    assert (report["frames"], report["segments"], report["frames_kept"]) == (20, 3, 0)
    assert "20/20" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "o.mp4", "plain.mp4"}


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["o.mp4", "--segment-frames", "8"], "--segment-frames is for --resume; give both"),
        (["o.png", "--preview", "2", "--resume"], "leave --resume out"),
        (["o.gif", "--resume"], "--resume writes video files, not"),
        (["o.mp4", "--resume", "--segment-frames", "0"], "must have at least 2 frames"),
        (["o.mp4", "--resume", "--keep-partial"], "--keep-partial is not for --resume"),
    ],
)
def test_resume_where_it_cannot_be(
    make_clip: Clip, tmp_path: Path, args: list[str], line: str
) -> None:
    source, target = make_clip("in.mp4"), tmp_path / args[0]
    result = _run(source, target, "--model", "bicubic", *args[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
