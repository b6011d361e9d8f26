"""What arrives of every kind of stream, as ffprobe finds it, and what is said of the rest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from av.stream import Disposition

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.streams.free_tags import append_free_tags
from vsr_cli.specs import DecodingSpec, EncodingSpec

Clip = Callable[..., Path]
Tool = Callable[[str], str]
PTS = [3600 * n for n in range(50)]  # two seconds
RATE = 44_100
MS = Fraction(1, 1000)


def convert(
    source: Path, target: Path, encoding: EncodingSpec | None = None, **settings: Any
) -> list[str]:
    """What the pipeline does, without a model in the middle; returns the warnings."""
    decoding = DecodingSpec(**settings)
    if encoding is None:
        encoding = EncodingSpec(preset="8" if target.suffix == ".webm" else "ultrafast")
    with (
        open_reader(source, decoding) as reader,
        open_writer(target, reader.info, encoding, copy_from=source, decoding=decoding) as writer,
    ):
        warnings = list(writer.warnings)
        for frame in reader:
            writer.write(frame)
    assert writer.warnings == warnings
    return warnings


def probe(tool: str, path: Path, *more: str) -> dict[str, Any]:
    command = [tool, "-v", "error", "-show_streams", "-show_chapters", "-show_format", *more]
    answer = subprocess.run([*command, "-of", "json", str(path)], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def kinds(found: dict[str, Any]) -> list[str]:
    """Type and codec of each stream but the first, which is the upscaled video."""
    named = []
    for stream in found["streams"][1:]:
        kind = "cover" if stream["disposition"]["attached_pic"] else stream["codec_type"]
        named.append(f"{kind} {stream.get('codec_name', '')}".strip())
    return named


def hashes(tool: str, path: Path, streams: str) -> list[str]:
    """What ffmpeg makes of the packets of a stream: a sum of each."""
    command = [tool, "-v", "error", "-show_packets", "-show_data_hash", "md5", "-select_streams"]
    answer = subprocess.run(
        [*command, streams, "-of", "json", str(path)], check=True, capture_output=True
    )
    return [packet["data_hash"] for packet in json.loads(answer.stdout)["packets"]]


@pytest.mark.parametrize(
    ("name", "target", "arrived", "named"),
    [
        ("sample_with_ass_subtitles.mkv", "mkv", ["audio ac3", "subtitle ass"], []),
        ("sample_with_ass_subtitles.mkv", "mp4", ["audio ac3", "subtitle mov_text"], ["style"]),
        ("sample_with_ass_subtitles.mkv", "webm", ["subtitle webvtt"], ["ac3", "style"]),
        ("sample_with_pgs_subtitles.mkv", "mkv", ["audio ac3", "subtitle hdmv_pgs_subtitle"], []),
        ("sample_with_pgs_subtitles.mkv", "mov", ["audio ac3"], ["hdmv_pgs_subtitle"]),
        ("webvtt.mkv", "mkv", ["audio aac", "subtitle webvtt"], []),
        ("webvtt.mkv", "mov", ["audio aac", "subtitle mov_text"], []),
        ("mov_text.mp4", "m4v", ["audio aac", "subtitle mov_text"], []),
        ("mov_text.mp4", "mkv", ["audio aac", "subtitle subrip"], []),
        ("testsrc_with_attachment.mkv", "mkv", ["audio aac", "attachment"], []),
        ("testsrc_with_attachment.mkv", "mp4", ["audio aac"], ["test_attachment.txt"]),
        ("testsrc_with_attachment.mkv", "webm", [], ["aac", "test_attachment.txt"]),
        ("cover_art.mkv", "mkv", ["audio aac", "cover png"], []),
        ("cover_art.mkv", "mp4", ["audio aac", "cover png"], []),
        ("cover_art.mkv", "mov", ["audio aac"], ["the cover"]),
        ("cover_art.mkv", "webm", [], ["aac", "the cover"]),
        ("sample_with_chapters.mp4", "mp4", ["audio aac", "data bin_data"], []),
        ("sample_with_chapters.mp4", "mkv", ["audio aac"], []),
        ("sample_h262_mpeg_audio.ts", "mov", ["audio mp2"], []),
    ],
)
def test_every_stream_arrives_or_is_named(
    shared_data: Path,
    require_tool: Tool,
    tmp_path: Path,
    name: str,
    target: str,
    arrived: list[str],
    named: list[str],
) -> None:
    warnings = convert(shared_data / "awkward" / name, tmp_path / f"out.{target}")
    assert kinds(probe(require_tool("ffprobe"), tmp_path / f"out.{target}")) == arrived
    assert len(warnings) == len(named)
    assert all(word in warning for word, warning in zip(named, warnings, strict=True))


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("name", ["sample_with_chapters.mkv", "sample_with_chapters.mp4"])
def test_chapters_keep_their_titles_and_times(
    shared_data: Path, require_tool: Tool, tmp_path: Path, name: str, target: str
) -> None:
    source = shared_data / "awkward" / name
    convert(source, tmp_path / target)
    before, after = (
        probe(require_tool("ffprobe"), path)["chapters"] for path in (source, tmp_path / target)
    )
    assert len(before) >= 2
    titles = [[chapter["tags"]["title"] for chapter in chapters] for chapters in (before, after)]
    assert titles[1] == titles[0]
    for chapter, wanted in zip(after, before, strict=True):
        for end in ("start_time", "end_time"):
            assert float(chapter[end]) == pytest.approx(float(wanted[end]), abs=0.001)


@pytest.mark.parametrize("targets", [["a.mkv"], ["a.mp4"], ["a.mp4", "b.mkv"], ["a.mkv", "b.mp4"]])
def test_cover_keeps_every_byte(
    shared_data: Path, require_tool: Tool, tmp_path: Path, targets: list[str]
) -> None:
    path = source = shared_data / "awkward" / "cover_art.mkv"
    for target in targets:
        assert convert(path, tmp_path / target) == []
        path = tmp_path / target
    ffprobe = require_tool("ffprobe")
    wanted = hashes(ffprobe, source, "v:1")
    assert len(wanted) == 1
    assert hashes(ffprobe, path, "v:1") == wanted


def test_attachment_keeps_every_byte_and_its_name(
    shared_data: Path, require_tool: Tool, tmp_path: Path
) -> None:
    source = shared_data / "awkward" / "testsrc_with_attachment.mkv"
    convert(source, tmp_path / "out.mkv", start_s=0.5)
    dumped = []
    for number, path in enumerate((source, tmp_path / "out.mkv")):
        command = [require_tool("ffmpeg"), "-v", "quiet", f"-dump_attachment:{2}"]
        subprocess.run([*command, str(tmp_path / f"{number}"), "-i", str(path)], check=False)
        dumped.append((tmp_path / f"{number}").read_bytes())
    assert dumped[0] == dumped[1] != b""
    tags = probe(require_tool("ffprobe"), tmp_path / "out.mkv")["streams"][2]["tags"]
    assert tags == {"filename": "test_attachment.txt", "mimetype": "text/plain"}


@pytest.fixture
def bitmap_clip(make_clip: Clip, shared_data: Path, tmp_path: Path) -> Path:
    """Two seconds of video with a picture of text from 0 to 1.24 s.

    About: ffmpeg -i a.mkv -i sample_with_pgs_subtitles.mkv -map 0 -map 1:s -c copy pgs.mkv
    """
    other = shared_data / "awkward" / "sample_with_pgs_subtitles.mkv"
    with (
        av.open(str(make_clip("a.mkv", pts=PTS))) as video,
        av.open(str(other)) as texts,
        av.open(str(tmp_path / "pgs.mkv"), "w") as output,
    ):
        for source in (video.streams.video[0], texts.streams.subtitles[0]):
            output.add_stream_from_template(source, opaque=True)
        for container, kind in ((video, "video"), (texts, "subtitles")):
            target = getattr(output.streams, kind)[0]
            for packet in container.demux(**{kind: 0}):
                if packet.size:
                    packet.stream = target
                    output.mux(packet)
    return tmp_path / "pgs.mkv"


def test_bitmap_subtitles_keep_every_byte_and_time(
    bitmap_clip: Path, require_tool: Tool, tmp_path: Path
) -> None:
    assert convert(bitmap_clip, tmp_path / "out.mkv") == []
    ffprobe = require_tool("ffprobe")
    wanted = hashes(ffprobe, bitmap_clip, "s")
    assert len(wanted) == 2
    assert hashes(ffprobe, tmp_path / "out.mkv", "s") == wanted
    found = probe(ffprobe, tmp_path / "out.mkv", "-show_packets", "-select_streams", "s")
    assert [packet["pts"] for packet in found["packets"]] == [0, 1240]


def test_bitmap_on_the_screen_where_a_cut_starts_is_kept(
    bitmap_clip: Path, require_tool: Tool, tmp_path: Path
) -> None:
    convert(bitmap_clip, tmp_path / "out.mkv", start_s=0.4)
    ffprobe = require_tool("ffprobe")
    assert hashes(ffprobe, tmp_path / "out.mkv", "s") == hashes(ffprobe, bitmap_clip, "s")
    found = probe(ffprobe, tmp_path / "out.mkv", "-show_packets", "-select_streams", "s")
    assert [packet["pts"] for packet in found["packets"]] == [0, 840]
    convert(bitmap_clip, tmp_path / "end.mkv", start_s=0.4, end_s=0.8)
    assert hashes(ffprobe, tmp_path / "end.mkv", "s") == hashes(ffprobe, bitmap_clip, "s")[:1]


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
def test_second_video_is_copied_and_said_to_be(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, target: str
) -> None:
    # ffmpeg -i a.mkv -i b.mkv -map 0 -map 1 -c copy two.mkv
    clips = [make_clip(name, pts=PTS, options={"g": "10"}) for name in ("a.mkv", "b.mkv")]
    with av.open(str(tmp_path / "two.mkv"), "w") as output:
        inputs = [av.open(str(clip)) for clip in clips]
        streams = [output.add_stream_from_template(c.streams.video[0]) for c in inputs]
        for container, stream in zip(inputs, streams, strict=True):
            for packet in container.demux():
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
            container.close()
    (warning,) = convert(tmp_path / "two.mkv", tmp_path / target)
    assert warning == ("video stream 1 (h264) is copied as it is: only the first video is upscaled")
    ffprobe = require_tool("ffprobe")
    wanted = hashes(ffprobe, tmp_path / "two.mkv", "v:1")
    assert len(wanted) == len(PTS)
    assert hashes(ffprobe, tmp_path / target, "v:1") == wanted
    convert(tmp_path / "two.mkv", tmp_path / f"cut_{target}", start_s=0.3)
    assert hashes(ffprobe, tmp_path / f"cut_{target}", "v:1") == wanted[10:]  # from a key frame


@pytest.fixture
def telemetry_clip(shared_data: Path, tmp_path: Path) -> Path:
    """A clip with a track of data, as action cameras write it: text by another name."""
    data = (shared_data / "awkward" / "mov_text.mp4").read_bytes()
    assert data.count(b"sbtl") == data.count(b"tx3g") == 1
    path = tmp_path / "telemetry.mp4"
    path.write_bytes(data.replace(b"sbtl", b"meta").replace(b"tx3g", b"gpmd"))
    return path


@pytest.mark.parametrize("target", ["out.mp4", "out.mov"])
def test_data_keeps_every_byte_and_its_times(
    telemetry_clip: Path, require_tool: Tool, tmp_path: Path, target: str
) -> None:
    assert convert(telemetry_clip, tmp_path / target) == []
    ffprobe = require_tool("ffprobe")
    assert hashes(ffprobe, tmp_path / target, "d") == hashes(ffprobe, telemetry_clip, "d")
    found = probe(ffprobe, tmp_path / target, "-show_packets", "-select_streams", "d")
    times = [float(packet["pts_time"]) for packet in found["packets"]]
    assert times == [0, 0.523, 1.016, 1.523]


def test_cut_clips_data_at_its_ends(
    telemetry_clip: Path, require_tool: Tool, tmp_path: Path
) -> None:
    convert(telemetry_clip, tmp_path / "out.mp4", start_s=0.6, end_s=1.6)
    found = probe(require_tool("ffprobe"), tmp_path / "out.mp4", "-show_packets")
    data = [p for p in found["packets"] if p["codec_type"] == "data"]
    assert [(p["pts_time"], p["duration_time"]) for p in data] == [
        ("0.000000", "0.416000"),
        ("0.416000", "0.507000"),
        ("0.923000", "0.077000"),
    ]


def test_data_that_the_container_cannot_hold_is_named(telemetry_clip: Path, tmp_path: Path) -> None:
    (warning,) = convert(telemetry_clip, tmp_path / "out.mkv")
    assert warning == "data stream 2 (bin_data) cannot be held by an .mkv file and is left out"


def test_strict_streams_names_every_loss_and_leaves_nothing(
    shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "awkward" / "sample_with_ass_subtitles.mkv"
    strict = EncodingSpec(preset="8", strict_streams=True)
    with pytest.raises(OutputError, match=r"stream 1 \(ac3\).*stream 2 \(ass\).*style sheet"):
        convert(source, tmp_path / "out.webm", strict)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mov_text.mp4", "cover_art.mkv", "sample_with_chapters.mp4"])
def test_strict_streams_accepts_what_arrives(shared_data: Path, tmp_path: Path, name: str) -> None:
    strict = EncodingSpec(preset="ultrafast", strict_streams=True)
    assert convert(shared_data / "awkward" / name, tmp_path / "out.mp4", strict) == []
    assert (tmp_path / "out.mp4").is_file()


def test_output_that_lacks_a_stream_is_an_error(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, silent = make_clip("a.mkv", audio_start=0.0), make_clip("silent.mkv")
    monkeypatch.setattr(
        "vsr_cli.media.streams.check.open_container", lambda _: av.open(str(silent))
    )
    with pytest.raises(OutputError, match="would hold 0 streams of type audio, not 1"):
        convert(clip, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
def test_timecode_and_date_are_kept(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, target: str
) -> None:
    command = [require_tool("ffmpeg"), "-v", "error", "-i", str(make_clip("a.mp4", pts=PTS)), "-c"]
    command += [
        "copy",
        "-timecode",
        "01:02:03:04",
        "-metadata",
        "creation_time=2020-11-06T11:01:35",
    ]
    subprocess.run([*command, str(tmp_path / "tc.mov")], check=True)
    assert convert(tmp_path / "tc.mov", tmp_path / target) == []
    found = probe(require_tool("ffprobe"), tmp_path / target)
    tags = {name.lower(): value for name, value in found["streams"][0]["tags"].items()}
    assert tags["timecode"] == "01:02:03:04"
    assert found["format"]["tags"]["creation_time"] == "2020-11-06T11:01:35.000000Z"
    (warning,) = convert(tmp_path / "tc.mov", tmp_path / f"cut_{target}", start_s=0.4)
    assert warning.startswith("timecode 01:02:03:04 is that of the first frame of the whole")
    found = probe(require_tool("ffprobe"), tmp_path / f"cut_{target}")
    assert "timecode" not in str(found["streams"]).lower()


def test_timecode_that_does_not_fit_the_rate_is_named(make_clip: Clip, tmp_path: Path) -> None:
    # ffmpeg -i a.mkv -c copy -metadata timecode="01:02:03;04" tagged.mkv
    with (
        av.open(str(make_clip("a.mkv", pts=PTS))) as source,
        av.open(str(tmp_path / "tagged.mkv"), "w") as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        output.metadata.update(timecode="01:02:03;04", title="T")
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    (warning,) = convert(tmp_path / "tagged.mkv", tmp_path / "out.mp4")
    assert warning == "timecode 01:02:03;04 does not fit 25 frames/s and is left out"
    with av.open(str(tmp_path / "out.mp4")) as written:
        assert written.metadata["title"] == "T"


def test_packets_out_of_order_are_an_error_in_words(make_clip: Clip, tmp_path: Path) -> None:
    # cat a.ts a.ts > twice.ts
    clip = make_clip("a.ts", pts=PTS, audio_start=0.0)
    (tmp_path / "twice.ts").write_bytes(clip.read_bytes() * 2)
    with pytest.raises(OutputError, match=r"audio stream 1 \(aac\) cannot be copied at \d\.\d+ s"):
        convert(tmp_path / "twice.ts", tmp_path / "out.mp4", tolerate=1)
    assert not (tmp_path / "out.mp4").exists()


def test_several_covers_arrive(shared_data: Path, require_tool: Tool, tmp_path: Path) -> None:
    # ffmpeg -i a.mkv -attach bird.png -attach small.png -c copy two.mkv
    with (
        av.open(str(shared_data / "awkward" / "cover_art.mkv")) as source,
        av.open(str(tmp_path / "two.mkv"), "w") as output,
    ):
        cover = next(bytes(p) for p in source.demux(source.streams.video[1]) if p.size)
        stream = output.add_stream_from_template(source.streams.video[0])
        output.add_attachment("cover.png", "image/png", cover)
        output.add_attachment("small_cover.png", "image/png", cover)
        source.seek(0)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    for target in ("out.mkv", "out.mp4"):
        assert convert(tmp_path / "two.mkv", tmp_path / target) == []
        found = kinds(probe(require_tool("ffprobe"), tmp_path / target))
        assert found == ["cover png", "cover png"]


def test_tags_of_its_own_stay_in_mp4(shared_data: Path, require_tool: Tool, tmp_path: Path) -> None:
    source = shared_data / "awkward" / "sample_sef_super_slow_motion.mp4"
    assert convert(source, tmp_path / "out.mp4", end_s=0.1) == []
    tags = probe(require_tool("ffprobe"), tmp_path / "out.mp4")["format"]["tags"]
    assert tags["com.android.version"] == "10"


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.m4v"])
def test_tags_of_its_own_stand_beside_the_title_and_the_cover(
    shared_data: Path, require_tool: Tool, tmp_path: Path, target: str
) -> None:
    ffmpeg = [require_tool("ffmpeg"), "-v", "error", "-i"]
    ffmpeg += [str(shared_data / "awkward" / "cover_art.mkv"), "-c", "copy", "-map"]
    subprocess.run([*ffmpeg, "0:v:1", "-f", "image2", str(tmp_path / "cover.png")], check=True)
    command = [*ffmpeg, "0:v:0", "-attach", str(tmp_path / "cover.png"), "-metadata:s:t"]
    command += ["mimetype=image/png", "-metadata", "title=T", "-metadata", "own=Größe"]
    command += ["-metadata", "com.example.b=2", str(tmp_path / "tagged.mkv")]
    subprocess.run(command, check=True)
    warnings = convert(tmp_path / "tagged.mkv", tmp_path / target)
    assert [w for w in warnings if "the cover" not in w] == []
    found = probe(require_tool("ffprobe"), tmp_path / target)
    tags = {name.lower(): value for name, value in found["format"]["tags"].items()}
    assert (tags["title"], tags["own"], tags["com.example.b"]) == ("T", "Größe", "2")
    assert ("cover png" in kinds(found)) == (target != "out.mov")
    assert convert(tmp_path / target, tmp_path / f"again_{target}") == []
    found = probe(require_tool("ffprobe"), tmp_path / f"again_{target}")
    assert {name.lower(): value for name, value in found["format"]["tags"].items()} == tags


@pytest.mark.parametrize("target", ["out.mp4", "out.mov"])
def test_tags_of_a_stream_that_are_lost_are_named(
    make_clip: Clip, require_tool: Tool, tmp_path: Path, target: str
) -> None:
    # ffmpeg -i a.mkv -c copy -metadata:s:a own=x -metadata:s:a title=T tagged.mkv
    command = [require_tool("ffmpeg"), "-v", "error", "-i"]
    command += [str(make_clip("a.mkv", pts=PTS, audio_start=0.0)), "-c", "copy"]
    command += ["-metadata:s:a", "own=x", "-metadata:s:a", "title=T"]
    subprocess.run([*command, str(tmp_path / "tagged.mkv")], check=True)
    (warning,) = convert(tmp_path / "tagged.mkv", tmp_path / target)
    assert warning == "tags of audio stream 1 (aac) that the container cannot hold: OWN"
    found = probe(require_tool("ffprobe"), tmp_path / target)["streams"][1]["tags"]
    assert "own" not in {name.lower() for name in found}
    assert convert(tmp_path / "tagged.mkv", tmp_path / "out.mkv") == []
    assert probe(require_tool("ffprobe"), tmp_path / "out.mkv")["streams"][1]["tags"]["OWN"] == "x"


def test_tags_have_no_place_in_a_file_that_begins_with_its_index(
    make_clip: Clip, require_tool: Tool, tmp_path: Path
) -> None:
    command = [require_tool("ffmpeg"), "-v", "error", "-i", str(make_clip("a.mp4")), "-c", "copy"]
    subprocess.run([*command, "-movflags", "faststart", str(tmp_path / "b.mp4")], check=True)
    before = (tmp_path / "b.mp4").read_bytes()
    with (tmp_path / "b.mp4").open("r+b") as file, pytest.raises(OutputError, match="its index"):
        append_free_tags(file, {"own": "x"}, "mp4")
    assert (tmp_path / "b.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("target", "language", "lost"),
    [("out.mkv", "deu", []), ("out.mp4", "deu", []), ("out.mov", "ger", ["comment"])],
)
def test_labels_are_kept_or_named(
    make_clip: Clip,
    require_tool: Tool,
    tmp_path: Path,
    target: str,
    language: str,
    lost: list[str],
) -> None:
    clip = make_clip("a.mkv", pts=PTS, audio_start=0.0)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "b.mkv"), "w") as output:
        streams = [output.add_stream_from_template(s) for s in source.streams]
        streams[1].metadata.update(language="deu", title="Kommentar")
        streams[1].disposition = Disposition.comment | Disposition.default
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    warnings = convert(tmp_path / "b.mkv", tmp_path / target)
    assert [w.rpartition(" as ")[2] for w in warnings] == lost
    with av.open(str(tmp_path / target)) as written:
        audio = written.streams.audio[0]
        assert audio.language == language
        assert audio.metadata.get("title", audio.metadata.get("name")) == "Kommentar"
        assert bool(audio.disposition & Disposition.comment) == (not lost)
    convert(tmp_path / target, tmp_path / "again.mkv")
    with av.open(str(tmp_path / "again.mkv")) as written:
        assert written.streams.audio[0].metadata["title"] == "Kommentar"


def test_language_that_quicktime_does_not_know_is_named(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip("a.mkv", pts=PTS, audio_start=0.0)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "b.mkv"), "w") as output:
        streams = [output.add_stream_from_template(s) for s in source.streams]
        streams[1].metadata["language"] = "cym"
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    (warning,) = convert(tmp_path / "b.mkv", tmp_path / "out.mov")
    assert warning == "audio stream 1 (aac, cym) is no longer marked as cym"


def roles(tool: str, path: Path) -> list[set[str]]:
    """The dispositions of each stream."""
    streams = probe(tool, path)["streams"]
    return [{role for role, is_set in s["disposition"].items() if is_set} for s in streams]


@pytest.mark.parametrize(
    ("target", "kept", "lost"),
    [
        ("out.mkv", {"comment", "forced", "hearing_impaired"}, []),
        ("out.webm", {"forced"}, ["comment", "hearing_impaired"]),
    ],
)
def test_roles_of_audio_are_kept_or_named(
    make_bursts: Callable[..., Path],
    require_tool: Tool,
    tmp_path: Path,
    target: str,
    kept: set[str],
    lost: list[str],
) -> None:
    # ffmpeg -i a.mkv -c copy -disposition:a comment+hearing_impaired+forced marked.mkv
    command = [require_tool("ffmpeg"), "-v", "error", "-i", str(make_bursts("b.mkv", "libopus"))]
    command += ["-c", "copy", "-disposition:a", "comment+hearing_impaired+forced"]
    subprocess.run([*command, str(tmp_path / "marked.mkv")], check=True)
    warnings = convert(tmp_path / "marked.mkv", tmp_path / target)
    assert warnings == [f"audio stream 1 (opus, ger) is no longer marked as {r}" for r in lost]
    assert roles(require_tool("ffprobe"), tmp_path / target)[1] == kept
    if lost:
        strict = EncodingSpec(preset="8", strict_streams=True)
        with pytest.raises(OutputError, match=r"no longer marked as comment; .*hearing_impaired"):
            convert(tmp_path / "marked.mkv", tmp_path / "strict.webm", strict)
        assert not (tmp_path / "strict.webm").exists()


@pytest.fixture
def make_bursts(make_clip: Clip, tmp_path: Path) -> Callable[..., Path]:
    """Makes two seconds of video with tones at 0.5 and 1.5 s of the audio, which starts later.

    About: ffmpeg -i a.mkv -itsoffset START -f lavfi -i "aevalsrc='sin(2000*PI*t)*(
    between(t,0.5,0.6)+between(t,1.5,1.6))':s=44100:c=LAYOUT:d=2" -c:v copy -c:a CODEC NAME
    """

    def make(name: str, codec: str, *, start: float = 0.0, layout: str = "stereo") -> Path:
        time = np.arange(2 * RATE) / RATE
        is_on = ((time >= 0.5) & (time < 0.6)) | ((time >= 1.5) & (time < 1.6))
        tone = np.where(is_on, 0.5 * np.sin(2000 * np.pi * (time - 0.5)), 0)
        path = tmp_path / name
        with av.open(str(make_clip("a.mkv", pts=PTS))) as source, av.open(str(path), "w") as output:
            video = output.add_stream_from_template(source.streams.video[0])
            audio = output.add_stream(
                codec, rate=48_000 if codec == "libopus" else RATE, layout=layout
            )
            audio.metadata["language"] = "ger"
            for packet in source.demux():
                if packet.size:
                    packet.stream = video
                    output.mux(packet)
            channels = len(audio.codec_context.layout.channels)
            for first in range(0, len(tone), 1024):
                samples = np.repeat(tone[None, first : first + 1024], channels, axis=0)
                block = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples, np.float32), "fltp", layout
                )
                block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
                block.pts = first + round(start * RATE)
                output.mux(audio.encode(block))
            output.mux(audio.encode(None))
        return path

    return make


def levels_over_time(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Seconds after the first picture, and the level then, of every sample as PyAV decodes it."""
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        zero = float(picture.pts * picture.time_base)
    times, levels = [], []
    with av.open(str(path)) as container:
        for block in container.decode(audio=0):
            samples = block.to_ndarray().astype(np.float64)
            if not block.format.is_planar:
                samples = samples.reshape(-1, len(block.layout.channels)).T
            scale = 1.0 if block.format.name.startswith("flt") else 2.0 ** (block.format.bits - 1)
            start = float(block.pts * block.time_base)
            times.append(start + np.arange(samples.shape[1]) / block.sample_rate)
            levels.append(np.abs(samples).max(axis=0) / scale)
    return np.concatenate(times) - zero, np.concatenate(levels)


