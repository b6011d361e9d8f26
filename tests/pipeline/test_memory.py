"""The allocator's settings are taken by the GNU C library, and are no error elsewhere."""

from __future__ import annotations

import ctypes
import platform

import pytest

from vsr_cli.pipeline.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
def test_gnu_c_library_takes_every_setting() -> None:
    assert keep_freed_memory()


def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()
