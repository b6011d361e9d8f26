"""A batch in one process: what is done, skipped, done anew, and refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from vsr_cli.batch.attempts import Attempt, Attempts, FileResult
from vsr_cli.batch.inputs import STATE_FOLDER, find_inputs
from vsr_cli.batch.jobs import FileSettings, Job, ListedInput
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.lock import locked
from vsr_cli.batch.report import BatchReport
from vsr_cli.batch.run import run_batch
from vsr_cli.batch.work import Outcome
from vsr_cli.errors import OutputError, WeightsError
from vsr_cli.pipeline import loaded
from vsr_cli.pipeline.verify import count_frames, remove_leftovers
from vsr_cli.specs import BatchSpec, DecodingSpec, EncodingSpec, SchedulerSpec, Shard, UpscaleSpec

Clip = Callable[..., Path]
HERE = SchedulerSpec("none")
LOSSLESS = EncodingSpec(codec="ffv1")


@pytest.fixture
def clips(make_clip: Clip, tmp_path: Path) -> Path:
    """A folder with three clips, one of them damaged."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    shutil.move(make_clip("1.mkv"), folder / "a.mkv")
    shutil.move(make_clip("2.mkv", size=(32, 32)), folder / "deep" / "ü 二.mkv")
    (folder / "bad.mkv").write_bytes(b"not a clip")
    return folder


def batch(
    folder: Path,
    upscale: UpscaleSpec | None = None,
    encoding: EncodingSpec = LOSSLESS,
    decoding: DecodingSpec | None = None,
    spec: BatchSpec | None = None,
    *,
    dry_run: bool = False,
    listener: BatchListener | None = None,
) -> BatchReport:
    spec, out = spec or BatchSpec(scheduler=HERE), folder.parent / "out"
    settings = FileSettings(
        upscale=upscale or UpscaleSpec(model="bicubic"),
        encoding=encoding,
        decoding=decoding or DecodingSpec(),
    )
    inputs = [ListedInput(file=f, settings=settings) for f in find_inputs([folder], out, spec)]
    return run_batch(inputs, out, spec, dry_run=dry_run, listener=listener)


def statuses(report: BatchReport) -> dict[str, tuple[str, str]]:
    return {Path(file.output).name: (file.status, file.reason) for file in report.files}


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_ino, p.stat().st_mtime_ns) for p in paths}


