"""What must not be loaded before it is needed: torch takes seconds, and --help has none to give."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import vsr_cli

COMMAND_MODULES = (
    *("upscale", "batch", "evaluate", "compare", "bench", "train", "simulate"),
    *("info", "models", "export", "render", "doctor"),
)
HEAVY = (
    "torch",
    "av",
    "jax",
    "dinosaur",
    "numpy",
    "imageio",
    "xarray",
    "matplotlib",
    "distributed",
)
# What upscaling a video needs least: the networks' engine and the codecs.
ENGINE = ("-c", "import torch, av")
HELP_CPU_S = 0.3
# The whole run of a small clip, by the CPU time of loading the engine alone: measured 1.2.
FIRST_FRAME_RATIO = 1.6


def _modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running ``code``."""
    tail = "\nimport sys; sys.stdout.write('\\n@' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.split(".")[0] for name in done.stdout.rpartition("@")[2].split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not _modules_after("import vsr_cli").intersection(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    loaded = _modules_after("from vsr_cli.cli import main; main(['--help'], standalone_mode=False)")
    assert "click" in loaded
    assert not loaded.intersection(HEAVY)


def test_help_loads_no_command() -> None:
    code = "from vsr_cli.cli import main; main(['--help'], standalone_mode=False); import sys; "
    names = "print('@', *(name for name in sys.modules if name.startswith('vsr_cli.cli.')))"
    done = subprocess.run(
        [sys.executable, "-c", code + names], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {f"vsr_cli.cli.{name}" for name in COMMAND_MODULES} & {*done.stdout.split()}


def test_help_of_simulate_loads_nothing_heavy() -> None:
    code = (
        "from vsr_cli.cli import main\n"
        "main(['simulate', 'shallow-water', '--help'], standalone_mode=False)"
    )
    assert not _modules_after(code).intersection(HEAVY)


def test_python_m_vsr_cli_shows_the_help() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vsr_cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "simulate" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "vsr_cli.cli" in loaded
    assert not loaded.intersection(HEAVY)


def _cpu_s(*arguments: str | Path, runs: int = 2) -> float:
    """Seconds of CPU time, user and system, of a fresh interpreter: the least of a few runs.

    The time on the clock tells less where other processes want the same cores.
    """
    seconds = []
    for _ in range(runs):
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it is waited for
        assert process.returncode == 0
        seconds.append(usage.ru_utime + usage.ru_stime)
    return min(seconds)


def test_help_takes_little_time() -> None:
    assert _cpu_s("-m", "vsr_cli", "--help", runs=3) < HELP_CPU_S


@pytest.mark.slow
def test_small_clip_takes_little_longer_than_loading_torch(
    make_clip: Callable[..., Path], random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    arguments = ["upscale", make_clip(), tmp_path / "o.mkv", "--model", "fsrcnn", "--overwrite"]
    seconds = _cpu_s("-m", "vsr_cli", *arguments, "--weights", random_weights[0])
    assert seconds < FIRST_FRAME_RATIO * _cpu_s(*ENGINE)


def test_upscaling_a_video_loads_no_other_command(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    arguments = ["upscale", str(make_clip()), str(tmp_path / "o.mkv"), "--model", "bicubic"]
    code = (
        "import sys\nfrom vsr_cli.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print('@', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {*done.stdout.rpartition("@")[2].split()}
    assert "vsr_cli.pipeline.video" in loaded
    others = ("preview", "segments.resume", "segments.devices", "evaluate", "simulate", "export")
    assert not {f"vsr_cli.pipeline.{name}" for name in others} & loaded
    units = {name.split(".")[1] for name in loaded if name.startswith("vsr_cli.")}
    assert not units & {"batch", "bench", "fields", "report", "simulation", "training"}
    assert not {"torch._dynamo", "onnx", "jax", "matplotlib", "xarray", "distributed"} & loaded


def test_the_command_is_called_vsr() -> None:
    (script,) = entry_points(group="console_scripts", name="vsr")
    assert script.value == "vsr_cli.cli:main"


def test_unknown_name_of_the_public_api_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'upscale_clip'"):
        _ = vsr_cli.upscale_clip  # type: ignore[attr-defined]
