"""The allocator's settings are taken by the GNU C library, and are no error elsewhere."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest
import torch

from vsr_cli.pipeline import memory
from vsr_cli.pipeline.memory import free_memory, keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
def test_gnu_c_library_takes_every_setting() -> None:
    assert keep_freed_memory()


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
