"""Which files a batch takes, and where their outputs go."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path, PurePath

import pytest

from vsr_cli.batch.inputs import FoundFile, find_inputs, listed_file, output_place
from vsr_cli.batch.jobs import FileSettings, Job, ListedInput, is_in_shard, make_jobs
from vsr_cli.batch.lists import read_list
from vsr_cli.errors import InputError
from vsr_cli.specs import BatchSpec, DecodingSpec, EncodingSpec, Shard, UpscaleSpec

PLAIN = FileSettings(upscale=UpscaleSpec(), encoding=EncodingSpec(), decoding=DecodingSpec())


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs; the process is beside it."""
    for name in ("runs/a.mp4", "runs/x/b.MKV", "runs/x/y/größe ü.mp4", "runs/x/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "runs/.hidden.mp4").touch()
    (tmp_path / "runs/.git").mkdir()
    (tmp_path / "runs/.git/c.mp4").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def places(*sources: str, out: str = "out", spec: BatchSpec | None = None) -> list[str]:
    found = find_inputs(map(Path, sources), Path(out), spec or BatchSpec())
    return [str(file.place) for file in found]


def jobs(*sources: str, out: str = "out", spec: BatchSpec | None = None) -> list[Job]:
    spec = spec or BatchSpec()
    found = find_inputs(map(Path, sources), Path(out), spec)
    return make_jobs([ListedInput(file=f, settings=PLAIN) for f in found], Path(out), spec)


def targets(*sources: str, out: str = "out", spec: BatchSpec | None = None) -> list[str]:
    return [os.path.relpath(job.target) for job in jobs(*sources, out=out, spec=spec)]


@pytest.mark.usefixtures("tree")
def test_folder_keeps_the_tree_below_it() -> None:
    assert places("runs") == ["a.mp4", "x/b.MKV", "x/y/größe ü.mp4"]
    assert places("runs/x") == ["b.MKV", "y/größe ü.mp4"]
    assert places("runs/x/b.MKV") == ["b.MKV"]


@pytest.mark.usefixtures("tree")
def test_folder_alone_without_recursion() -> None:
    assert places("runs", spec=BatchSpec(recursive=False)) == ["a.mp4"]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("runs/*/*", ["x/b.MKV", "x/notes.txt", "x/y/größe ü.mp4"]),
        ("runs/**/*.mp4", ["a.mp4", "x/y/größe ü.mp4"]),
        ("r*/x/?.MKV", ["runs/x/b.MKV"]),
    ],
)
def test_wildcards_keep_the_tree_below_what_has_none(pattern: str, expected: list[str]) -> None:
    assert sorted(places(pattern)) == expected


@pytest.mark.usefixtures("tree")
def test_pattern_option_chooses_names_in_folders() -> None:
    assert places("runs", spec=BatchSpec(patterns=("*.txt", "a.*"))) == ["a.mp4", "x/notes.txt"]


def test_file_whose_name_has_wildcards_is_that_file(tree: Path) -> None:
    (tree / "runs" / "[1].mp4").touch()
    (tree / "runs" / "1.mp4").touch()
    assert places("runs/[1].mp4") == ["[1].mp4"]


def test_outputs_inside_of_the_inputs_are_no_inputs(tree: Path) -> None:
    for name in ("runs/sr/a.mp4", "runs/x/sr2/b.mp4"):
        (tree / name).parent.mkdir()
        (tree / name).touch()
    (tree / "runs/x/link").symlink_to(tree / "runs/sr")
    assert places("runs", out="runs/sr") == [
        *("a.mp4", "x/b.MKV", "x/sr2/b.mp4"),
        "x/y/größe ü.mp4",
    ]
    assert "sr/a.mp4" not in places("runs/**/*.mp4", out="runs/sr")


