"""Signals: a run that is ended leaves nothing, or if asked to what is complete of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vsr_cli.cli.signals import ENDING, EndingSignal, ending_signals

Clip = Callable[..., Path]
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
AUDIO_BLOCK_S = 1024 / 48_000


class Run:
    """``vsr upscale`` in a process of its own, which is signalled while it works."""

    def __init__(self, source: Path, target: Path, *options: str) -> None:
        self.target = target
        command = [sys.executable, "-m", "vsr_cli", "upscale", str(source), str(target)]
        options = ("--model", "bicubic", "--scale", "4", "--quiet", *options)
        self.process = subprocess.Popen(
            [*command, *options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def wait_for_bytes(self, size: int) -> None:
        """Wait until so much is written that frames must be among it."""
        deadline = time.monotonic() + 60
        while sum(p.stat().st_size for p in self.target.parent.glob(".*.part.*")) < size:
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, *numbers: int) -> tuple[int, str]:
        """Send the signals, one shortly after the other; returns exit code and stderr."""
        for number in numbers:
            self.process.send_signal(number)
            time.sleep(0.02)
        _, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stderr


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("number", ENDING)
def test_ended_run_leaves_nothing_and_says_so(make_clip: Clip, tmp_path: Path, number: int) -> None:
    source = make_clip("in.mp4", pts=[900 * t for t in range(4000)])
    run = Run(source, tmp_path / "o.mp4")
    run.wait_for_bytes(1)
    code, stderr = run.end(number)
    assert (code, stderr) == (128 + number, f"Error: {WORDS[signal.Signals(number)]}\n")
    assert names(tmp_path) == {"in.mp4"}


def test_target_that_was_there_stays_as_it_was(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[900 * t for t in range(4000)])
    (tmp_path / "o.mp4").write_bytes(b"old")
    run = Run(source, tmp_path / "o.mp4", "--overwrite")
    run.wait_for_bytes(1)
    assert run.end(signal.SIGTERM)[0] == 143
    assert (tmp_path / "o.mp4").read_bytes() == b"old"
    assert names(tmp_path) == {"in.mp4", "o.mp4"}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_is_complete_is_kept_and_playable(
    make_clip: Clip, tmp_path: Path, ending: str, require_tool: Callable[[str], str]
) -> None:
    ffmpeg, ffprobe = require_tool("ffmpeg"), require_tool("ffprobe")
    source = make_clip("in.mp4", pts=[3600 * t for t in range(4000)], audio_start=0.0)
    run = Run(source, tmp_path / f"o.{ending}", "--keep-partial", "--preset", "ultrafast")
    run.wait_for_bytes(300_000)
    code, stderr = run.end(signal.SIGTERM, signal.SIGINT, signal.SIGTERM)
    kept = tmp_path / f"o.partial.{ending}"
    assert code == 143
    assert names(tmp_path) == {"in.mp4", kept.name}
    command = [ffprobe, "-v", "error", "-show_packets", "-of", "json", str(kept)]
    packets = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packets"]
    times = {kind: [] for kind in ("video", "audio")}
    for packet in packets:
        times[packet["codec_type"]].append(float(packet["pts_time"]))
    video = sorted(times["video"])
    # No frame is missing in between, and sound is there for as long as there are pictures.
    expected = [video[0] + 0.04 * n for n in range(len(video))]
    assert video == pytest.approx(expected, abs=1e-3)
    assert len(video) > 10
    assert abs(max(times["audio"]) - max(video)) <= 0.04 + 2 * AUDIO_BLOCK_S
    assert f"{len(video)} frames are kept in {kept}" in stderr
    command = [ffmpeg, "-v", "error", "-i", str(kept), "-f", "null", "-"]
    assert subprocess.run(command, check=True, capture_output=True).stderr == b""


def test_nothing_is_kept_of_a_run_without_frames(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(30)])
    run = Run(source, tmp_path / "o.mp4", "--keep-partial", "--start", "99")
    run.process.wait(60)
    assert run.end()[0] == 1
    assert names(tmp_path) == {"in.mp4"}


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Put the handlers of the test's process back in their places."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
def test_first_signal_is_raised_and_those_after_it_are_ignored() -> None:
    def be_ended() -> None:
        with ending_signals():
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(EndingSignal, match="terminated"):
        be_ended()
    for number in ENDING:  # as a writer cleans up, and later
        signal.raise_signal(number)


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_handlers_are_as_before_when_no_signal_came(error: type[BaseException] | None) -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with contextlib.suppress(ValueError, KeyboardInterrupt), ending_signals():
        assert [signal.getsignal(number) for number in ENDING] != before
        if error is not None:
            raise error
    assert [signal.getsignal(number) for number in ENDING] == before


def test_signal_that_is_ignored_already_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL  # which is heard
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_the_handlers_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with ending_signals():
            seen.extend(signal.getsignal(number) for number in ENDING)

    before = [signal.getsignal(number) for number in ENDING]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before
