"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the test clips that lie beside the repository; skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the clips of ../shared/data, which are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Call it with a program's name to get its path.

    Where the program is missing the test is skipped; with VSR_REQUIRE_TOOLS=1 it fails.
    """

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is not None:
            return path
        reason = f"needs the program {name}, which is not on this machine"
        if os.environ.get("VSR_REQUIRE_TOOLS") == "1":
            pytest.fail(f"{reason}, and VSR_REQUIRE_TOOLS=1")
        pytest.skip(reason)

    return find
