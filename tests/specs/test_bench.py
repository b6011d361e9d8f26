"""Settings of a benchmark that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsr_cli.specs import BenchSpec

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "size and clip": ({"size": (64, 48), "source": Path("a.mp4")}, "leave --size out, or --input"),
    "pipe": ({"source": Path("-")}, "a pipe can be read once"),
    "small": ({"size": (64, 8)}, "size must be at least 16x16, got 64x8"),
    "no frames": ({"frames": 0}, r"frames must be in 1\.\.10000, got 0"),
    "no repeats": ({"repeats": 0}, r"repeats must be in 1\.\.1024, got 0"),
    "no threads": ({"threads": -1}, r"threads must be in 1\.\.1024, got -1"),
    "unknown peer": ({"peer": "topaz"}, "a peer is one of opencv, .*, got 'topaz'"),
    "no network": ({"peer": "opencv"}, "needs --peer-model FILE"),
    "two networks": ({"peer": "plain", "peer_model": Path("a.pb")}, "--peer-model is the network"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused(case: str) -> None:
    settings, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        BenchSpec(**settings)
