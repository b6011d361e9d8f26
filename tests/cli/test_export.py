"""vsr export: one line, one document, or one error."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from vsr_cli.cli import main


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, args)])


def test_format_is_told_by_the_ending_or_by_the_option(
    random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    result = _run("fsrcnn", tmp_path / "n.pth", "--weights", random_weights[0])
    assert (result.exit_code, result.stderr) == (0, "")
    size = (tmp_path / "n.pth").stat().st_size
    assert result.stdout == f"{tmp_path / 'n.pth'}: fsrcnn x2 as pth, {size:,} bytes\n"
    options = ["--format", "pth", "--json", "--weights", f"srnet3d={random_weights[1]}"]
    report = json.loads(_run("srnet3d", tmp_path / "n.bin", *options).stdout)
    assert (report["model"], report["format"], report["window"]) == ("srnet3d", "pth", 5)
    assert sorted(path.name for path in tmp_path.glob("n.*")) == ["n.bin", "n.pth"]


def test_existing_output_is_an_error_in_one_line(
    random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "n.pth").touch()
    args = ["fsrcnn", tmp_path / "n.pth", "--weights", random_weights[0]]
    result = _run(*args)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "exists; give --overwrite" in result.stderr
    assert _run(*args, "--overwrite").exit_code == 0


def test_pair_is_a_usage_error(tmp_path: Path) -> None:
    result = _run("2d3d", tmp_path / "n.onnx")
    assert result.exit_code == 2
    assert "take one, fsrcnn or srnet3d" in result.stderr
