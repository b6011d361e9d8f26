"""vsr batch: words to a run, its table and document, and bad input in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]


def run(*args: str | Path, **settings: object) -> Result:
    words = ["batch", *map(str, args), "--model", "bicubic", "--scheduler", "none"]
    return CliRunner().invoke(main, words, **settings)  # type: ignore[arg-type]


@pytest.fixture
def clips(make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in/ with two clips; the process is beside it."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    shutil.move(make_clip("1.mp4"), folder / "a[b].mp4")
    shutil.move(make_clip("2.mkv", size=(32, 32)), folder / "deep" / "ü.mkv")
    monkeypatch.chdir(tmp_path)
    return folder


def size_of(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        return container.streams.video[0].width, container.streams.video[0].height


@pytest.mark.usefixtures("clips")
def test_table_and_lines() -> None:
    result = run("in", "out")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("[1/2] a[b].mp4: 5 frames in ")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["a[b].mp4", "done", "new", "5"] in [row[:4] for row in rows]
    assert ["deep/ü.mkv", "done", "new", "5"] in [row[:4] for row in rows]
    assert result.stdout.splitlines()[-1].startswith("out: 2 done in ")
    again = run("in", "out")
    assert again.stdout.startswith("out: 2 skipped in ")
    assert again.stderr == "2 of 2 files are done already\n"


@pytest.mark.usefixtures("clips")
def test_json_is_one_document_and_quiet_is_quiet() -> None:
    result = run("in", "out", "--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert list(document) == ["out_dir", "files", "workers", "seconds", "counts"]
    assert document["counts"] == {"done": 2}
    assert [Path(file["output"]).name for file in document["files"]] == ["a[b].mp4", "ü.mkv"]


def test_any_failure_is_exit_code_1(clips: Path) -> None:
    (clips / "bad.mp4").write_text("no clip")
    result = run("in", "out")
    assert result.exit_code == 1
    assert "bad.mp4: failed: in/bad.mp4 is not a video" in result.stderr.replace(
        str(clips.parent) + "/", ""
    )
    assert "out: 2 done, 1 failed" in result.stdout


def test_dry_run_shows_and_writes_nothing(clips: Path) -> None:
    result = run("in", "out", "--dry-run", "--suffix", "_x2", "--extension", "mkv")
    assert result.exit_code == 0
    assert "deep/ü_x2.mkv" in result.stdout
    assert result.stdout.splitlines()[-1] == "out: 2 planned"
    assert [path.name for path in clips.parent.iterdir()] == ["in"]


def test_list_with_settings_of_its_own(clips: Path) -> None:
    (clips.parent / "list.toml").write_text(
        "[[file]]\npath = 'in/a[b].mp4'\nscale = '3/2'\ncodec-option = ['bf=0', 'g=12']\n\n"
        "[[file]]\npath = 'in/deep/ü.mkv'\noutput = 'x/three.mkv'\nscale = 3\n"
        "strict_streams = true\n"
    )
    result = run("--list", "list.toml", "out", "--scale", "2")
    assert result.exit_code == 0, result.stderr
    assert size_of(Path("out/in/a[b].mp4")) == (96, 72)
    assert size_of(Path("out/x/three.mkv")) == (96, 96)


@pytest.mark.usefixtures("clips")
def test_list_from_standard_input() -> None:
    result = run("--list", "-", "out", input="in/deep/ü.mkv\n")
    assert result.exit_code == 0, result.stderr
    assert size_of(Path("out/in/deep/ü.mkv")) == (64, 64)


BAD_INPUT = {
    "nothing": (["out"], 2, "nothing to upscale"),
    "missing": (["none.mp4", "out"], 1, "none.mp4 does not exist"),
    "empty": (["empty", "out"], 1, "nothing in empty has a name that fits"),
    "itself": (["in", "in"], 2, "in is read and written"),
    "model": (["in", "out", "--model", "foo"], 2, "unknown model 'foo'"),
    "device": (["in", "out", "--device", "tpu"], 2, "device must be auto"),
    "devices": (["in", "out", "--device", "cpu,cpu"], 2, "are for workers of this machine"),
    "absent devices": (["in", "out", "--device", "cuda:90,cuda:91"], 1, "cuda:90, cuda:91 are not"),
    "device of one": (
        ["in", "--list", "one.toml", "out", "--device", "cpu,cpu"],
        2,
        "several devices (cpu,cpu) are for all files of a batch, but one has cpu",
    ),
    "scheduler": (["in", "out", "--scheduler", "slurm"], 2, "a scheduler is none, local"),
    "shard": (["in", "out", "--shard", "3/3"], 2, "counts from 0 to n-1"),
    "workers": (["in", "out", "--workers", "0"], 2, "workers must be in 1..1024"),
    "crf": (["in", "out", "--crf", "99"], 2, "crf must be in 0..63"),
    "clash": (["in", "twice", "out", "--extension", "mkv"], 2, "would both become"),
    "no such setting": (["--list", "bad.toml", "out"], 2, "no setting is called 'colour'"),
    "wrong value": (["--list", "worse.toml", "out"], 2, "scale"),
    "unwritable": (["in", "file"], 1, "folder file is not writable"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_nothing_is_written(case: str, clips: Path) -> None:
    args, code, words = BAD_INPUT[case]
    folder = clips.parent
    (folder / "empty").mkdir()
    (folder / "file").touch()
    (folder / "twice").mkdir()
    shutil.copy(clips / "a[b].mp4", folder / "twice" / "a[b].mov")
    (folder / "bad.toml").write_text("[[file]]\npath = 'in/a[b].mp4'\ncolour = 3\n")
    (folder / "worse.toml").write_text("[[file]]\npath = 'in/a[b].mp4'\nscale = true\n")
    (folder / "one.toml").write_text("[[file]]\npath = 'twice/a[b].mov'\ndevice = 'cpu'\n")
    before = sorted(folder.rglob("*"))
    usual = {"--model": "bicubic", "--scheduler": "none"}
    more = [word for name, value in usual.items() if name not in args for word in (name, value)]
    result = CliRunner().invoke(main, ["batch", *args, *more])
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert (result.exit_code, result.stdout) == (code, "")
    assert sorted(folder.rglob("*")) == [*before]


def test_without_the_extra_a_cluster_is_one_line_and_one_process_works(
    clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    for words in (
        ["--workers", "2"],
        ["--device", "cpu,cpu"],
        ["--scheduler", "local"],
        ["--scheduler", "tcp://a:1"],
    ):
        result = CliRunner().invoke(main, ["batch", "in", "out", "--model", "bicubic", *words])
        (line,) = result.stderr.splitlines()
        assert line.endswith('distributed is not installed; try: pip install "vsr-cli[cluster]"')
        assert result.exit_code == 1
    assert clips.is_dir()
    result = run("in", "out")
    assert result.exit_code == 0
