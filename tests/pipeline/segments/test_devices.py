"""One clip on several devices: the file of one run, and an end at once where something fails."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from vsr_cli.errors import InputError, MissingExtraError, NumericalError, OutputError
from vsr_cli.media.segments.packets import FrameMark
from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.segments import crew as crews
from vsr_cli.pipeline.segments import worker
from vsr_cli.pipeline.segments.crew import Crew
from vsr_cli.pipeline.segments.devices import DevicesReport, upscale_on_devices
from vsr_cli.pipeline.segments.plan import LEAST_FRAMES, Stretch, shared_length
from vsr_cli.pipeline.segments.process import WorkerError, WorkerProcess, rebuild
from vsr_cli.pipeline.segments.resumable import UnjoinableError
from vsr_cli.pipeline.segments.resume import resume_video
from vsr_cli.pipeline.segments.worker import (
    Failed,
    FrameDone,
    LogLine,
    Made,
    Message,
    Setup,
    serve,
)
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
FFV1 = EncodingSpec(codec="ffv1")
BOTH = UpscaleSpec(model="bicubic", device="cpu,cpu")
ALONE = replace(BOTH, device="cpu")
SIZES = {"filename", "size", "bit_rate", "probe_score"}
GONE_S = 20  # for a process of a busy machine to be at its next frame


def hashes(tool: str, path: Path) -> str:
    """Time and digest of everything in a file: frames decoded, other streams by packet."""
    streams = ["-map", "0", "-c", "copy", "-c:v", "rawvideo"]
    command = [tool, "-v", "error", "-i", str(path), *streams, "-f", "framemd5", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def document(tool: str, path: Path) -> dict[str, Any]:
    """What ffprobe says of the streams and the file, but for sizes in bytes."""
    command = [tool, "-v", "error", "-of", "json", "-show_streams", "-show_format", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {
        "format": {k: v for k, v in found["format"].items() if k not in SIZES},
        "streams": [{k: v for k, v in s.items() if k not in SIZES} for s in found["streams"]],
    }


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def film(require_tool: Tool, tmp_path: Path) -> Path:
    """26 frames of 48x32, a scene cut after 13, a tone and a subtitle."""
    path, text = tmp_path / "in.mkv", tmp_path / "in.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,700\nhello\n")
    scenes = [f"{kind}=size=48x32:rate=25" for kind in ("testsrc2", "mandelbrot")]
    inputs = [word for scene in scenes for word in ("-f", "lavfi", "-i", scene)]
    inputs += ["-f", "lavfi", "-i", "sine=frequency=440:duration=1.04", "-i", str(text)]
    joined = "[0]trim=end_frame=13[a];[1]trim=end_frame=13[b];[a][b]concat,format=yuv420p[v]"
    streams = ["-filter_complex", joined, "-map", "[v]", "-map", "2:a", "-map", "3:s"]
    codecs = ["-c:v", "libx264", "-c:a", "aac", "-c:s", "srt"]
    tool = require_tool("ffmpeg")
    subprocess.run([tool, "-v", "error", *inputs, *streams, *codecs, str(path)], check=True)
    text.unlink()
    return path


class Recorder(Listener):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.numbers: list[int] = []

    def on_start(self, start: Start) -> None:
        self.starts.append(start)

    def on_frame(self, number: int) -> None:
        self.numbers.append(number)


class KillWorker(Recorder):
    """Kills a worker when so many frames are done."""

    def __init__(self, number: int, pids: list[int]) -> None:
        super().__init__()
        self._number, self._pids = number, pids

    def on_frame(self, number: int) -> None:
        super().on_frame(number)
        if number == self._number:
            os.kill(self._pids[0], signal.SIGKILL)


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the processes that are started, as they are."""
    found: list[int] = []

    class Noted(WorkerProcess):
        def __enter__(self) -> Noted:
            super().__enter__()
            found.append(self.pid)
            return self

    monkeypatch.setattr(crews, "WorkerProcess", Noted)
    return found


