"""The output file: refused early, complete or not there, and never half."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import check_output, open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import EncodingSpec

INFO = ClipInfo(64, 48, require_planar("gray"), Fraction(1, 25))
FFV1 = EncodingSpec(codec="ffv1")


def noise(number: int) -> Frame:
    random = torch.Generator().manual_seed(number)
    plane = torch.randint(0, 256, (48, 64), generator=random).to(torch.uint8)
    return Frame((plane,), pts=number, duration=1)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_could_be_written_passes(tmp_path: Path) -> None:
    check_output(tmp_path / "out.mp4")
    check_output(tmp_path / "OUT.MKV", input_path=tmp_path / "in.mkv")


def test_extension_without_a_container_names_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mp4.*\.mkv.*\.webm"):
        check_output(tmp_path / "out.xyz")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        check_output(tmp_path / "none" / "out.mp4")


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path)


def test_existing_file_needs_overwrite(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        check_output(tmp_path / "out.mp4")
    check_output(tmp_path / "out.mp4", overwrite=True)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_output_that_is_the_input_by_another_name(tmp_path: Path, link: object) -> None:
    (tmp_path / "in.mp4").touch()
    assert callable(link)
    link(tmp_path / "in.mp4", tmp_path / "out.mp4")
    for path in (tmp_path / "out.mp4", tmp_path / "." / "in.mp4"):
        with pytest.raises(ValueError, match="is the input"):
            check_output(path, overwrite=True, input_path=tmp_path / "in.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        check_output(tmp_path / "out.mp4")


def test_early_check_loads_nothing_heavy() -> None:
    code = (
        "import sys; from vsr_cli.media import check_output; "
        "print(sorted({'torch', 'av', 'numpy', 'imageio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def write_two_frames(path: Path, error: BaseException | None, *, overwrite: bool = False) -> None:
    with open_writer(path, INFO, FFV1, overwrite=overwrite) as writer:
        writer.write(noise(0))
        if error is not None:
            raise error
        writer.write(noise(1))


@pytest.mark.parametrize("error", [RuntimeError("model"), KeyboardInterrupt(), SystemExit(2)])
def test_an_error_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_two_frames(tmp_path / "out.mkv", error)
    assert names(tmp_path) == []


def test_an_error_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.mkv").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_two_frames(tmp_path / "out.mkv", RuntimeError(), overwrite=True)
    assert (tmp_path / "out.mkv").read_bytes() == b"old"
    assert names(tmp_path) == ["out.mkv"]


def test_overwriting_replaces_the_file_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "out.mkv").write_bytes(b"old")
    write_two_frames(tmp_path / "out.mkv", None, overwrite=True)
    with open_reader(tmp_path / "out.mkv") as reader:
        assert len(list(reader)) == 2
    assert names(tmp_path) == ["out.mkv"]


def test_a_file_that_came_into_being_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    writer = open_writer(path, INFO, FFV1)
    writer.write(noise(0))
    path.write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="meanwhile"):
        writer.__exit__(None, None, None)
    assert path.read_bytes() == b"somebody else's"
    assert names(tmp_path) == ["out.mkv"]


def test_a_killed_run_leaves_no_target_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    script = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_target import FFV1, INFO, noise, open_writer
        with open_writer({str(path)!r}, INFO, FFV1) as writer:
            for number in range(5):
                writer.write(noise(number))
            print("ready", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        others = open_writer(path, INFO, FFV1)  # of a process that is alive: is left alone
        assert len(names(tmp_path)) == 2
        others.__exit__(RuntimeError, None, None)
        assert len(names(tmp_path)) == 1
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    assert all(name.startswith(".out.mkv.") for name in names(tmp_path))
    write_two_frames(path, None)
    assert names(tmp_path) == ["out.mkv"]


def write_noise(path: Path, codec: str) -> None:
    with open_writer(path, INFO, EncodingSpec(codec=codec)) as writer:
        for number in range(40):
            writer.write(noise(number))


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
@pytest.mark.parametrize("codec", ["ffv1", "x264"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str, codec: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot write") as caught:
            write_noise(tmp_path / name, codec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []
