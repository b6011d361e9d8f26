"""Real files that others stumbled over: frames come out, or one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsr_cli.errors import InputError
from vsr_cli.media import open_reader, open_writer
from vsr_cli.specs import EncodingSpec

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "awkward"
FILES = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
# What is wrong with each of those that must not end as a success.
BROKEN = {
    "corrupted.mp4": "is damaged near 3.00 s",
    "empty_0_bytes.webm": "0 bytes",
    "invalid-bitstream.webm": "is damaged near 0.00 s",
    "sample_audio_only.mp4": "holds no video",
    "sample_with_invalid_nalu.mp4": "is damaged near",
    "size_change_midstream.264": "the picture changes",
}
needs_files = pytest.mark.skipif(not FILES, reason=f"needs the clips of {FOLDER.name}")


@needs_files
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_frames_come_out_or_one_clear_error(path: Path) -> None:
    message = ""
    try:
        with open_reader(path) as reader:
            num_frames = sum(1 for _ in reader)
        assert num_frames == reader.frames_read == reader.packets_read > 0
    except InputError as error:
        message = str(error)
    assert BROKEN.get(path.name, "") in message
    assert bool(message) == (path.name in BROKEN)
    assert "\n" not in message


@needs_files
@pytest.mark.parametrize(
    "name", ["sample_with_chapters.mp4", "realshort.mp4", "video_90.mov", "SAR-2by3.mp4"]
)
def test_real_files_keep_their_times(tmp_path: Path, name: str) -> None:
    source, target = FOLDER / name, tmp_path / "out.mp4"
    encoding = EncodingSpec(preset="ultrafast")
    with (
        open_reader(source) as reader,
        open_writer(target, reader.info, encoding, copy_from=source) as writer,
    ):
        times = []
        for frame in reader:
            times.append((frame.pts * reader.info.time_base, frame.duration))
            writer.write(frame)
    with open_reader(target) as again:
        assert [frame.pts * again.info.time_base for frame in again] == [t for t, _ in times]
    assert again.info.rotation == reader.info.rotation
    assert again.info.sample_aspect_ratio == reader.info.sample_aspect_ratio
