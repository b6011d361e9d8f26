"""A run that ends early: what is complete is kept on demand, whole, and under a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.errors import VsrError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import VideoWriter, open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import EncodingSpec

TICKS = Fraction(1, 90_000)
INFO = ClipInfo(64, 48, require_planar("gray"), TICKS, frame_rate=Fraction(25))
KEPT = EncodingSpec(codec="x264", preset="ultrafast", keep_partial=True)
NUM_FRAMES = 60


class StopError(KeyboardInterrupt):
    """As an interrupt from the keyboard, or a signal."""


def frames(number: int) -> Iterator[Frame]:
    random = torch.Generator().manual_seed(number)
    for index in range(number):
        plane = torch.randint(0, 256, (48, 64), generator=random).to(torch.uint8)
        yield Frame((plane,), pts=3600 * index)


def write(path: Path, number: int, encoding: EncodingSpec, error: BaseException) -> None:
    """Write so many frames, and let it end with an error."""
    with open_writer(path, INFO, encoding) as writer:
        for frame in frames(number):
            writer.write(frame)
        raise error


def read_times(path: Path) -> list[Fraction]:
    with open_reader(path) as reader:
        return [frame.pts * reader.info.time_base for frame in reader]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def interrupt_at(writer: VideoWriter, packet: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise after so many of the packets that come when all frames are given."""
    mux, num_packets = writer._mux, 0

    def interrupted(packets: Iterator[Packet[VideoStream]]) -> None:
        nonlocal num_packets
        for one in packets:
            mux(iter([one]))
            num_packets += writer.frames_written == NUM_FRAMES
            if num_packets == packet:
                num_packets += 1
                raise StopError

    monkeypatch.setattr(writer, "_mux", interrupted)


@pytest.mark.parametrize("codec", ["x264", "x265"])
@pytest.mark.parametrize("packet", [1, 3, 10])
def test_interrupt_while_the_encoder_is_emptied_comes_at_once_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, packet: int
) -> None:
    """These look far ahead: many packets come after the last frame."""
    encoding = replace(KEPT, codec=codec, preset="medium")
    writer = open_writer(tmp_path / "out.mp4", INFO, encoding)
    assert isinstance(writer, VideoWriter)
    interrupt_at(writer, packet, monkeypatch)
    for frame in frames(NUM_FRAMES):
        writer.write(frame)
    with pytest.raises(StopError) as caught:
        writer.__exit__(None, None, None)
    kept = tmp_path / "out.partial.mp4"
    assert caught.value.__notes__ == [f"{NUM_FRAMES} frames are kept in {kept}"]
    assert names(tmp_path) == {kept.name}
    assert read_times(kept) == [n * 3600 * TICKS for n in range(NUM_FRAMES)]


@pytest.mark.parametrize("error", [StopError(), VsrError("model"), RuntimeError("bug")])
def test_whatever_ends_the_run_what_is_complete_is_kept(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        write(tmp_path / "out.mkv", 7, KEPT, error)
    assert names(tmp_path) == {"out.partial.mkv"}
    assert len(read_times(tmp_path / "out.partial.mkv")) == 7


def test_one_frame_is_kept_too(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        write(tmp_path / "out.mp4", 1, KEPT, StopError())
    assert read_times(tmp_path / "out.partial.mp4") == [0]


def test_second_partial_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for number in (5, 3):
        with pytest.raises(StopError):
            write(tmp_path / "out.mkv", number, KEPT, StopError())
    assert names(tmp_path) == {"out.partial.mkv", "out.partial2.mkv"}
    assert len(read_times(tmp_path / "out.partial.mkv")) == 5
    assert len(read_times(tmp_path / "out.partial2.mkv")) == 3


def test_file_is_kept_when_its_place_was_taken_meanwhile(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "out.mkv", INFO, KEPT)
    for frame in frames(5):
        writer.write(frame)
    (tmp_path / "out.mkv").write_bytes(b"somebody else's")
    with pytest.raises(VsrError, match="meanwhile"):
        writer.__exit__(None, None, None)
    assert (tmp_path / "out.mkv").read_bytes() == b"somebody else's"
    assert len(read_times(tmp_path / "out.partial.mkv")) == 5


def test_nothing_is_kept_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        write(tmp_path / "out.mkv", 5, replace(KEPT, keep_partial=False), StopError())
    assert names(tmp_path) == set()


def test_long_name_is_shortened_for_the_partial_file(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        write(tmp_path / f"{'ü' * 125}.mkv", 2, KEPT, StopError())
    (name,) = names(tmp_path)
    assert name.endswith("ü.partial.mkv")
    assert len(name.encode()) <= 255
