"""Edit lists: what a player of the source does not let hear is not heard of the output either."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vsr_cli.errors import OutputError
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.video.matroska import TrackEntries
from vsr_cli.specs import DecodingSpec, EncodingSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
Times = dict[str, float]
PTS = [3600 * n for n in range(100)]  # four seconds
CUT_S = 1.3  # between two key frames, and in the middle of a packet of audio
MS = 0.001  # what Matroska rounds to
SETTLED = 9600  # samples after which a decoder of Opus that began later differs by 2e-4 (measured)
DECODER_STATE = 2e-3  # of full scale: noise that a decoder of AAC makes up from where it began


@pytest.fixture
def make_edited(make_clip: Clip, require_tool: Tool, tmp_path: Path) -> Callable[..., Path]:
    """Makes an mp4 with sound of which an edit list hides the start, and returns its path.

    About: ffmpeg -i a.mp4 -c:v copy -c:a CODEC whole.mp4; ffmpeg -ss 1.3 -i whole.mp4 -c copy NAME
    """

    def make(codec: str, *, cut_s: float | None = CUT_S) -> Path:
        ffmpeg = [require_tool("ffmpeg"), "-v", "error"]
        clip, whole = make_clip("v.mp4", pts=PTS, options={"g": "25"}), tmp_path / "whole.mp4"
        sound = ["-f", "lavfi", "-i", "aevalsrc='0.4*sin(900*t*t)':s=48000:d=4"]
        command = [*ffmpeg, "-i", str(clip), *sound, "-c:v", "copy", "-c:a", codec]
        subprocess.run([*command, "-strict", "-2", str(whole)], check=True)
        if cut_s is None:
            return whole
        command = [*ffmpeg, "-ss", str(cut_s), "-i", str(whole), "-c", "copy", "-strict", "-2"]
        subprocess.run([*command, str(tmp_path / "edited.mp4")], check=True)
        return tmp_path / "edited.mp4"

    return make


def convert(source: Path, target: Path, **settings: Any) -> list[str]:
    """What the pipeline does, without a model in the middle; returns the warnings."""
    encoding, decoding = EncodingSpec(preset="ultrafast"), DecodingSpec(**settings)
    with (
        open_reader(source, decoding) as reader,
        open_writer(target, reader.info, encoding, copy_from=source, decoding=decoding) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer.warnings


def packets(ffprobe: str, path: Path, streams: str) -> list[dict[str, Any]]:
    command = [ffprobe, "-v", "error", "-show_packets", "-show_data_hash", "md5"]
    command += ["-select_streams", streams, "-of", "json", str(path)]
    answer = subprocess.run(command, check=True, capture_output=True)
    found: list[dict[str, Any]] = json.loads(answer.stdout)["packets"]
    return found


def heard(ffprobe: str, path: Path) -> Times:
    """When each packet of audio begins that is not hidden, by what is in it."""
    found = packets(ffprobe, path, "a")
    return {p["data_hash"]: float(p["pts_time"]) for p in found if "D" not in p["flags"]}


def first_picture(ffprobe: str, path: Path) -> float:
    found = packets(ffprobe, path, "v")
    return min(float(p["pts_time"]) for p in found if "D" not in p["flags"])


def samples(path: Path) -> np.ndarray:
    """What PyAV decodes of the audio."""
    with av.open(str(path)) as container:
        blocks = [block.to_ndarray() for block in container.decode(audio=0)]
    joined = np.concatenate(blocks, axis=1)
    scale = np.iinfo(joined.dtype).max if joined.dtype.kind == "i" else 1
    return joined / scale


@pytest.mark.parametrize("cut_s", [None, CUT_S], ids=["whole", "edited"])
@pytest.mark.parametrize("codec", ["aac", "libopus", "flac", "alac", "ac3"])
def test_matroska_lets_hear_what_the_edit_list_does(
    make_edited: Callable[..., Path],
    require_tool: Tool,
    tmp_path: Path,
    codec: str,
    cut_s: float | None,
) -> None:
    clip, ffprobe = make_edited(codec, cut_s=cut_s), require_tool("ffprobe")
    assert convert(clip, tmp_path / "out.mkv") == []
    assert first_picture(ffprobe, tmp_path / "out.mkv") == first_picture(ffprobe, clip) == 0
    wanted, found = heard(ffprobe, clip), heard(ffprobe, tmp_path / "out.mkv")
    assert len(wanted) > 20
    for packet, time_s in wanted.items():
        assert found[packet] == pytest.approx(time_s, abs=1.01 * MS)
    preroll = {packet: time_s for packet, time_s in found.items() if packet not in wanted}
    assert all(-0.1 < time_s <= 0 for time_s in preroll.values())
    before, after = samples(clip), samples(tmp_path / "out.mkv")
    assert before.shape == after.shape
    assert np.abs(before - after)[:, SETTLED:].max() <= DECODER_STATE


def test_codec_delay_hides_as_much_as_the_edit_list(
    make_edited: Callable[..., Path], tmp_path: Path
) -> None:
    """The element as RFC 9559 lays it out: 0x56AA, a length, nanoseconds."""
    convert(make_edited("aac", cut_s=None), tmp_path / "out.mkv")
    head = (tmp_path / "out.mkv").read_bytes()[:4096]
    place = head.index(b"\x56\xaa")
    length = head[place + 2] & 0x7F
    nanoseconds = int.from_bytes(head[place + 3 : place + 3 + length], "big")
    assert nanoseconds == pytest.approx(1024 / 48_000 * 1e9, abs=1)


def test_titles_of_audio_are_kept_beside_the_delay(
    make_edited: Callable[..., Path], require_tool: Tool, tmp_path: Path
) -> None:
    # ffmpeg -i whole.mp4 -map 0 -map 0:a -c copy -metadata:s:a:0 title=... two.mp4
    ffmpeg, clip = require_tool("ffmpeg"), make_edited("aac", cut_s=None)
    command = [ffmpeg, "-v", "error", "-i", str(clip), "-map", "0", "-map", "0:a", "-c", "copy"]
    command += ["-metadata:s:a:0", "title=Größe 1", "-metadata:s:a:1", "language=deu"]
    subprocess.run([*command, str(tmp_path / "two.mp4")], check=True)
    convert(tmp_path / "two.mp4", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as written:
        first, second = written.streams.audio
        assert (first.start_time, second.start_time) == (0, 0)
        assert "title" not in second.metadata
        assert second.language == "deu"
        assert first.metadata["title"] == "Größe 1"


@pytest.mark.parametrize("target", ["out.mp4", "out.mov"])
def test_edit_list_is_written_anew_where_there_are_such(
    make_edited: Callable[..., Path], require_tool: Tool, tmp_path: Path, target: str
) -> None:
    clip, ffprobe = make_edited("aac"), require_tool("ffprobe")
    assert convert(clip, tmp_path / target) == []
    wanted, found = heard(ffprobe, clip), heard(ffprobe, tmp_path / target)
    assert found.keys() == wanted.keys()
    for packet, time_s in wanted.items():
        assert found[packet] == pytest.approx(time_s, abs=MS)
    assert first_picture(ffprobe, tmp_path / target) == 0


def test_cut_of_an_edited_clip_has_the_sound_of_the_cut(
    make_edited: Callable[..., Path], require_tool: Tool, tmp_path: Path
) -> None:
    clip, ffprobe = make_edited("aac"), require_tool("ffprobe")
    assert convert(clip, tmp_path / "out.mkv", start_s=0.4, end_s=1.2) == []
    wanted, found = heard(ffprobe, clip), heard(ffprobe, tmp_path / "out.mkv")
    assert first_picture(ffprobe, tmp_path / "out.mkv") == 0
    assert 30 < len(found) < 40
    for packet, time_s in found.items():
        assert time_s + 0.4 == pytest.approx(wanted[packet], abs=1.01 * MS)


def test_file_without_room_in_its_tracks_is_an_error(make_clip: Clip) -> None:
    clip, entries = make_clip("a.mkv"), TrackEntries()
    with av.open(str(clip)) as container:
        entries.reserve(container.streams.video[0])
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="no room in its tracks' entries"):
        entries.write(clip)
    assert clip.read_bytes() == before
