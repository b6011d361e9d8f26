"""The walks of CONTRIBUTING.md: a network and a metric are added as it says, to a copy."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from vsr_cli.cli.reference import all_commands

ROOT = Path(__file__).parents[1]
COPIED = ("vsr_cli", "weights", "tests", "pyproject.toml")
INTERPRETER = ".venv/bin/python"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# Contracts that must have taken up what the walk adds; pytest writes each with its case.
OF_NETWORKS = (
    "test_contract.py::test_odd_sizes_grow_by_the_scale[slim-3]",
    "test_contract.py::test_batch_equals_single[slim-2]",
    "test_contract.py::test_tiled_equals_whole[slim-4-13]",
    "test_contract.py::test_radius_is_that_of_the_receptive_field[slim]",
    "test_contract.py::test_float32_and_bfloat16_stay_near_float64[slim-2]",
    "test_contract.py::test_untrained_network_learns[slim-True]",
    "test_contract.py::test_saved_and_loaded_gives_the_same[slim]",
    "test_contract.py::test_parameters_are_those_of_the_paper[slim-2-True]",
    "test_train.py::test_every_network_has_a_recipe",
)
OF_METRICS = (
    "test_batches.py::test_batches_of_any_size_score_as_frames_one_by_one[relative-l2-plane]",
    "test_batches.py::test_batches_of_any_size_score_as_frames_one_by_one[relative-l2-sphere]",
    "test_missing.py::test_truth_itself_scores_as_without_gaps[relative-l2]",
    "test_table.py::test_table_holds_what_the_command_line_offers",
    "test_table.py::test_truth_itself_scores_perfectly[relative-l2-sphere]",
    "test_table.py::test_more_noise_scores_worse[relative-l2-plane]",
    "test_table.py::test_border_does_not_count[relative-l2]",
    "test_second_implementations.py::test_relative_l2_equals_the_norms_of_numpy",
)


@dataclass(frozen=True)
class Block:
    """A block of code of the document."""

    kind: str  # python, diff or bash
    file: str  # the path in the first line; empty of bash
    code: str


def read_blocks(title: str) -> list[Block]:
    """The blocks of one section."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (section,) = (part for part in text.split("\n## ") if part.startswith(f"{title}\n"))
    blocks = []
    for indent, kind, lines in BLOCK.findall(section):
        code = textwrap.dedent(lines) if kind != "diff" else lines.replace(f"\n{indent}", "\n")
        code = code.removeprefix(indent)
        first, _, rest = code.partition("\n")
        blocks.append(Block(kind, "", code) if kind == "bash" else Block(kind, first[2:], rest))
    return blocks


def change(text: str, diff: str) -> str:
    """The text with the added lines where the diff's other lines stand."""
    lines = diff.splitlines(keepends=True)
    assert {line[0] for line in lines} == {" ", "+"}
    before = "".join(line[1:] for line in lines if line[0] == " ")
    assert text.count(before) == 1, f"not there, or several times: {before}"
    return text.replace(before, "".join(line[1:] for line in lines))


def write_blocks(blocks: list[Block], tree: Path) -> list[Path]:
    """Do what the blocks say; returns the files."""
    for block in blocks:
        path = tree / block.file
        if block.kind == "diff":
            path.write_text(change(path.read_text(encoding="utf-8"), block.code))
        elif path.exists():
            path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{block.code}")
        else:
            path.write_text(block.code)
    return [tree / block.file for block in blocks]


def run(words: list[str], tree: Path) -> str:
    """What a command says; it sees the copy alone."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "PYTEST_ADDOPTS": "-v -p no:cacheprovider",
    }
    found = subprocess.run(
        words, cwd=tree, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
    return found.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source tree without its documents and examples."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "contracts", "said"),
    [
        pytest.param("Add a network", OF_NETWORKS, "out.mp4: 60 frames", id="network"),
        pytest.param("Add a metric", OF_METRICS, "relative L2", id="metric"),
    ],
)
def test_walk_leads_through_the_contracts(
    title: str, contracts: tuple[str, ...], said: str, tree: Path
) -> None:
    blocks = read_blocks(title)
    written = write_blocks([block for block in blocks if block.kind != "bash"], tree)
    changed = sorted({str(path) for path in written})
    run([sys.executable, "-m", "ruff", "check", "--no-cache", *changed], tree)
    run([sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *changed], tree)
    commands = "".join(block.code for block in blocks if block.kind == "bash")
    told = ""
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[0] == INTERPRETER
        told += run([sys.executable, *words[1:]], tree)
    passed = {match[1] for match in re.finditer(r"(\S+::\S+) PASSED", told)}
    assert {name.rpartition("/")[2] for name in passed} >= {*contracts}
    assert said in told


def test_every_path_of_the_document_exists() -> None:
    """Files and folders named in backticks, but for those that a walk makes."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = BLOCK.sub("", text)
    named = set(re.findall(r"`((?:vsr_cli|tests|examples|weights|\.ci)/[\w./-]*)`", text))
    assert named
    missing = {name for name in named if not (ROOT / name).exists()}
    assert missing <= {"weights/MODEL_xSCALE_DOMAIN.safetensors"}


def test_commands_of_the_document_have_their_options() -> None:
    """Of vsr by its commands, of examples by what stands in them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands, seen = all_commands(), []
    blocks = "".join(code for _, kind, code in BLOCK.findall(text) if kind == "bash")
    for line in blocks.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        options = {word for word in words if word.startswith("--")}
        if words[:1] == ["vsr"] or words[1:3] == ["-m", "vsr_cli"]:
            command = commands[words[1] if words[0] == "vsr" else words[3]]
            assert options <= {name for param in command.params for name in param.opts}, line
        elif words[:1] == ["python"]:
            source = (ROOT / words[1]).read_text(encoding="utf-8")
            assert all(f'"{option}"' in source for option in options), line
        else:
            continue
        seen.append(line)
    assert len(seen) > 5
