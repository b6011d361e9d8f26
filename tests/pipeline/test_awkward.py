"""The contract over real files that others stumbled over, as ffprobe sees both sides.

Either everything is kept (frames, times, other streams, tags, shape, rotation, chapters), or what
is not is named before the first frame, or there is one clear error and no output. A table of all
files is printed at the end.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vsr_cli.errors import InputError
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "awkward"
FILES = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
SPEC = UpscaleSpec(model="bicubic", scale=1, device="cpu")
FAST = EncodingSpec(preset="ultrafast")
# What is wrong with each of those that must not end as a success.
BROKEN = {
    "corrupted.mp4": "is damaged near 3.00 s",
    "empty_0_bytes.webm": "is empty",
    "invalid-bitstream.webm": "is damaged near",
    "sample_audio_only.mp4": "holds no video",
    "sample_with_invalid_nalu.mp4": "is damaged near",
    "size_change_midstream.264": "the picture changes",
}
OWN_CONTAINER = {".mp4", ".mov", ".mkv", ".webm"}
TICK_S = {".mp4": 2 / 90_000, ".mov": 2 / 90_000, ".mkv": 1.1e-3, ".webm": 1.1e-3}
MOVED = {".ts"}  # broadcast clocks start anywhere; the output's at 0
COLOR = ("color_range", "color_space", "color_primaries", "color_transfer", "chroma_location")
# What the file does not say, or what it says is what holds without a word.
UNSAID = {None, "unknown", "unspecified", "left", "tv"}
RGB = {"bgra", "pal8", "rgb24"}
needs_files = pytest.mark.skipif(not FILES, reason="needs the clips of ../shared/data/awkward")


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Rows that are printed when all files were read."""
    rows: list[str] = []
    yield rows
    plugins = request.config.pluginmanager
    terminal, capture = (plugins.getplugin(n) for n in ("terminalreporter", "capturemanager"))
    if terminal is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            terminal.write_line("")
            for row in sorted(rows):
                terminal.write_line(row)


def probe(tool: str, path: Path, *, frames: bool = True) -> dict[str, Any]:
    """Streams, format, chapters and the decoded frames of the main video."""
    base = [tool, "-v", "error", "-of", "json"]
    command = [*base, "-show_streams", "-show_format", "-show_chapters", str(path)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True).stdout)
    if frames:
        entries = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
        done = subprocess.run([*base, *entries, str(path)], capture_output=True)
        answer["frames"] = json.loads(done.stdout)["frames"]
    return answer


def main_video(answer: dict[str, Any]) -> dict[str, Any]:
    return next(
        s
        for s in answer["streams"]
        if s["codec_type"] == "video" and not s["disposition"]["attached_pic"]
    )


def others(answer: dict[str, Any]) -> Counter[str]:
    """The kinds of all streams but the main video."""
    main = main_video(answer)["index"]
    return Counter(s["codec_type"] for s in answer["streams"] if s["index"] != main)


def times(answer: dict[str, Any]) -> list[float | None]:
    stamps = [frame.get("best_effort_timestamp_time") for frame in answer["frames"]]
    return [None if stamp is None else float(stamp) for stamp in stamps]


def rotation(stream: dict[str, Any]) -> int:
    data = stream.get("side_data_list", [])
    return next((d["rotation"] for d in data if "rotation" in d), 0) % 360


class Known(Listener):
    """Remembers the warnings that were given before the first frame."""

    def on_start(self, start: Start) -> None:
        self.warnings = start.warnings


@needs_files
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_is_kept_or_named_or_refused(
    path: Path, tmp_path: Path, require_tool: Callable[[str], str], table: list[str]
) -> None:
    tool, known = require_tool("ffprobe"), Known()
    target = tmp_path / f"out{path.suffix if path.suffix in OWN_CONTAINER else '.mkv'}"
    encoding = FAST if target.suffix != ".webm" else EncodingSpec(preset="8")
    if path.name in BROKEN:
        with pytest.raises(InputError, match=BROKEN[path.name]) as caught:
            upscale_video(path, target, SPEC, encoding)
        message = str(caught.value)
        assert "\n" not in message
        assert list(tmp_path.iterdir()) == []
        table.append(f"{path.name:36} refused: {message.rpartition(path.name)[2][:70]}")
        return
    report = upscale_video(path, target, SPEC, encoding, listener=known)
    before, after = probe(tool, path), probe(tool, target)
    _check_times(before, after, path, target)
    _check_picture(main_video(before), main_video(after))
    missing = others(before) - others(after)
    for kind in missing:
        assert any(kind in line for line in known.warnings), (kind, known.warnings)
    assert len(after["chapters"]) == len(before["chapters"])
    kept = ", ".join(f"{n} {kind}" for kind, n in sorted(others(after).items())) or "-"
    left = ", ".join(f"{n} {kind}" for kind, n in sorted(missing.items()))
    table.append(
        f"{path.name:36} {report.frames:4} frames  beside: {kept}"
        + (f"  named: {left}" if left else "")
    )


def _check_times(before: dict[str, Any], after: dict[str, Any], path: Path, target: Path) -> None:
    old, new = times(before), times(after)
    assert len(new) == len(old)
    if None in old:
        return
    shift = float(before["format"]["start_time"]) if path.suffix in MOVED else 0.0
    worst = max(abs(a - (b - shift)) for a, b in zip(new, old, strict=True))
    assert worst <= TICK_S[target.suffix]


def _check_picture(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert (new["width"], new["height"]) == (old["width"], old["height"])
    assert rotation(new) == rotation(old)
    shapes = [s.get("sample_aspect_ratio", "1:1").replace("0:1", "1:1") for s in (old, new)]
    assert shapes[0] == shapes[1]
    for tag in COLOR:
        if tag == "color_space" and old["pix_fmt"] in RGB and new["pix_fmt"].startswith("yuv"):
            assert new[tag] not in UNSAID  # which matrix it was converted by
        elif old.get(tag) not in UNSAID:
            assert new.get(tag) == old[tag], tag
        else:
            assert new.get(tag) in UNSAID, tag
    assert new["tags"].get("language", "und") == old.get("tags", {}).get("language", "und")
