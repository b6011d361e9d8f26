"""What must not be loaded before it is needed: torch takes seconds, and --help has none to give."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import vsr_cli

COMMAND_MODULES = (
    *("upscale", "batch", "evaluate", "compare", "train", "simulate", "info", "models", "export"),
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


def test_the_command_is_called_vsr() -> None:
    (script,) = entry_points(group="console_scripts", name="vsr")
    assert script.value == "vsr_cli.cli:main"


def test_unknown_name_of_the_public_api_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'upscale_clip'"):
        _ = vsr_cli.upscale_clip  # type: ignore[attr-defined]
