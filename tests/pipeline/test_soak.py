"""Long runs: memory that stays flat, and kills that leave nothing behind (make soak)."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Clip = Callable[..., Path]
GROWTH = 1.05  # peak memory of ten times the frames
# A 4K frame is 50 MB in float planes, and one more may be on its way at the peak; if the 60 frames
# more were held, even as 8-bit codes, they would be 710 MB.
IN_FLIGHT_MB = 150


def _command(source: Path, target: Path, *args: str | Path) -> list[str]:
    words = [sys.executable, "-m", "vsr_cli", "upscale", source, target, *args]
    return [str(word) for word in words]


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.soak
def test_memory_does_not_grow_with_the_clip(
    make_clip: Clip, random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    """3,000 frames of 64x32 through 2d3d need no more memory than 300."""
    peaks = []
    for length in (300, 3000):
        source = make_clip(f"{length}.mp4", pts=[3600 * t for t in range(length)], size=(64, 32))
        weights = [word for path in random_weights for word in ("--weights", path)]
        result = subprocess.run(
            _command(source, tmp_path / f"{length}.sr.mp4", *weights, "--json", "--quiet"),
            check=True,
            capture_output=True,
            env=_environment(),
        )
        report = json.loads(result.stdout)
        assert report["frames"] == report["frames_expected"] == length
        peaks.append(report["peak_rss_mb"])
        logging.getLogger(__name__).info("%d frames: %s MiB", length, peaks[-1])
    assert peaks[1] < GROWTH * peaks[0], peaks


@pytest.mark.soak
def test_memory_is_flat_over_twenty_thousand_frames(make_clip: Clip, tmp_path: Path) -> None:
    """With sound beside the video. The curve: MiB after every twentieth of the run's time."""
    length = 20_000
    source = make_clip(
        "in.mp4", pts=[3600 * t for t in range(length)], size=(32, 32), audio_start=0.0
    )
    command = _command(source, tmp_path / "out.mp4", "--model", "bicubic", "--json", "--quiet")
    curve = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment()) as process:
        while process.poll() is None:
            curve.append(_resident_mb(process.pid))
            time.sleep(0.25)
        report = json.loads(process.communicate()[0])
    assert report["frames"] == report["frames_expected"] == length
    parts = [curve[len(curve) * k // 20] for k in range(20)]
    logging.getLogger(__name__).info("MiB: %s", " ".join(f"{part:.0f}" for part in parts))
    assert max(curve) < GROWTH * parts[5], parts


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0  # none left while it ends


@pytest.mark.soak
def test_ten_kills_leave_no_target_and_the_next_run_cleans_up(
    make_clip: Clip, tmp_path: Path
) -> None:
    draw = random.Random(0)
    source = make_clip("in.mp4", pts=[900 * t for t in range(3000)])
    target = tmp_path / "o.mp4"
    for _ in range(10):
        process = subprocess.Popen(
            _command(source, target, "--model", "bicubic", "--quiet"), env=_environment()
        )
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".o.mp4*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
        assert not target.exists()
    subprocess.run(
        _command(source, target, "--model", "bicubic", "--end", "0.05", "--quiet"),
        check=True,
        env=_environment(),
    )
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "o.mp4"}


@pytest.mark.soak
def test_large_frames_wait_in_bounded_queues(make_clip: Clip, tmp_path: Path) -> None:
    """1080p to 4K: what is held is some frames on their way, not the clip."""
    peaks = []
    for length in (40, 100):
        pts = [3600 * t for t in range(length)]
        source = make_clip(f"{length}.mkv", pts=pts, size=(1920, 1080), codec="ffv1")
        arguments = ["--model", "bicubic", "--preset", "ultrafast", "--json", "--quiet"]
        result = subprocess.run(
            _command(source, tmp_path / f"{length}.mp4", *arguments),
            check=True,
            capture_output=True,
            env=_environment(),
        )
        report = json.loads(result.stdout)
        assert report["frames"] == length
        peaks.append(report["peak_rss_mb"])
        logging.getLogger(__name__).info("%d frames: %s MiB", length, peaks[-1])
    assert peaks[1] - peaks[0] < IN_FLIGHT_MB, peaks


@pytest.mark.soak
def test_memory_does_not_grow_with_a_store_of_fields(tmp_path: Path) -> None:
    """5 GB of float32 in a Zarr store need no more memory than a tenth of it."""
    np = pytest.importorskip("numpy")
    zarr = pytest.importorskip("zarr", reason="needs the extra [fields]")
    pytest.importorskip("xarray", reason="needs the extra [fields]")
    height, width, peaks = 360, 720, []
    rows, columns = np.mgrid[0:height, 0:width] / 40
    for steps in (480, 4822):  # 0.5 and 5.0 GB
        source, target = tmp_path / f"{steps}.zarr", tmp_path / f"{steps}_x2.zarr"
        group = zarr.open_group(str(source), mode="w")
        axes = {"time": np.arange(steps) * 1.0, "lat": 89.75 - np.arange(height) / 2}
        for name, values in (axes | {"lon": np.arange(width) / 2}).items():
            units = {"lat": "degrees_north", "lon": "degrees_east"}.get(
                name, "days since 2000-01-01"
            )
            group.create_array(
                name, data=values, dimension_names=(name,), attributes={"units": units}
            )
        field = group.create_array(
            "tas",
            shape=(steps, height, width),
            chunks=(10, height, width),
            dtype="float32",
            dimension_names=("time", "lat", "lon"),
            attributes={"units": "K"},
        )
        for start in range(0, steps, 10):
            times = np.arange(start, min(start + 10, steps))[:, None, None]
            # Few digits, so that the store is small on disk; in memory it is what it is.
            field[start : start + 10] = np.round(280 + 9 * np.sin(rows + columns + times / 9), 1)
        result = subprocess.run(
            _command(
                source, target, "--model", "bicubic", "--variable", "tas", "--json", "--quiet"
            ),
            check=True,
            capture_output=True,
            env=_environment(),
        )
        report = json.loads(result.stdout)
        assert report["frames"] == steps
        peaks.append(report["peak_rss_mb"])
        logging.getLogger(__name__).info("%d steps: %s MiB", steps, peaks[-1])
        shutil.rmtree(source)
        shutil.rmtree(target)
    assert peaks[1] < GROWTH * peaks[0], peaks
