"""Where a file lies and how it is called: any name, any file system, and disks that are full."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main

Clip = Callable[..., Path]
NAMES = [
    "-dash",
    "--overwrite",
    "with space",
    "ünïcödé 映像 🎬",
    "new\nline",
    "quo'te\"s",
    "100%03d",
    "a:b",
    "http:clip",
    "back\\slash",
    "~home",
    "$HOME `id`",
    "glob*[?]",
    "very long " + "x" * 241,
]


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["upscale", *map(str, args)])


def _vsr(*args: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, whose standard output is UTF-8 as a terminal's."""
    command = [sys.executable, "-m", "vsr_cli", *map(os.fsencode, args)]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    return subprocess.run(command, check=False, capture_output=True, env=environment)


def count_frames(path: Path) -> int:
    with path.open("rb") as file, av.open(file) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with the given options; skips where that is not allowed."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        folder = tmp_path / f"mounted{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs the right to mount a file system")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_file(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    make_clip("clip.mp4").rename(folder / f"{name}.mp4")
    monkeypatch.chdir(folder)
    result = _run("--model", "bicubic", "--quiet", "--", f"{name}.mp4", f"{name}.mkv")
    assert result.exit_code == 0, result.stderr
    assert names(folder) == {f"{name}.mp4", f"{name}.mkv"}
    assert count_frames(folder / f"{name}.mkv") == 5


def test_dash_needs_no_separator_behind_a_folder(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip("clip.mp4").rename(tmp_path / "-in.mp4")
    monkeypatch.chdir(tmp_path)
    assert _run("./-in.mp4", "./-out.mkv", "--model", "bicubic").exit_code == 0
    assert names(tmp_path) == {"-in.mp4", "-out.mkv"}


def test_name_that_no_file_can_have_is_one_line(make_clip: Clip, tmp_path: Path) -> None:
    result = _run(make_clip("in.mp4"), tmp_path / f"{'x' * 252}.mp4", "--model", "bicubic")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "at most 255 bytes" in result.stderr


def test_two_long_names_that_begin_alike_do_not_meet(tmp_path: Path) -> None:
    from vsr_cli.media.pending import PendingFile

    first = PendingFile(tmp_path / f"{'x' * 250}a.mkv", overwrite=False)
    second = PendingFile(tmp_path / f"{'x' * 250}b.mkv", overwrite=False)
    assert first.path != second.path
    for pending in (first, second):
        assert len(os.fsencode(pending.path.name)) <= 255
        pending.path.touch()


def test_name_that_is_no_text_is_read_written_and_shown(make_clip: Clip, tmp_path: Path) -> None:
    """Bytes that are no UTF-8; standard output would refuse them."""
    source = make_clip("in.mp4").rename(tmp_path / os.fsdecode(b"in\xff.mp4"))
    target = tmp_path / os.fsdecode(b"out\xff.mp4")
    done = _vsr("upscale", source, target, "--model", "bicubic", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"out\\udcff.mp4: 5 frames" in done.stdout
    assert count_frames(target) == 5
    done = _vsr("info", source)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"in\\udcff.mp4" in done.stdout


def test_error_line_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    result = _run(tmp_path / "new\nline.mp4", tmp_path / "o.mp4")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("is_there", [True, False])
def test_link_stays_and_the_file_that_it_leads_to_is_written(
    make_clip: Clip, tmp_path: Path, is_there: bool
) -> None:
    source, elsewhere = make_clip("in.mp4"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    if is_there:
        (elsewhere / "real.mkv").write_bytes(b"old")
    (tmp_path / "link.mkv").symlink_to(Path("elsewhere") / "real.mkv")
    result = _run(source, tmp_path / "link.mkv", "--model", "bicubic", "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "link.mkv").is_symlink()
    assert names(elsewhere) == {"real.mkv"}
    assert count_frames(elsewhere / "real.mkv") == 5


def test_link_into_a_folder_that_is_not_there_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "link.mkv").symlink_to(tmp_path / "none" / "real.mkv")
    result = _run(make_clip("in.mp4"), tmp_path / "link.mkv", "--model", "bicubic")
    assert result.exit_code == 1
    assert f"folder {tmp_path / 'none'} does not exist" in result.stderr


def test_output_on_another_file_system(make_clip: Clip, mount: Callable[[str], Path]) -> None:
    source, folder = make_clip("in.mp4"), mount("size=10m")
    assert folder.stat().st_dev != source.stat().st_dev
    result = _run(source, folder / "o.mkv", "--model", "bicubic")
    assert result.exit_code == 0, result.stderr
    assert names(folder) == {"o.mkv"}
    assert count_frames(folder / "o.mkv") == 5


@pytest.mark.parametrize(
    ("ending", "options"), [("mp4", ()), ("mkv", ()), ("mp4", ("--keep-partial",))]
)
def test_full_disk_is_one_line_and_leaves_the_disk_as_it_was(
    make_clip: Clip, mount: Callable[[str], Path], ending: str, options: tuple[str, ...]
) -> None:
    source, folder = make_clip("in.mp4", pts=[3600 * n for n in range(60)]), mount("size=200k")
    (folder / f"o.{ending}").write_bytes(b"old")
    args = ["--model", "bicubic", "--codec", "ffv1" if ending == "mkv" else "x264", *options]
    result = _run(source, folder / f"o.{ending}", *args, "--overwrite", "--quiet", "--scale", "4")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "no space left on device; free some space" in result.stderr
    assert (folder / f"o.{ending}").read_bytes() == b"old"
    assert names(folder) == {f"o.{ending}"}


def decode_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "x264"), ("mov", "x264"), ("mkv", "x264"), ("mkv", "ffv1")]
)
def test_full_disk_leaves_what_was_complete_on_demand(
    make_clip: Clip, mount: Callable[[str], Path], ending: str, codec: str
) -> None:
    source = make_clip("in.mkv", pts=[3600 * n for n in range(150)], audio_start=0.0)
    folder = mount("size=1m")
    options = ["--codec", codec, *(["--crf", "0"] if codec == "x264" else [])]
    args = ["--model", "bicubic", "--scale", "4", "--keep-partial", "--quiet", *options]
    result = _run(source, folder / f"o.{ending}", *args)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    kept = folder / f"o.partial.{ending}"
    match = re.search(
        rf"no space left on device; .*; (\d+) frames are kept in {kept}$", result.stderr
    )
    assert match is not None, result.stderr
    assert names(folder) == {kept.name}
    times = decode_times(kept)
    assert len(times) == int(match[1]) > 5
    assert times == pytest.approx([n / 25 for n in range(len(times))], abs=0.001)


@pytest.mark.parametrize(("ending", "is_kept"), [("mp4", False), ("mkv", True)])
def test_what_is_said_of_a_file_that_grew_too_large_is_true(
    make_clip: Clip, tmp_path: Path, ending: str, is_kept: bool
) -> None:
    """A limit comes without warning: the muxer cannot write the end any more."""
    source = make_clip("in.mkv", pts=[3600 * n for n in range(60)])
    folder = tmp_path / "out"
    folder.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, before[1]))
    options = ["--model", "bicubic", "--scale", "4", "--codec", "x264", "--crf", "0", "--quiet"]
    try:
        result = _run(source, folder / f"o.{ending}", *options, "--keep-partial")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "file too large" in result.stderr
    if not is_kept:
        assert "nothing is kept: a .mp4 file cannot be read without its end" in result.stderr
        assert names(folder) == set()
        return
    match = re.search(r"(\d+) frames are kept in (.*)$", result.stderr)
    assert match is not None, result.stderr
    assert count_frames(Path(match[2])) == int(match[1]) > 5


def test_folder_that_is_read_only_is_refused_before_anything_is_computed(
    make_clip: Clip, mount: Callable[[str], Path]
) -> None:
    result = _run(make_clip("in.mp4"), mount("ro") / "o.mp4", "--model", "nothing like it")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "is not writable" in result.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs the folder /proc of Linux")
@pytest.mark.parametrize("name", ["o.mp4", "o.gif", "o.y4m", "o.png", "o_%03d.png"])
def test_folder_that_takes_no_files_is_named_before_anything_is_computed(
    make_clip: Clip, name: str
) -> None:
    """Its rights alone would let root write there."""
    result = _run(make_clip("in.mp4"), f"/proc/{name}", "--model", "nothing like it")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "folder /proc is not writable: " in result.stderr