def is_gone(pid: int) -> bool:
    """True for no process, or one whose parent has not taken note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.slow
def test_two_processes_give_the_file_of_one(
    film: Path, require_tool: Tool, tmp_path: Path, pids: list[int]
) -> None:
    spec = UpscaleSpec(model="2d3d-fast", device="cpu", precision="fp32")
    plain = upscale_video(film, tmp_path / "plain.mkv", spec, FFV1)
    both, listener = replace(spec, device="cpu,cpu"), Recorder()
    report = upscale_on_devices(
        film, tmp_path / "out.mkv", both, FFV1, segment_frames=6, listener=listener
    )
    assert isinstance(report, DevicesReport)
    assert (report.frames, report.segments, report.device) == (26, 5, "cpu,cpu")
    assert report.scene_cuts == plain.scene_cuts == 1
    assert sum(report.frames_by_device) == 26
    assert min(report.frames_by_device) > 0
    assert report.warnings == plain.warnings
    assert listener.numbers == [*range(1, 27)]
    ffmpeg, ffprobe = require_tool("ffmpeg"), require_tool("ffprobe")
    assert hashes(ffmpeg, tmp_path / "out.mkv") == hashes(ffmpeg, tmp_path / "plain.mkv")
    ours = document(ffprobe, tmp_path / "out.mkv")
    assert ours == document(ffprobe, tmp_path / "plain.mkv")
    kinds = [stream["codec_type"] for stream in ours["streams"]]
    assert kinds == ["video", "audio", "subtitle"]
    assert names(tmp_path) == {"in.mkv", "plain.mkv", "out.mkv"}
    assert len(pids) == 2
    assert all(map(is_gone, pids))


@pytest.mark.slow
def test_killed_worker_ends_the_run_and_the_next_one_goes_on(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, pids: list[int]
) -> None:
    source, target = make_clip("in.mp4", pts=[3600 * t for t in range(60)]), tmp_path / "out.mkv"
    for resume in (False, True):
        pids.clear()
        listener = KillWorker(20, pids)
        with pytest.raises(WorkerError, match="of cpu was killed by SIGKILL") as caught:
            upscale_on_devices(
                *(source, target, BOTH, FFV1),
                resume=resume,
                segment_frames=5,
                listener=listener,
            )
        assert all(map(is_gone, pids))
        notes = getattr(caught.value, "__notes__", [])
        assert [note for note in notes if "finished segments are kept in" in note] == notes
        assert len(notes) == resume
    (folder,) = tmp_path.glob(".out.mkv.*.resume")
    assert names(tmp_path) == {"in.mp4", folder.name}
    assert not list(folder.glob("*.part"))
    # What is finished is not of these processes, but of the clip: one device goes on with it.
    report = resume_video(source, target, ALONE, FFV1, segment_frames=5)
    assert report.frames_kept >= 10
    upscale_video(source, tmp_path / "plain.mkv", ALONE, FFV1)
    ffmpeg = require_tool("ffmpeg")
    assert hashes(ffmpeg, target) == hashes(ffmpeg, tmp_path / "plain.mkv")
    assert names(tmp_path) == {"in.mp4", "out.mkv", "plain.mkv"}


@pytest.mark.slow
def test_work_of_another_run_is_gone_on_with_and_not_lost(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, pids: list[int]
) -> None:
    """Also where the second call, which does not say --resume, is ended in its turn."""

    class End(Listener):
        def on_frame(self, number: int) -> None:
            if number == 12:
                raise KeyboardInterrupt

    source, target = make_clip("in.mp4", pts=[3600 * t for t in range(40)]), tmp_path / "out.mkv"
    with pytest.raises(KeyboardInterrupt):
        resume_video(source, target, ALONE, FFV1, segment_frames=5, listener=End())
    (folder,) = tmp_path.glob(".out.mkv.*.resume")
    before = names(folder)
    assert {"000000.segment", "000001.segment"} <= before
    with pytest.raises(KeyboardInterrupt):
        upscale_on_devices(source, target, BOTH, FFV1, segment_frames=5, listener=End())
    assert {name for name in names(folder) if ".segment" in name} <= before
    assert all(map(is_gone, pids))
    listener = Recorder()
    report = upscale_on_devices(source, target, BOTH, FFV1, segment_frames=5, listener=listener)
    assert isinstance(report, DevicesReport)
    assert (report.frames, report.frames_kept, sum(report.frames_by_device)) == (40, 10, 30)
    assert listener.starts[0].frames == 30
    upscale_video(source, tmp_path / "plain.mkv", ALONE, FFV1)
    ffmpeg = require_tool("ffmpeg")
    assert hashes(ffmpeg, target) == hashes(ffmpeg, tmp_path / "plain.mkv")


def test_error_of_a_worker_is_that_of_the_run(
    make_clip: Clip, tmp_path: Path, pids: list[int]
) -> None:
    module = get_spec("fsrcnn").build(2, True)
    with torch.no_grad():
        module.upsample.weight.fill_(3e38)
    save_weights(
        tmp_path / "w.safetensors", module, WeightRecord(arch="fsrcnn", scale=2, domain="test")
    )
    source = make_clip("in.mp4", pts=[3600 * t for t in range(8)])
    spec = UpscaleSpec(model="fsrcnn", weights=(tmp_path / "w.safetensors",), device="cpu,cpu")
    with pytest.raises(NumericalError, match="values that are not finite"):
        upscale_on_devices(source, tmp_path / "out.mp4", spec, segment_frames=8)
    assert names(tmp_path) == {"in.mp4", "w.safetensors"}
    assert len(pids) == 1  # one segment, one process
    assert all(map(is_gone, pids))


def test_what_cannot_be_made_in_segments_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    source, target = make_clip("in.mp4"), tmp_path / "out.mp4"
    for args, line in (
        ((Path("-"), target, BOTH), "--device cpu,cpu needs a video file as input, not -"),
        ((source, tmp_path / "o.gif", BOTH), "--device cpu,cpu writes video files, not"),
        ((source, target, BOTH, EncodingSpec(keep_partial=True)), "not for --device cpu,cpu"),
        ((source, target, BOTH, None, DecodingSpec(tolerate=1)), "--tolerate 1 is not for"),
    ):
        with pytest.raises(ValueError, match=line):
            upscale_on_devices(*args)
    assert names(tmp_path) == {"in.mp4"}


def _command(source: Path, target: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "vsr_cli", "upscale", str(source), str(target), "--quiet"]
    model = ["--model", "bicubic", "--scale", "4", "--codec", "ffv1", "--device", "cpu,cpu"]
    return [*words, *model, "--segment-frames", "20", *options]


def _wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    """The processes that a process has started."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ended_run_ends_its_workers_and_goes_on(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, number: int
) -> None:
    source, target = make_clip("in.mp4", pts=[3600 * t for t in range(500)]), tmp_path / "out.mkv"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = _command(source, target, "--resume")
    run = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: len(list(tmp_path.glob(".*.resume/*.segment"))) > 1)
    workers = _children(run.pid)
    assert len(workers) == 2
    run.send_signal(number)
    _, stderr = run.communicate(timeout=60)
    if number == signal.SIGINT:
        assert run.returncode == 130
        assert stderr.startswith("Error: interrupted; finished segments are kept in")
        assert len(stderr.splitlines()) == 1
        assert all(map(is_gone, workers))  # at once
    else:
        assert run.returncode == -signal.SIGKILL
        _wait_for(lambda: all(map(is_gone, workers)))
    assert not target.exists()
    spec = replace(ALONE, scale=4)
    report = resume_video(source, target, spec, FFV1, segment_frames=20)
    assert report.frames_kept >= 40
    upscale_video(source, tmp_path / "plain.mkv", spec, FFV1)
    ffmpeg = require_tool("ffmpeg")
    assert hashes(ffmpeg, target) == hashes(ffmpeg, tmp_path / "plain.mkv")
    assert names(tmp_path) == {"in.mp4", "out.mkv", "plain.mkv"}


