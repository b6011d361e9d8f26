"""Damaged files: see run.py. A few of each kind here, 21,600 in make soak."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
KINDS = (
    *("mp4", "mkv", "webm", "ts", "avi", "gif", "y4m", "apng", "png", "tiff"),
    *("nc", "nc3", "npz", "zarr", "safetensors", "pth", "toml", "txt"),
)
CASES = 1200  # of each kind


def run(folder: Path, kinds: tuple[str, ...], first: int, cases: int) -> tuple[int, list[str]]:
    """The status and the lines of one process."""
    words = [sys.executable, RUN, folder, "--kind", *kinds, "--first", first, "--cases", cases]
    process = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout.splitlines() + process.stderr.splitlines()[-5:]


def test_damaged_files_end_in_a_message(tmp_path: Path) -> None:
    code, lines = run(tmp_path, KINDS, 0, 4)
    assert code == 0, lines
    counts = [json.loads(line) for line in lines]
    assert [each for each in counts if "fault" in each] == []
    assert [each["kind"] for each in counts] == [*KINDS]


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files_end_in_a_message(tmp_path: Path, kind: str) -> None:
    """A process that dies has failed its case; the next one goes on behind it."""
    faults: list[str] = []
    codes: Counter[str] = Counter()
    first = 0
    while first < CASES:
        code, lines = run(tmp_path, (kind,), first, CASES - first)
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        faults += [str(each) for each in documents if "fault" in each]
        codes.update(next((each["codes"] for each in documents if "codes" in each), {}))
        if code == 0:
            break
        died = (tmp_path / kind / "now").read_text(encoding="utf-8")
        assert died.isdecimal(), lines
        faults.append(f"{kind} {died}: the process ended with {code}; {lines[-5:]}")
        first = int(died) + 1
    sys.stdout.write(f"{kind}: {CASES} cases, exit codes {dict(codes)}\n")
    assert faults == []
