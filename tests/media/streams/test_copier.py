"""Other streams of the source: bit for bit, at the same times; named where they are left out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo
from vsr_cli.media import open_reader, open_writer
from vsr_cli.specs import DecodingSpec, EncodingSpec

FAST = EncodingSpec(preset="ultrafast")
PTS = [3600 * n for n in range(50)]
Packets = Callable[[Path], list[tuple[Fraction, bytes]]]
ROUNDING_S = Fraction(1, 90_000)  # an MP4 keeps start offsets in these ticks


def copy_clip(source: Path, target: Path, **cut: float) -> tuple[ClipInfo, list[str]]:
    """What the pipeline does, without a model in the middle; returns also the warnings."""
    decoding = DecodingSpec(**cut)
    with (
        open_reader(source, decoding) as reader,
        open_writer(target, reader.info, FAST, copy_from=source, decoding=decoding) as writer,
    ):
        known_before = list(writer.warnings)
        for frame in reader:
            writer.write(frame)
    assert writer.warnings == known_before
    return reader.info, known_before


def first_video_time(path: Path) -> Fraction:
    with open_reader(path) as reader:
        return next(iter(reader)).pts * reader.info.time_base


@pytest.mark.parametrize("audio_start", [0.0, 0.25])
@pytest.mark.parametrize(
    ("source", "target"),
    [("a.mp4", "b.mp4"), ("a.mkv", "b.mkv"), ("a.mkv", "b.mp4"), ("a.mp4", "b.mov")],
)
def test_audio_packets_are_the_same_at_the_same_times(
    make_clip: Callable[..., Path],
    audio_packets: Packets,
    tmp_path: Path,
    source: str,
    target: str,
    audio_start: float,
) -> None:
    clip = make_clip(source, pts=PTS, audio_start=audio_start)
    _, warnings = copy_clip(clip, tmp_path / target)
    assert warnings == []
    before, after = audio_packets(clip), audio_packets(tmp_path / target)
    assert len(before) > 50
    assert [data for _, data in after] == [data for _, data in before]
    offset = first_video_time(tmp_path / target) - first_video_time(clip)
    for (time, _), (wanted, _) in zip(after, before, strict=True):
        tick = Fraction(1, 1000) if "mkv" in source + target else ROUNDING_S
        assert abs(time - offset - wanted) <= tick


def test_audio_is_laid_beside_the_video_in_the_file(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    copy_clip(make_clip("a.mkv", pts=PTS, audio_start=0.0), tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    first_half = kinds[: len(kinds) // 2]
    assert first_half.count("audio") > len(kinds) // 8
    assert first_half.count("video") > len(kinds) // 8


def test_several_streams_keep_language_title_and_disposition(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    # ffmpeg -i a.mkv -map 0:v -map 0:a -map 0:a -c copy -metadata:s:a:1 language=deu ... two.mkv
    clip = make_clip("a.mkv", pts=PTS[:10], audio_start=0.0)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "two.mkv"), "w") as output:
        video, audio = source.streams.video[0], source.streams.audio[0]
        targets = [output.add_stream_from_template(s) for s in (video, audio, audio)]
        targets[2].metadata.update(language="deu", title="Kommentar")
        targets[2].disposition = av.stream.Disposition.comment
        output.metadata["title"] = "Ein Film"
        output.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": 300,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "Anfang"},
                }
            ]
        )
        for packet in source.demux():
            if packet.size:
                copies = targets[:1] if packet.stream.type == "video" else targets[1:]
                for target in copies:
                    packet.stream = target
                    output.mux(packet)
    copy_clip(tmp_path / "two.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as written:
        assert len(written.streams.audio) == 2
        second = written.streams.audio[1]
        assert (second.language, second.metadata["title"]) == ("deu", "Kommentar")
        assert second.disposition & av.stream.Disposition.comment
        assert written.metadata["title"] == "Ein Film"
        (chapter,) = written.chapters()
        assert chapter["metadata"]["title"] == "Anfang"
        assert chapter["end"] * chapter["time_base"] == Fraction(3, 10)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_cut_starts_at_zero_with_its_own_sound(
    make_clip: Callable[..., Path], audio_packets: Packets, tmp_path: Path, name: str
) -> None:
    clip = make_clip(name, pts=PTS, audio_start=0.0)
    copy_clip(clip, tmp_path / "cut.mp4", start_s=0.5, end_s=1.2)
    with open_reader(tmp_path / "cut.mp4") as reader:
        times = [frame.pts * reader.info.time_base for frame in reader]
    assert times == [n * Fraction(1, 25) for n in range(len(times))]
    assert len(times) == 30 - 13
    start = 13 * Fraction(1, 25)  # the first frame of the cut
    kept = [(t, d) for t, d in audio_packets(clip) if start <= t < Fraction(12, 10)]
    got = audio_packets(tmp_path / "cut.mp4")
    assert [data for _, data in got] == [data for _, data in kept]
    for (time, _), (wanted, _) in zip(got, kept, strict=True):
        assert abs(time - (wanted - start)) <= Fraction(1, 1000)


def test_what_a_container_cannot_hold_is_said_before_the_first_frame(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("a.mkv", audio_start=0.0)
    encoding = EncodingSpec(preset="8")
    with (
        open_reader(clip) as reader,
        open_writer(tmp_path / "b.webm", reader.info, encoding, copy_from=clip) as writer,
    ):
        assert len(writer.warnings) == 1
        assert "aac" in writer.warnings[0]
        for frame in reader:
            writer.write(frame)
    with av.open(str(tmp_path / "b.webm")) as written:
        assert [stream.type for stream in written.streams] == ["video"]


def test_broadcast_stream_starts_at_zero(
    make_clip: Callable[..., Path], audio_packets: Packets, tmp_path: Path
) -> None:
    clip = make_clip("a.ts", pts=[900_000 + tick for tick in PTS], audio_start=10.0)
    copy_clip(clip, tmp_path / "out.mp4")
    with av.open(str(clip)) as container:
        zero = Fraction(container.start_time, 1_000_000)
        first = min(p.pts for p in container.demux(video=0) if p.pts is not None)
    wanted = Fraction(first, 90_000) - zero
    assert abs(first_video_time(tmp_path / "out.mp4") - wanted) <= ROUNDING_S
    before, after = audio_packets(clip), audio_packets(tmp_path / "out.mp4")
    assert len(before) == len(after)
    assert abs(after[5][0] - (before[5][0] - zero)) <= ROUNDING_S


@pytest.mark.parametrize(("cut", "until"), [({"start_s": 1.0}, 3.0), ({"end_s": 3.0}, 3.0)])
def test_sound_that_is_longer_than_the_video_is_cut_where_it_was_asked(
    make_clip: Callable[..., Path],
    audio_packets: Packets,
    tmp_path: Path,
    cut: dict[str, float],
    until: float,
) -> None:
    """Two seconds of video in a file of four: a cut ends at --end, or with the file."""
    clip, longer = make_clip("a.mp4", pts=PTS, audio_start=0.0), tmp_path / "longer.mp4"
    long = make_clip("b.mp4", pts=[3600 * n for n in range(100)], audio_start=0.0)
    with av.open(str(clip)) as video, av.open(str(long)) as sound, av.open(str(longer), "w") as out:
        sources = [(video, video.streams.video[0]), (sound, sound.streams.audio[0])]
        targets = [out.add_stream_from_template(stream) for _, stream in sources]
        for (container, stream), target in zip(sources, targets, strict=True):
            for packet in container.demux(stream):
                if packet.size:
                    packet.stream = target
                    out.mux(packet)
    copy_clip(longer, tmp_path / "cut.mp4", **cut)
    last = audio_packets(tmp_path / "cut.mp4")[-1][0]
    assert until - 0.05 < last < until + 0.05


@pytest.mark.parametrize(
    ("target", "way", "num_audio"), [("b.mp4", "left out", 0), ("b.mkv", "empty", 1)]
)
@pytest.mark.parametrize("source", ["a.mp4", "a.mkv"])
def test_sound_of_which_nothing_is_in_the_cut_is_named(
    make_clip: Callable[..., Path],
    tmp_path: Path,
    source: str,
    target: str,
    way: str,
    num_audio: int,
) -> None:
    clip = make_clip(source, pts=PTS, audio_start=1.0)
    _, warnings = copy_clip(clip, tmp_path / target, end_s=0.5)
    assert warnings == [f"audio stream 1 (aac) has nothing within the cut and is {way}"]
    with av.open(str(tmp_path / target)) as written:
        assert len(written.streams.audio) == num_audio
    _, warnings = copy_clip(clip, tmp_path / f"later_{target}", start_s=1.5)
    assert warnings == []
    strict = EncodingSpec(preset="ultrafast", strict_streams=True)
    cut = DecodingSpec(end_s=0.5)
    with (
        open_reader(clip, cut) as reader,
        pytest.raises(OutputError, match="has nothing within the cut"),
    ):
        open_writer(tmp_path / f"c_{target}", reader.info, strict, copy_from=clip, decoding=cut)