def onsets(path: Path) -> list[float]:
    """When each tone begins, in seconds after the first picture."""
    time, level = levels_over_time(path)
    loud = time[level > 0.1]
    return [float(loud[0]), *loud[1:][np.diff(loud) > 0.2]]


@pytest.mark.parametrize(
    ("source", "codec", "target", "asked", "name", "layout"),
    [
        ("a.mkv", "aac", "out.webm", "opus", "opus", "stereo"),
        ("a.mov", "pcm_s16le", "out.webm", "opus", "opus", "mono"),
        ("a.mkv", "flac", "out.mov", "aac", "aac", "5.1"),
        ("a.mkv", "libopus", "out.mov", "aac", "aac", "stereo"),
        ("a.mkv", "libopus", "out.mov", "alac", "alac", "stereo"),
        ("a.mkv", "flac", "out.mov", "aac", "aac", "stereo"),
    ],
)
@pytest.mark.parametrize("cut", [{}, {"start_s": 0.4, "end_s": 1.96}], ids=["whole", "cut"])
@pytest.mark.parametrize("start", [0.0, 0.25])
def test_audio_that_is_encoded_anew_sounds_at_the_same_times(
    make_bursts: Callable[..., Path],
    tmp_path: Path,
    source: str,
    codec: str,
    target: str,
    asked: str,
    name: str,
    layout: str,
    cut: dict[str, float],
    start: float,
) -> None:
    clip = make_bursts(source, codec, start=start, layout=layout)
    encoding = EncodingSpec(
        preset="8" if target.endswith("webm") else "ultrafast", audio_codec=asked
    )
    (warning,) = convert(clip, tmp_path / target, encoding, **cut)
    assert "is encoded anew with" in warning
    with av.open(str(tmp_path / target)) as written:
        (audio,) = written.streams.audio
        assert audio.codec_context.codec.canonical_name == name
        assert audio.codec_context.layout.nb_channels == {"mono": 1, "stereo": 2, "5.1": 6}[layout]
        assert audio.language == "ger"
    before = [onset - cut.get("start_s", 0.0) for onset in onsets(clip)]
    assert len(before) == 2
    if cut:
        assert levels_over_time(tmp_path / target)[0][0] >= -0.001
    # A millisecond is what Matroska rounds to; the rest is the attack of a lossy codec.
    assert onsets(tmp_path / target) == pytest.approx(before, abs=0.0025)