def size_of(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        return container.streams.video[0].width, container.streams.video[0].height


def test_bad_file_stops_no_other_and_is_told(clips: Path) -> None:
    report = batch(clips)
    assert statuses(report) == {
        "a.mkv": ("done", "new"),
        "bad.mkv": ("failed", "new"),
        "ü 二.mkv": ("done", "new"),
    }
    out = clips.parent / "out"
    assert size_of(out / "a.mkv") == (128, 96)
    assert size_of(out / "deep" / "ü 二.mkv") == (64, 64)
    (bad,) = [file for file in report.files if file.status == "failed"]
    assert "bad.mkv is not a video" in bad.error
    assert (bad.attempts, bad.frames) == (1, 0)  # another attempt would meet the same
    assert "is not a video" in Path(bad.log).read_text()
    assert "Traceback" in Path(bad.log).read_text()
    assert {*listing(out)} == {
        *("a.mkv", "deep/ü 二.mkv", ".vsr-batch/lock", ".vsr-batch/bad.mkv.log"),
        *(".vsr-batch/a.mkv.json", ".vsr-batch/a.mkv.log"),
        *(".vsr-batch/deep/ü 二.mkv.json", ".vsr-batch/deep/ü 二.mkv.log"),
    }
    assert report.counts == {"done": 2, "failed": 1}


def test_second_run_skips_what_is_done(clips: Path) -> None:
    batch(clips)
    (clips / "bad.mkv").unlink()
    before = listing(clips.parent / "out")
    report = batch(clips)
    assert {*statuses(report).values()} == {("skipped", "done")}
    after = listing(clips.parent / "out")
    assert after == before


def test_failed_file_is_tried_again_in_the_next_run(clips: Path) -> None:
    batch(clips)
    shutil.copy(clips / "a.mkv", clips / "bad.mkv")
    assert statuses(batch(clips)) == {
        "a.mkv": ("skipped", "done"),
        "bad.mkv": ("done", "new"),
        "ü 二.mkv": ("skipped", "done"),
    }


def test_changed_input_is_done_anew_and_no_other(clips: Path, make_clip: Clip) -> None:
    batch(clips)
    shutil.move(make_clip("new.mkv", size=(48, 32)), clips / "a.mkv")
    found = statuses(batch(clips))
    assert found["a.mkv"] == ("done", "input changed")
    assert found["ü 二.mkv"] == ("skipped", "done")
    assert size_of(clips.parent / "out" / "a.mkv") == (96, 64)


def test_input_of_equal_size_and_time_is_told_apart(clips: Path) -> None:
    batch(clips)
    status, data = (clips / "a.mkv").stat(), (clips / "a.mkv").read_bytes()
    (clips / "a.mkv").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(clips / "a.mkv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert statuses(batch(clips, dry_run=True))["a.mkv"] == ("planned", "input changed")


def test_input_that_was_only_touched_is_not_done_anew(clips: Path) -> None:
    batch(clips)
    os.utime(clips / "a.mkv", ns=(0, 0))
    assert statuses(batch(clips))["a.mkv"] == ("skipped", "done")


def test_change_in_the_middle_of_a_large_input_is_found(clips: Path) -> None:
    data = (clips / "a.mkv").read_bytes()
    (clips / "a.mkv").write_bytes(data + bytes(3 << 20))  # the rest is read over
    tolerant = DecodingSpec(tolerate=9)
    assert statuses(batch(clips, decoding=tolerant))["a.mkv"][0] == "done"
    with (clips / "a.mkv").open("r+b") as file:
        file.seek(len(data) + (3 << 19))
        file.write(b"\1")
    found = statuses(batch(clips, decoding=tolerant, dry_run=True))
    assert found["a.mkv"] == ("planned", "input changed")


@pytest.mark.parametrize(
    ("upscale", "encoding", "decoding"),
    [
        (UpscaleSpec(model="bicubic", scale=3), LOSSLESS, DecodingSpec()),
        (UpscaleSpec(model="lanczos"), LOSSLESS, DecodingSpec()),
        (UpscaleSpec(model="bicubic"), EncodingSpec(codec="x264", crf=30), DecodingSpec()),
        (UpscaleSpec(model="bicubic"), LOSSLESS, DecodingSpec(end_s=0.1)),
    ],
)
def test_changed_settings_are_done_anew(
    clips: Path, upscale: UpscaleSpec, encoding: EncodingSpec, decoding: DecodingSpec
) -> None:
    batch(clips)
    found = statuses(batch(clips, upscale, encoding, decoding))
    assert found["a.mkv"] == found["ü 二.mkv"] == ("done", "settings changed")
    assert statuses(batch(clips, upscale, encoding, decoding))["a.mkv"] == ("skipped", "done")


def test_where_it_is_computed_is_no_change(clips: Path) -> None:
    batch(clips)
    upscale = UpscaleSpec(model="bicubic", device="cpu", batch_size=1, tile=32)
    assert statuses(batch(clips, upscale))["a.mkv"] == ("skipped", "done")


def test_tolerance_may_be_raised_but_not_lowered(clips: Path) -> None:
    batch(clips, decoding=DecodingSpec(tolerate=1))
    raised = statuses(batch(clips, decoding=DecodingSpec(tolerate=2), dry_run=True))
    lowered = statuses(batch(clips, decoding=DecodingSpec(tolerate=0), dry_run=True))
    assert raised["a.mkv"] == ("skipped", "done")
    assert lowered["a.mkv"] == ("planned", "settings changed")


def test_new_weights_in_the_same_file_are_a_change(
    clips: Path, random_weights: tuple[Path, Path]
) -> None:
    upscale = UpscaleSpec(model="fsrcnn", weights=random_weights[:1])
    assert statuses(batch(clips, upscale))["a.mkv"] == ("done", "new")
    assert statuses(batch(clips, upscale))["a.mkv"] == ("skipped", "done")
    file = random_weights[0]
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert statuses(batch(clips, upscale))["a.mkv"] == ("done", "settings changed")


def test_output_that_is_gone_or_cut_is_done_anew(clips: Path) -> None:
    batch(clips)
    out = clips.parent / "out"
    whole = (out / "a.mkv").read_bytes()
    (out / "a.mkv").write_bytes(whole[: len(whole) // 2])
    (out / "deep" / "ü 二.mkv").unlink()
    found = statuses(batch(clips))
    assert found["a.mkv"] == found["ü 二.mkv"] == ("done", "output changed")


def test_output_that_was_copied_is_counted_and_stands(clips: Path) -> None:
    batch(clips)
    out = clips.parent / "out" / "a.mkv"
    os.utime(out, ns=(0, 0))
    assert statuses(batch(clips))["a.mkv"] == ("skipped", "done")


def test_output_folder_can_be_moved(clips: Path) -> None:
    batch(clips)
    (clips.parent / "out").rename(clips.parent / "archive")
    (clips.parent / "out").symlink_to(clips.parent / "archive")
    assert statuses(batch(clips))["a.mkv"] == ("skipped", "done")


def test_run_that_died_before_its_record_is_done_anew(clips: Path) -> None:
    """As after kill -9 between the output and its record."""
    batch(clips)
    record = clips.parent / "out" / STATE_FOLDER / "a.mkv.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"state": "running"}))
    assert statuses(batch(clips))["a.mkv"] == ("done", "unfinished")


def test_record_that_is_damaged_does_not_hide_a_foreign_file(clips: Path) -> None:
    batch(clips)
    record = clips.parent / "out" / STATE_FOLDER / "a.mkv.json"
    record.write_text(record.read_text()[:100])
    report = batch(clips)
    assert statuses(report)["a.mkv"] == ("failed", "new")
    again = batch(clips, spec=BatchSpec(scheduler=HERE, overwrite=True))
    assert statuses(again)["a.mkv"] == ("done", "new")


def test_file_that_no_batch_has_made_stays(clips: Path) -> None:
    target = clips.parent / "out" / "a.mkv"
    target.parent.mkdir()
    target.write_bytes(b"precious")
    (failed,) = [f for f in batch(clips).files if f.output == str(target)]
    assert (failed.status, failed.attempts) == ("failed", 1)
    assert "no batch has made it; give --overwrite" in failed.error
    assert target.read_bytes() == b"precious"


def test_names_may_be_as_long_as_names_can_be(clips: Path) -> None:
    names = [f"{'語' * 70}{number}.mkv" for number in (1, 2)]  # 215 bytes
    for name in names:
        shutil.copy(clips / "a.mkv", clips / name)
    found = statuses(batch(clips))
    assert [found[name] for name in names] == [("done", "new")] * 2
    found = statuses(batch(clips))
    assert [found[name] for name in names] == [("skipped", "done")] * 2


def test_name_that_is_no_text_works(clips: Path) -> None:
    name = os.fsdecode(b"latin-\xe9.mkv")
    shutil.copy(clips / "a.mkv", clips / name)
    report = batch(clips)
    assert statuses(report)[name] == ("done", "new")
    assert json.loads(json.dumps(report.to_json()))["counts"] == {"done": 3, "failed": 1}
    assert statuses(batch(clips))[name] == ("skipped", "done")


def test_dry_run_writes_nothing(clips: Path) -> None:
    report = batch(clips, dry_run=True)
    assert report.counts == {"planned": 3}
    assert not (clips.parent / "out").exists()
    batch(clips)
    before = listing(clips.parent)
    assert batch(clips, dry_run=True).counts == {"planned": 1, "skipped": 2}
    assert listing(clips.parent) == before


def test_folder_that_cannot_be_written_is_refused_first(clips: Path) -> None:
    (clips.parent / "out").write_text("a file")
    with pytest.raises(OutputError, match="out is not writable"):
        batch(clips)


def test_wrong_networks_are_told_before_anything_is_written(clips: Path) -> None:
    with pytest.raises(ValueError, match="unknown model"):
        batch(clips, UpscaleSpec(model="nonesuch"))
    with pytest.raises(WeightsError, match="there are: fsrcnn x2 climate"):
        batch(clips, UpscaleSpec(model="fsrcnn", scale=2, domain="mars"))
    assert not (clips.parent / "out").exists()


def test_two_runs_at_one_folder_but_any_number_of_shards(tmp_path: Path) -> None:
    busy = "another vsr batch is at work"
    with locked(tmp_path, None), pytest.raises(OutputError, match=busy), locked(tmp_path, None):
        pass
    with locked(tmp_path, Shard(0, 2)), locked(tmp_path, Shard(1, 2)):
        with pytest.raises(OutputError, match=busy), locked(tmp_path, Shard(1, 2)):
            pass
        with pytest.raises(OutputError, match=busy), locked(tmp_path, None):
            pass
    with locked(tmp_path, None) as note:
        assert note == ""


def test_shards_do_all_files_once(clips: Path) -> None:
    done = []
    for index in range(3):
        report = batch(clips, spec=BatchSpec(scheduler=HERE, shard=Shard(index, 3)))
        done += [Path(file.output).name for file in report.files]
    assert sorted(done) == ["a.mkv", "bad.mkv", "ü 二.mkv"]
    assert batch(clips).counts == {"failed": 1, "skipped": 2}


def test_networks_are_read_once_for_all_files(
    clips: Path, random_weights: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    plain = loaded.load_chain
    loaded._load.cache_clear()
    monkeypatch.setattr(loaded, "load_chain", lambda *a, **k: calls.append(a) or plain(*a, **k))
    report = batch(clips, UpscaleSpec(model="fsrcnn", weights=random_weights[:1]))
    assert report.counts == {"done": 2, "failed": 1}
    assert calls == [("fsrcnn", 2)]


def test_kept_networks_give_the_frames_of_fresh_ones(
    clips: Path, random_weights: tuple[Path, Path]
) -> None:
    """The second clip of a batch is as if it were alone."""
    upscale = UpscaleSpec(model="2d3d", weights=random_weights)
    batch(clips, upscale)
    second = clips.parent / "out" / "deep" / "ü 二.mkv"
    together = decoded(second)
    second.unlink()
    loaded._load.cache_clear()
    batch(clips, upscale)
    assert decoded(second) == together


def decoded(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(plane) for f in container.decode(video=0) for plane in f.planes]


class Watch(BatchListener):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def on_start(self, attempt: Attempt, num_frames: int | None, frame_pixels: int) -> None:
        self.told.append(("start", attempt.job.place.name, num_frames, frame_pixels))

    def on_frame(self, attempt: Attempt, number: int) -> None:
        self.told.append(("frame", attempt.job.place.name, number))

    def on_end(self, attempt: Attempt, outcome: Outcome, result: FileResult | None) -> None:
        self.told.append(("end", attempt.job.place.name, outcome.frames))


def test_progress_is_told_frame_by_frame(clips: Path) -> None:
    watch = Watch()
    batch(clips, listener=watch)
    told = [event for event in watch.told if event[1] == "a.mkv"]
    assert told == [
        ("start", "a.mkv", 5, 64 * 48),
        *(("frame", "a.mkv", number) for number in range(1, 6)),
        ("end", "a.mkv", 5),
    ]


def test_leftovers_of_dead_processes_are_removed(clips: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    leftover = clips / f".a.mkv.{host}.{dead.pid}.part.mkv"
    alive = clips / f".a.mkv.{host}.{os.getppid()}.part.mkv"
    leftover.touch()
    alive.touch()
    remove_leftovers(clips / "a.mkv")
    assert not leftover.exists()
    assert alive.exists()
    assert (clips / "a.mkv").exists()


def fake_jobs(count: int) -> list[tuple[Job, str]]:
    settings = FileSettings(upscale=UpscaleSpec(), encoding=EncodingSpec(), decoding=DecodingSpec())
    return [
        (
            Job(
                source=Path(f"/in/{n}"),
                target=Path(f"/out/{n}"),
                place=Path(str(n)),
                settings=settings,
                overwrite=False,
                out_dir=Path("/out"),
                size_bytes=n,
            ),
            "new",
        )
        for n in range(count)
    ]


def test_attempts_end_after_the_retries() -> None:
    attempts = Attempts(fake_jobs(1), retries=2)  # type: ignore[arg-type]
    broken = Outcome(error="disk", may_retry=True)
    for number in (1, 2, 3):
        attempt = attempts.take()
        assert attempt is not None
        assert attempt.number == number
        result = attempts.finish(attempt, broken)
    assert result is not None
    assert (result.status, result.attempts, attempts.is_over) == ("failed", 3, True)


def test_last_attempt_after_deaths_is_made_alone() -> None:
    attempts = Attempts(fake_jobs(3), retries=1)  # type: ignore[arg-type]
    first, second = attempts.take(), attempts.take()
    assert first is not None
    assert second is not None
    assert attempts.finish(first, Outcome(error="x", may_retry=True, worker_died=True)) is None
    third = attempts.take()
    assert third is not None
    assert third.index == 2
    assert attempts.take() is None  # others are at work
    for attempt in (second, third):
        attempts.finish(attempt, Outcome(frames=1))
    alone = attempts.take()
    assert alone is not None
    assert (alone.index, alone.number, attempts.take()) == (0, 2, None)
    attempts.finish(alone, Outcome(frames=1))
    assert attempts.is_over
    assert [result.status for result in attempts.results] == ["done"] * 3


def test_file_that_is_still_being_written_is_done_when_it_is_complete(
    clips: Path, make_clip: Clip
) -> None:
    whole = make_clip("whole.mkv", pts=[3600 * tick for tick in range(400)]).read_bytes()
    written, is_over = clips / "growing.mkv", threading.Event()
    written.write_bytes(whole[:2000])

    def write() -> None:
        with written.open("ab", buffering=0) as file:
            for start in range(2000, len(whole), 1500):
                file.write(whole[start : start + 1500])
                if is_over.wait(0.01):
                    break

    writer = threading.Thread(target=write)
    writer.start()
    first = batch(clips)
    is_over.set()
    writer.join()
    found = statuses(first)
    assert {found["a.mkv"][0], found["ü 二.mkv"][0]} == {"done"}
    out = clips.parent / "out"
    if found["growing.mkv"][0] == "failed":
        assert not (out / "growing.mkv").exists()
    written.write_bytes(whole)
    again = batch(clips)
    (report,) = [file for file in again.files if file.output.endswith("growing.mkv")]
    assert report.status in ("done", "skipped")
    assert count_frames(out / "growing.mkv") == 400


def test_record_that_a_dead_process_was_writing_is_removed(clips: Path) -> None:
    folder = clips.parent / "out" / STATE_FOLDER / "deep"
    folder.mkdir(parents=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename
    parts = [folder / f"x.json.{host}.{pid}.part" for pid in (dead.pid, os.getpid())]
    parts.append(folder / f"x.json.elsewhere.{dead.pid}.part")
    for part in parts:
        part.write_text("{")
    batch(clips)
    assert [part.exists() for part in parts] == [False, True, True]
