"""The example that measures the aims of speed, on a clip of three small frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_every_aim_without_another_program_has_its_row(tmp_path: Path) -> None:
    words = ["--size", "32x16", "--frames", "3", "--repeats", "1", "--precision", "fp32"]
    done = subprocess.run(
        [sys.executable, EXAMPLES / "10_benchmarks.py", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    named = [row[0].removeprefix("| ") for row in rows]
    assert named[-3:] == ["fsrcnn+srnet3d, end to end", *["2d3d-fast, end to end"] * 2]
    assert all(float(row[1]) > 0 and row[-1] in ("yes |", "no |") for row in rows)


def test_place_of_the_table_is_marked() -> None:
    text = (EXAMPLES / "benchmarks.md").read_text(encoding="utf-8")
    assert text.index("<!-- measured -->\n") < text.index("<!-- end -->\n")
