"""vsr render: words in, pictures out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main

pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("matplotlib", reason="needs the extra [report]")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["render", *map(str, args)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    values = np.random.default_rng(1).normal(0, 1, (3, 8, 16)).astype(np.float32)
    np.savez(tmp_path / "run.npz", frames=values, units="s-1")
    return tmp_path / "run.npz"


def test_summary_says_what_colours_mean(source: Path) -> None:
    target = source.with_name("a.mp4")
    done = run(source, target, "--cmap", "RdBu_r", "--value-range=-2,2", "--quiet", "--crf", "30")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{target}: 3 steps of frames, 640x")
    assert "RdBu_r from -2 to 2 s-1 in" in done.stdout
    assert target.stat().st_size > 0


def test_json_is_the_report(source: Path) -> None:
    target = source.with_name("a.mkv")
    done = run(source, target, "--cmap", "gray", "--bits", "16", "--json", "--quiet")
    document = json.loads(done.stdout)
    assert (document["frames"], document["width"], document["height"]) == (3, 16, 8)
    assert document["warnings"] == []


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--value-range", "2,1"), 2, "LOW below HIGH"),
        (("--scale", "0"), 2, "scale must be 1 to 64"),
        (("--bits", "16"), 2, "--cmap gray"),
        (("--rate", "0"), 2, "rate must be above 0"),
        (("--cmap", "rainbows"), 2, "no colour map is called 'rainbows'"),
        (("--variable", "u"), 1, "has no array 'u'"),
        (("--codec", "nothing"), 2, "nothing"),
    ],
)
def test_bad_input_is_one_line(source: Path, args: tuple[str, ...], code: int, words: str) -> None:
    done = run(source, source.with_name("a.mp4"), "--quiet", *args)
    assert (done.exit_code, len(done.stderr.splitlines())) == (code, 1)
    assert words in done.stderr
    assert not source.with_name("a.mp4").exists()


def test_output_that_exists_stays_without_overwrite(source: Path) -> None:
    target = source.with_name("a.png")
    target.write_bytes(b"old")
    done = run(source, target, "--at", "0")
    assert (done.exit_code, target.read_bytes()) == (1, b"old")
    assert run(source, target, "--at", "0", "--overwrite", "--quiet").exit_code == 0