def test_links_in_a_circle_end(tree: Path) -> None:
    (tree / "runs/x/back").symlink_to(tree / "runs")
    assert places("runs") == ["a.mp4", "x/b.MKV", "x/y/größe ü.mp4"]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("sources", "out", "error", "words"),
    [
        (["none"], "out", InputError, "none does not exist; check the name"),
        (["runs/*.avi"], "out", InputError, "nothing in runs/\\*.avi"),
        (["runs"], "runs", ValueError, "runs is read and written"),
    ],
)
def test_inputs_that_are_not_there(
    sources: list[str], out: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        places(*sources, out=out)


def test_empty_folder_is_an_error(tree: Path) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(InputError, match="nothing in empty has a name that fits"):
        places("empty")


@pytest.mark.usefixtures("tree")
def test_outputs_have_the_suffix_and_an_ending_that_can_be_written(tree: Path) -> None:
    (tree / "runs" / "old.avi").touch()
    assert targets("runs", spec=BatchSpec(suffix="_x2")) == [
        *("out/a_x2.mp4", "out/old_x2.mkv", "out/x/b_x2.MKV"),
        "out/x/y/größe ü_x2.mp4",
    ]
    spec = BatchSpec(extension=".webm")
    assert str(output_place(PurePath("a.b/c.d.mov"), spec)) == "a.b/c.d.webm"


def test_two_files_for_one_output_are_refused(tree: Path) -> None:
    (tree / "runs/a.mkv").touch()
    with pytest.raises(ValueError, match=r"a\.mkv and .*a\.mp4 would both become .*out/a\.mkv"):
        jobs("runs", spec=BatchSpec(extension="mkv"))
    assert len(jobs("runs")) == 4


@pytest.mark.usefixtures("tree")
def test_file_that_is_found_twice_is_one_job() -> None:
    assert targets("runs", "runs/a.mp4") == targets("runs")


@pytest.mark.usefixtures("tree")
def test_output_that_is_an_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.mp4 is an input"):
        jobs("runs/a.mp4", out="runs")
    assert targets("runs/a.mp4", out="runs", spec=BatchSpec(suffix="_x2")) == ["runs/a_x2.mp4"]


def test_shards_part_the_files_and_stay_as_files_come(tree: Path) -> None:
    for number in range(60):
        (tree / "runs" / f"clip{number}.mp4").touch()

    def parts() -> list[list[str]]:
        return [targets("runs", spec=BatchSpec(shard=Shard(i, 4))) for i in range(4)]

    before = parts()
    assert sorted(chain(*before)) == targets("runs")
    assert all(before)
    (tree / "runs" / "another.mp4").touch()
    for old, new in zip(before, parts(), strict=True):
        assert {*new} - {*old} <= {"out/another.mp4"}
        assert {*old} <= {*new}


def test_one_shard_is_everything() -> None:
    assert is_in_shard(PurePath("a.mp4"), Shard(0, 1))


def test_list_has_a_path_in_each_line(tree: Path) -> None:
    lines = ["# runs of May", "runs/a.mp4", "", f"{tree}/runs/x/b.MKV", "runs/x/y/größe ü.mp4"]
    (tree / "list.txt").write_text("\n".join(lines))
    entries = read_list(Path("list.txt"))
    found = [listed_file(entry.path) for entry in entries]
    assert [str(file.place) for file in found] == [
        *("runs/a.mp4", "b.MKV"),
        "runs/x/y/größe ü.mp4",
    ]
    assert not any(entry.settings for entry in entries)


def test_list_in_toml_has_settings_and_outputs(tree: Path) -> None:
    (tree / "list.toml").write_text(
        "[[file]]\npath = 'runs/a.mp4'\nscale = 3\n\n"
        "[[file]]\npath = 'runs/x/b.MKV'\noutput = 'new/b.mp4'\n"
    )
    first, second = read_list(Path("list.toml"))
    assert (first.path, first.output, first.settings) == (Path("runs/a.mp4"), None, {"scale": 3})
    assert (second.output, second.settings) == (PurePath("new/b.mp4"), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file = 3", "tables"),
        ("[[clip]]\npath = 'a'", "tables"),
        ("[[file]]\npath = 3", "file 1: it needs a path"),
        ("[[file]]\npath = 'a'\noutput = '../b.mp4'", "below the folder of outputs"),
        ("[[file]]\npath = 'a'\noutput = '/b.mp4'", "below the folder of outputs"),
        ("x = ", "is not TOML"),
    ],
)
def test_list_that_says_something_else(tree: Path, text: str, words: str) -> None:
    (tree / "list.toml").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_list(tree / "list.toml")


def test_list_without_files_or_not_there(tree: Path) -> None:
    (tree / "list.txt").write_text("# nothing\n\n")
    with pytest.raises(InputError, match="names no file"):
        read_list(tree / "list.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_list(tree / "none.txt")


def test_weights_travel_by_absolute_paths(tree: Path) -> None:
    weights = (Path("w.safetensors"), Path("fsrcnn=w2.pth"))
    settings = FileSettings(
        upscale=UpscaleSpec(weights=weights), encoding=EncodingSpec(), decoding=DecodingSpec()
    )
    file = FoundFile(Path("runs/a.mp4"), PurePath("a.mp4"))
    (job,) = make_jobs([ListedInput(file=file, settings=settings)], Path("out"), BatchSpec())
    assert job.settings.upscale.weights == (
        tree / "w.safetensors",
        Path(f"fsrcnn={tree / 'w2.pth'}"),
    )
