"""The examples for SLURM say what the command and the shell understand."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from vsr_cli.cli import main
from vsr_cli.cli.batch import batch

EXAMPLES = Path(__file__).parents[1] / "examples"
Clip = Callable[..., Path]


def known_options() -> set[str]:
    return {name for param in batch.params for name in param.opts}


def test_array_script_is_a_script_of_bash() -> None:
    script = EXAMPLES / "slurm_array.sh"
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    assert os.access(script, os.X_OK)
    text = script.read_text()
    (command,) = re.findall(r"^exec vsr batch .*$", text, re.MULTILINE)
    assert {*re.findall(r"--[a-z-]+", command)} <= known_options()
    (first,) = re.findall(r"^#SBATCH --array=(\d+)-\d+$", text, re.MULTILINE)
    assert first == "0"  # as --shard counts


@pytest.mark.slow
def test_array_script_upscales_its_share(make_clip: Clip, tmp_path: Path) -> None:
    """As two tasks of an array; ``vsr`` is that of this source tree."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        make_clip("x.mkv").rename(tmp_path / "in" / f"{number}.mkv")
    shim = tmp_path / "bin" / "vsr"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vsr_cli "$@"\n')
    shim.chmod(0o755)
    done = []
    for task in ("0", "1"):
        variables = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2"}
        path = f"{shim.parent}:{os.environ['PATH']}"
        subprocess.run(
            [EXAMPLES / "slurm_array.sh", tmp_path / "in", tmp_path / "out", "--model", "bicubic"],
            check=True,
            capture_output=True,
            timeout=120,
            env={**os.environ, **variables, "PATH": path, "SLURM_CPUS_PER_TASK": "1"},
        )
        found = {file.name for file in (tmp_path / "out").glob("*.mkv")}
        done.append(found - {name for share in done for name in share})
    assert sorted(name for share in done for name in share) == [f"{n}.mkv" for n in range(4)]


def test_dask_script_is_python_and_its_options_are_known() -> None:
    tree = ast.parse((EXAMPLES / "slurm_dask.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert "batch" in main.list_commands(click.Context(main))
    passed = [text for text in texts if isinstance(text, str) and re.fullmatch("--[a-z]+", text)]
    assert passed == ["--scheduler"]
    assert {*passed} <= known_options()
