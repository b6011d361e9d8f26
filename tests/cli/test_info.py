"""vsr info: tables for people, one document for programs, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["info", *map(str, args)])


def test_table_names_what_matters(make_clip: Clip) -> None:
    path = make_clip("in.mkv", sar=Fraction(16, 15), rotation=90, audio_start=0.0)
    result = _run(path)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == str(path)
    for line in (
        "video stream 0, 64x48",
        "pixel shape 16/15 (1.067)",
        "shown as 48x68",
        "turned by 90 degrees",
        "pixels yuv420p (8 bits, 4:2:0)",
        "matrix unspecified, taken for smpte170m",
        "frame rate 25 per second",
        "times CFR, a frame lasts 40.000 ms; from all 5 packets",
        "counted 5 frames",
    ):
        assert line in lines
    assert any(line.startswith("1 audio aac (LC) 48000 Hz") for line in lines)


def test_json_is_one_document_of_all_files(make_clip: Clip) -> None:
    first, second = make_clip("a.mp4"), make_clip("b.mkv", pts=[0, 3003, 6006])
    result = _run(first, second, "--json", "--count")
    assert result.exit_code == 0, result.stderr
    documents = json.loads(result.stdout)
    assert [document["path"] for document in documents] == [str(first), str(second)]
    assert [document["timing"]["num_packets"] for document in documents] == [5, 3]
    assert documents[0]["video"]["time_base"] == "1/90000"
    assert documents[0]["streams"][0]["kind"] == "video"
    assert documents[0]["faults"] == []


def test_damaged_file_does_not_hide_the_others(make_clip: Clip, tmp_path: Path) -> None:
    good, cut = make_clip("good.mkv"), make_clip("cut.mkv")
    cut.write_bytes(cut.read_bytes()[:-100])
    (tmp_path / "zero.mp4").touch()
    result = _run(tmp_path / "zero.mp4", cut, good, tmp_path / "new\nline.mp4")
    assert result.exit_code == 1
    assert result.stdout.count("stream 0, 64x48") == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("Error: ") for line in lines)
    assert "zero.mp4 is empty" in lines[0]
    assert "100 bytes of its end are missing" in lines[1]


def test_titles_are_not_taken_for_markup(make_clip: Clip, tmp_path: Path) -> None:
    path = make_clip("in.mkv").rename(tmp_path / "[bold]x[red] [].mkv")
    result = _run(path)
    assert result.exit_code == 0, result.stderr
    assert "[bold]x[red] [].mkv" in result.stdout


def test_no_file_is_a_usage_error() -> None:
    assert _run().exit_code == 2