def test_cut_of_audio_that_is_encoded_anew_is_whole_from_its_start(
    make_bursts: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_bursts("a.mkv", "libopus")
    encoding = EncodingSpec(preset="ultrafast", audio_codec="alac")
    convert(clip, tmp_path / "out.mov", encoding, start_s=0.52, end_s=1.4)
    time, level = levels_over_time(tmp_path / "out.mov")
    assert 0 <= time[0] < 0.02  # a packet of Opus
    assert 0.88 <= time[-1] < 0.92
    first, later = (level[(time >= start) & (time < start + 0.01)].max() for start in (0.02, 0.05))
    assert level[:480].max() == pytest.approx(0.5, abs=0.03)
    assert first == pytest.approx(later, abs=0.03)


def test_only_audio_that_cannot_be_held_is_encoded_anew(
    make_bursts: Callable[..., Path], require_tool: Tool, tmp_path: Path
) -> None:
    clip = make_bursts("a.mkv", "aac")
    encoding = EncodingSpec(preset="ultrafast", audio_codec="flac")
    assert convert(clip, tmp_path / "out.mp4", encoding) == []
    ffprobe = require_tool("ffprobe")
    assert hashes(ffprobe, tmp_path / "out.mp4", "a") == hashes(ffprobe, clip, "a")


@pytest.mark.parametrize(
    ("asked", "target", "message"),
    [
        ("nonsense", "out.webm", "audio codec 'nonsense' is unknown; try one of aac"),
        ("libx264", "out.webm", "'libx264' is a video codec"),
        ("aac", "out.webm", "audio by aac cannot be written into a webm file; try opus"),
    ],
)
def test_audio_codec_that_cannot_be_is_refused_at_once(
    make_clip: Clip, tmp_path: Path, asked: str, target: str, message: str
) -> None:
    clip = make_clip("a.mkv")
    with pytest.raises(ValueError, match=message):
        convert(clip, tmp_path / target, EncodingSpec(preset="8", audio_codec=asked))
    assert not (tmp_path / target).exists()


def test_damaged_audio_that_must_be_decoded_is_an_error(
    make_bursts: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_bursts("a.mkv", "flac")
    with av.open(str(clip)) as source, av.open(str(tmp_path / "bad.mkv"), "w") as output:
        streams = [output.add_stream_from_template(s, opaque=True) for s in source.streams]
        number = 0
        for packet in source.demux():
            if packet.size:
                number += packet.stream_index
                damaged = Packet(bytes(40)) if packet.stream_index and number == 9 else packet
                damaged.pts, damaged.dts = packet.pts, packet.dts
                damaged.time_base, damaged.duration = packet.time_base, packet.duration
                damaged.stream = streams[packet.stream_index]
                output.mux(damaged)
    encoding = EncodingSpec(preset="ultrafast", audio_codec="aac")
    with pytest.raises(InputError, match=r"audio stream 1 is damaged at 0\.\d+ s"):
        convert(tmp_path / "bad.mkv", tmp_path / "out.mov", encoding)
    assert not (tmp_path / "out.mov").exists()
