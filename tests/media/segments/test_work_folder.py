"""The hidden folder of unfinished work: one owner at a time, nothing mixed, nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from av.packet import Packet

from vsr_cli.errors import OutputError
from vsr_cli.media.segments.packets import FrameMark, PacketFile, SegmentRecord
from vsr_cli.media.segments.work_folder import WorkFolder, file_digest

ONE, TWO = {"size": "64x48", "crf": "18"}, {"size": "64x48", "crf": "20"}
RECORD = SegmentRecord(
    number=0,
    extradata="00ff",
    times=((0, 2), (2, 3)),
    packets=((0, -1, 2, True), (2, 0, 3, False)),
    scene_cuts=1,
    head=FrameMark(0, "ab"),
    tail=(FrameMark(2, "cd"),),
    is_last=False,
)


def store(work: WorkFolder, number: int = 0) -> Path:
    path = work.place(number)
    file = PacketFile(path)
    for content in (b"first" * 9, b"second" * 9):
        file.add(Packet(content))
    file.finish(replace(RECORD, number=number))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out[1]*.mp4"


def folders(target: Path) -> list[Path]:
    return sorted(path for path in target.parent.iterdir() if path.is_dir())


def test_segments_are_there_for_the_next_one(target: Path) -> None:
    with WorkFolder(target, ONE) as work:
        assert work.segments() == {}
        store(work, 3)
    with WorkFolder(target, ONE) as work:
        assert work.segments()[3].record == replace(RECORD, number=3)
        assert work.others is None
        state = json.loads((work.path / "state.json").read_text())
        assert state.items() >= ONE.items()
        work.remove()
    assert folders(target) == []


def test_other_settings_have_another_folder_until_all_is_done(target: Path) -> None:
    with WorkFolder(target, ONE) as first:
        store(first)
    neighbour = target.with_name("out2.mp4")
    with WorkFolder(neighbour, ONE) as beside:
        store(beside)
    with WorkFolder(target, TWO) as work:
        assert work.segments() == {}
        assert work.others == (("crf",), first.path)
        work.remove()
    assert folders(target) == [beside.path]


def test_work_that_goes_on_is_not_removed(target: Path) -> None:
    with WorkFolder(target, ONE) as first:
        store(first)
        with WorkFolder(target, TWO) as work:
            work.remove()
        assert folders(target) == [first.path]


def test_second_owner_is_refused_and_a_dead_one_forgotten(target: Path) -> None:
    code = (
        "import sys, pathlib, time\n"
        "from vsr_cli.media.segments.work_folder import WorkFolder\n"
        f"with WorkFolder(pathlib.Path({str(target)!r}), {ONE!r}):\n"
        "    print('in', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(OutputError, match="another run works on"), WorkFolder(target, ONE):
            pass
        process.kill()
    with WorkFolder(target, ONE) as work:
        assert work.remove_if_empty()
    assert folders(target) == []


@pytest.mark.parametrize("state", [b"", b"{", b"[1]", b'{"crf": "1"}'])
def test_segments_without_their_state_are_not_used(target: Path, state: bytes) -> None:
    with WorkFolder(target, ONE) as work:
        store(work)
    (work.path / "state.json").write_bytes(state)
    with WorkFolder(target, ONE) as work:
        assert work.segments() == {}


def _damages(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content[: len(content) // 2]
    yield b""
    yield content.replace(b"secondsecond", b"secondsecont")
    yield content.replace(b'"scene_cuts"', b'"scene_cats"')


@pytest.mark.parametrize("number", range(4))
def test_damaged_segment_is_found_and_removed(target: Path, number: int) -> None:
    with WorkFolder(target, ONE) as work:
        path = store(work)
        store(work, 1)
    path.write_bytes(list(_damages(path))[number])
    with WorkFolder(target, ONE) as work:
        assert [*work.segments()] == [1]
        assert work.damaged == [path]
    assert not path.exists()


def test_part_of_a_segment_is_removed(target: Path) -> None:
    with WorkFolder(target, ONE) as work:
        (work.path / "000001.part").write_bytes(b"PK")
    with WorkFolder(target, ONE) as work:
        assert [path.name for path in work.path.iterdir() if path.suffix == ".part"] == []


def test_long_names_have_folders_of_their_own(tmp_path: Path) -> None:
    targets = [tmp_path / f"{'n' * 240}{letter}.mp4" for letter in "ab"]
    works = [WorkFolder(target, ONE) for target in targets]
    assert works[0].path != works[1].path
    for work in works:
        with work:
            assert work.path.is_dir()


def test_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")  # the example of FIPS 180-4
    assert file_digest(path).startswith("ba7816bf8f01cfea414140de5dae2223")
