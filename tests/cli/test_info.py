"""vsr info: tables for people, one document for programs, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

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


@pytest.mark.parametrize("name", ["run.nc", "run.NC4", "run.zarr"])
def test_file_of_fields_is_sent_to_the_tools_for_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("zarr"):
        path.mkdir()
    else:
        path.write_bytes(b"CDF\x01")
    result = _run(path)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {path} is a file of fields, and vsr info is for videos and")
    assert "ncdump -h" in line
    assert "xarray" in line
    path.rename(tmp_path / "moved")
    assert "does not exist; check the name" in _run(path).stderr


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


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """A folder of three gray pictures of 16 bits, 10x6, and a text."""
    folder = tmp_path / "stills"
    folder.mkdir()
    for number in (2, 3, 10):
        samples = np.full((6, 10), 1000 * number, np.uint16)
        Image.fromarray(samples).save(folder / f"f_{number:02d}.png")
    (folder / "notes.txt").write_text("none")
    return folder


def test_folder_of_pictures_is_described_as_upscale_takes_it(stills: Path) -> None:
    result = _run(stills, "--count")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "pictures 3 files, f_02.png to f_10.png, as many per second as --rate says" in lines
    for line in (
        "video 10x6",
        "pixels gray16le (16 bits)",
        "frame rate 25 per second",
        "duration 0.120 s",
        "counted 3 frames",
    ):
        assert line in lines


def test_pattern_of_pictures_in_json(stills: Path) -> None:
    (stills / "f_10.png").unlink()
    result = _run(stills / "f_%02d.png", "--json")
    assert result.exit_code == 0, result.stderr
    (document,) = json.loads(result.stdout)
    expected = {"kind": "pattern", "num_files": 2, "first": "f_02.png", "last": "f_03.png"}
    assert document["pictures"] == expected
    assert document["size_bytes"] == sum(path.stat().st_size for path in stills.glob("*.png"))
    assert (document["video"]["width"], document["video"]["height"]) == (10, 6)
    assert (document["video"]["pixel_format"], document["video"]["stream"]) == ("gray16le", None)
    assert document["timing"] is None


def test_pictures_of_two_sizes_are_a_fault_that_counting_finds(stills: Path) -> None:
    Image.new("I;16", (12, 6)).save(stills / "f_04.png")
    assert _run(stills).exit_code == 0
    result = _run(stills, "--count")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "must be of one size and format" in result.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [(".", "holds no PNG"), ("f_%03d.png", "no file fits the pattern"), ("x", "does not exist")],
)
def test_pictures_that_are_not_there(tmp_path: Path, name: str, words: str) -> None:
    result = _run(tmp_path / name)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert words in result.stderr


def test_no_file_is_a_usage_error() -> None:
    assert _run().exit_code == 2
