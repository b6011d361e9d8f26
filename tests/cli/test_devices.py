"""vsr upscale --device with several devices: its report, and the calls that cannot be."""

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


@pytest.mark.slow
def test_report_and_summary_name_all_devices(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(20)])
    args = [source, tmp_path / "o.mp4", "--model", "bicubic", "--device", "cpu,cpu"]
    result = _run(*args, "--segment-frames", "8", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    plain = json.loads(_run(source, tmp_path / "plain.mp4", "--model", "bicubic", "--json").stdout)
    assert list(report) == [*plain, "segments", "frames_kept", "frames_by_device"]
    assert (report["device"], report["frames"], report["segments"]) == ("cpu,cpu", 20, 3)
    assert sum(report["frames_by_device"]) == 20
    assert "bicubic x2 on cpu,cpu, fp32" in result.stderr
    assert "20/20" in result.stderr
    result = _run(*args, "--overwrite")
    assert "on cpu,cpu fp32 in" in result.stdout
    warning = "20 frames in segments of 100 are work for 1 of 2 devices"
    assert result.stderr.count(warning) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "o.mp4", "plain.mp4"}


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (["o.mp4", "--device", "cuda:90,cuda:91"], 1, "devices cuda:90, cuda:91 are not there"),
        (["o.mp4", "--device", "cuda:3,cuda:3"], 2, "a GPU can be given once, got cuda:3 twice"),
        (["o.mp4", "--device", "cpu,cuda"], 2, "devices must be of one kind"),
        (["o.gif", "--device", "cpu,cpu"], 2, "--device cpu,cpu writes video files"),
        (["o.png", "--preview", "2", "--device", "cpu,cpu"], 2, "several devices (cpu,cpu)"),
        (["o.mp4", "--device", "cpu,cpu", "--segment-frames", "1"], 2, "at least 2 frames"),
        (["o.mp4", "--device", "cpu", "--segment-frames", "8"], 2, "or several --device"),
    ],
)
def test_devices_that_cannot_be(
    make_clip: Clip, tmp_path: Path, args: list[str], code: int, line: str
) -> None:
    source, target = make_clip("in.mp4"), tmp_path / args[0]
    result = _run(source, target, "--model", "bicubic", *args[1:])
    assert (result.exit_code, result.stdout) == (code, "")
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("command", ["eval", "bench"])
def test_other_commands_take_one_device(make_clip: Clip, command: str) -> None:
    source = [str(make_clip("in.mp4"))] if command == "eval" else []
    args = [command, *source, "--model", "bicubic", "--device", "cpu,cpu"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 2
    assert "several devices (cpu,cpu) are for upscaling a video file; give one" in result.stderr
