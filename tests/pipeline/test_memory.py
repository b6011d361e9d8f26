"""The allocator's settings are taken by the GNU C library, and are no error elsewhere."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vsr_cli.pipeline import memory
from vsr_cli.pipeline.memory import free_memory, has_free_memory, keep_freed_memory

needs_gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")

# What is held in kB when a block of 128 MiB is freed, before and after memory is asked for.
BLOCK = """
import sys, torch
from vsr_cli.pipeline.memory import has_free_memory, keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def held():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
torch.ones(1 << 25)
print(held())
has_free_memory(torch.device("cpu"), 1 << 60)
print(held())
"""


@needs_gnu
def test_gnu_c_library_takes_every_setting() -> None:
    assert keep_freed_memory()


@needs_gnu
@pytest.mark.parametrize("name", ["keep", "leave"])
def test_large_blocks_are_kept_for_the_next_frame(name: str) -> None:
    """Until memory is short: then they go back, and count as free."""
    run = [sys.executable, "-c", BLOCK, name]
    changes = ("LD_PRELOAD", "GLIBC_TUNABLES")
    plain = {k: v for k, v in os.environ.items() if k not in changes and "MALLOC" not in k}
    printed = subprocess.run(run, capture_output=True, check=True, text=True, env=plain).stdout
    held, left = map(int, printed.split())
    kept = (held - left) / (1 << 17)  # of the block
    assert kept > 0.9 if name == "keep" else kept < 0.1


def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()


CPU = torch.device("cpu")


def test_free_memory_is_the_least_that_the_system_and_the_group_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "meminfo"
    info.write_text("MemTotal:  4000 kB\nMemFree:  10 kB\nMemAvailable:  3000 kB\n")
    monkeypatch.setattr(memory, "MEMORY_INFO", info)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert free_memory(CPU) == 3000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert free_memory(CPU) == 3000 * 1024
    (tmp_path / "memory.max").write_text("1500000\n")
    assert free_memory(CPU) == 500_000


def test_free_memory_is_not_known_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "absent")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert free_memory(CPU) is None


def test_memory_that_is_not_known_is_taken_to_be_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: None)
    assert has_free_memory(CPU, 1 << 60)


def test_kept_memory_is_counted_before_it_is_said_to_be_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = [10, 30]
    monkeypatch.setattr(memory, "_function_of_c", lambda name: {"malloc_trim": lambda _: 1}[name])
    monkeypatch.setattr(memory, "free_memory", lambda _: sizes.pop(0))
    assert has_free_memory(CPU, 20)
    assert not sizes
    sizes = [10, 20]
    assert not has_free_memory(CPU, 20)
    monkeypatch.setattr(memory, "_function_of_c", lambda _: None)  # another C library
    sizes = [10]
    assert not has_free_memory(CPU, 20)