@pytest.mark.slow
def test_script_without_a_guard_may_call_it(make_clip: Clip, tmp_path: Path) -> None:
    """Its processes neither run it once more, nor load what lies in its folder."""
    source = make_clip("in.mp4", pts=[3600 * t for t in range(8)])
    call = f"import vsr_cli\nvsr_cli.upscale({str(source)!r}, 'o.mp4', model='bicubic', "
    folder = tmp_path / "there"
    folder.mkdir()
    (tmp_path / "script.py").write_text(f"{call}device='cpu,cpu')\n")
    (folder / "torch.py").write_text("raise SystemExit('not this one')\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], cwd=folder, env=environment, check=True
    )
    assert names(folder) == {"torch.py", "o.mp4"}


MARK = FrameMark(0, "")
STRETCH = Stretch(first=0, end=1, context=(), head=MARK)


def _setup(source: Path, folder: Path) -> Setup:
    return Setup(
        source=source,
        target=folder / "out.mkv",
        spec=ALONE,
        encoding=FFV1,
        decoding=DecodingSpec(),
        length=4,
        digest="",
        folder=folder,
        threads=torch.get_num_threads(),
        log_level=logging.WARNING,
    )


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Message]]]:
    """Serves in a thread in the place of a process; gives what is told until a segment has ended.

    Of a setup alone, or of a setup and a segment, in whose place ``make`` is called.
    """
    monkeypatch.setattr(worker, "keep_freed_memory", lambda: None)  # for a process of its own
    logger, package = logging.getLogger(), logging.getLogger("vsr_cli")
    before, level = [*logger.handlers], package.level

    def call(setup: Setup, make: Callable[..., Made] | None = None) -> list[Message]:
        ours, theirs = Pipe()
        if make is not None:
            monkeypatch.setattr(worker, "_prepare", lambda _: (None, None))
            monkeypatch.setattr(worker, "_make", lambda _job, _work, _stretch, on: make(on))
        thread = Thread(target=serve, args=(theirs,))
        thread.start()
        ours.send(setup)
        if make is not None:
            ours.send(STRETCH)
        told = [ours.recv()]
        while not isinstance(told[-1], Made | Failed):
            told.append(ours.recv())
        ours.close()
        thread.join(GONE_S)
        assert not thread.is_alive()
        return told

    yield call
    logger.handlers = before
    package.setLevel(level)


Ask = Callable[..., list[Message]]


def test_worker_that_computes_otherwise_is_refused(
    make_clip: Clip, tmp_path: Path, ask: Ask
) -> None:
    """Its segments would be those of other settings, as of another version of torch."""
    (failed,) = ask(_setup(make_clip("in.mp4"), tmp_path))
    assert isinstance(failed, Failed)
    assert failed.kind is OutputError
    assert failed.text == "cpu computes otherwise than the first device"


def test_worker_tells_of_frames_and_what_is_logged(tmp_path: Path, ask: Ask) -> None:
    done = Made(warnings=(), seconds={}, peak_rss_mb=1.0)

    def make(listener: Listener) -> Made:
        listener.on_frame(1)
        tiling = logging.getLogger("vsr_cli.pipeline.tiling")
        tiling.warning("out of memory on %s: going on with --tile %d", "cpu", 64)
        tiling.info("nobody asked")
        return done

    line = "out of memory on cpu: going on with --tile 64"
    tiled = LogLine("vsr_cli.pipeline.tiling", logging.WARNING, line)
    assert ask(_setup(tmp_path, tmp_path), make) == [FrameDone(), tiled, done]


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (InputError("no frames"), InputError, "no frames"),
        (UnjoinableError("alpha"), ValueError, "alpha"),
        (MissingExtraError("xarray", "fields"), MissingExtraError, "xarray is not installed"),
        (FileNotFoundError(2, "No such file", "f.mp4"), OSError, "f.mp4: no such file"),
        (TypeError("3"), RuntimeError, "TypeError: 3"),
    ],
)
def test_errors_of_a_worker_come_back_as_what_they_are(
    tmp_path: Path, ask: Ask, error: Exception, kind: type[Exception], text: str
) -> None:
    error.add_note("and more")

    def make(listener: Listener) -> Made:
        raise error

    (failed,) = ask(_setup(tmp_path, tmp_path), make)
    assert isinstance(failed, Failed)
    found = rebuild(failed)
    assert type(found) is kind
    assert str(found).startswith(text)
    assert found.__notes__ == ["and more"]
    assert type(error).__name__ in failed.traceback


def test_worker_ends_when_nobody_is_there() -> None:
    ours, theirs = Pipe()
    ours.close()
    before = [*logging.getLogger().handlers]
    serve(theirs)
    assert logging.getLogger().handlers == before  # it came to no job


class Script:
    """In the place of a process: the test says what is heard of it."""

    made: list[Script]

    def __init__(self, setup: Setup) -> None:
        self.name, self.asked = setup.spec.device, []  # type: ignore[var-annotated]
        self.line, self.ours = Pipe()
        self.made.append(self)

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()
        self.ours.close()

    def make(self, stretch: Stretch) -> None:
        self.asked.append(stretch.first)

    def receive(self) -> Any:
        return self.line.recv()


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[Script]:
    """The processes that were started, none of which is one."""
    monkeypatch.setattr(Script, "made", [], raising=False)
    monkeypatch.setattr(crews, "WorkerProcess", Script)
    return Script.made


def test_segments_go_to_who_is_free_and_news_add_up(
    scripts: list[Script], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch, listener = Stopwatch(), Recorder()
    setup = _setup(tmp_path, tmp_path)
    with Crew([setup, setup, setup], watch, listener) as crew:
        crew.offer(STRETCH)
        assert len(scripts) == 1  # the others are started when there is work for them
        for number in range(1, 5):
            crew.offer(replace(STRETCH, first=number))
        assert [script.asked for script in scripts] == [[0], [1], [2]]
        first, second, third = scripts
        for script in (first, second):
            script.ours.send(LogLine("vsr_cli.x", logging.WARNING, "out of memory: 5 % left"))
        done = Made(warnings=("a tag",), seconds={"model": 2.0}, peak_rss_mb=7.0)
        for message in (FrameDone(), FrameDone(), done):
            second.ours.send(message)
        third.ours.send(FrameDone())
        crew.look()
        assert second.asked == [1, 3]
        assert listener.numbers == [1, 2, 3]
        assert crew.frames == [0, 2, 1]
        assert caplog.messages == ["out of memory: 5 % left"]
        for script in (third, second):
            script.ours.send(done)
            crew.look()
        assert (first.asked, second.asked, third.asked) == ([0], [1, 3], [2, 4])
        for script in (first, third):
            script.ours.send(done)
        crew.finish()
    assert watch.seconds == {"model": 10.0}
    assert crew.warnings == ["a tag"] * 5
    assert crew.peak_rss_mb == [7.0] * 3


def test_error_of_a_process_is_raised(scripts: list[Script], tmp_path: Path) -> None:
    with Crew([_setup(tmp_path, tmp_path)], Stopwatch(), Listener()) as crew:
        crew.offer(STRETCH)
        scripts[0].ours.send(Failed(InputError, "no frames", (), "Traceback"))
        with pytest.raises(InputError, match="no frames"):
            crew.finish()


@pytest.mark.parametrize(
    ("usual", "frames", "devices", "expected"),
    [
        (5000, 10_000, 2, 5000),
        (5000, 10_001, 2, 2501),
        (5000, 3000, 2, 1500),
        (5000, 240, 2, 120),
        (5000, 120, 2, LEAST_FRAMES),
        (5000, None, 2, 5000),
        (100, 10_000, 4, 100),
    ],
)
def test_devices_get_as_many_segments(
    usual: int, frames: int | None, devices: int, expected: int
) -> None:
    assert shared_length(usual, frames, devices) == expected
