"""Fixtures that every test may use: clips by PyAV alone, weights, shared data, tools."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.codec.context import Flags

from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> None:
    """A run in the background ignores these, and so would every command that a test starts."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    for number, handler in usual.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


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


@pytest.fixture(scope="session")
def require_cuda() -> None:
    """Skips a test where there is no GPU; with VSR_REQUIRE_CUDA=1 it fails."""
    if torch.cuda.is_available():
        return
    if os.environ.get("VSR_REQUIRE_CUDA") == "1":
        pytest.fail("needs a GPU, and VSR_REQUIRE_CUDA=1")
    pytest.skip("needs a GPU, which is not on this machine")


@pytest.fixture
def random_weights(tmp_path: Path) -> tuple[Path, Path]:
    """Weight files of an untrained fsrcnn x2 and an untrained srnet3d behind it.

    The last layers are larger than at the start of a training, so that both stages change the
    picture visibly.
    """
    torch.manual_seed(5)
    frame_model, clip_model = get_spec("fsrcnn").build(2, True), get_spec("srnet3d").build(1, True)
    with torch.no_grad():
        frame_model.upsample.weight.normal_(std=0.02)
        clip_model.reconstruct.weight.normal_(std=0.02)
    frame_path, clip_path = tmp_path / "fsrcnn.safetensors", tmp_path / "srnet3d.safetensors"
    record = WeightRecord(arch="fsrcnn", scale=2, domain="test")
    digest = save_weights(frame_path, frame_model, record)
    record = WeightRecord(arch="srnet3d", scale=2, window=5, domain="test", partner_sha256=digest)
    save_weights(clip_path, clip_model, record)
    return frame_path, clip_path


Clip = Callable[..., Path]
TICKS = Fraction(1, 90_000)


def fill(picture: av.VideoFrame, number: int) -> None:
    """A pattern that differs in every frame, plane, row and column."""
    for index, plane in enumerate(picture.planes):
        deepest = max(c.bits for c in picture.format.components)
        dtype = np.uint8 if deepest <= 8 else np.uint16
        view = np.frombuffer(plane, dtype)
        samples = np.arange(view.size) * (7 + 4 * index) + 31 * number + 13 * index
        view[:] = samples % (1 << deepest)


@pytest.fixture
def make_clip(tmp_path: Path) -> Clip:
    """Makes a clip with the given pts (ticks of 1/90000), each frame lasting to the next one.

    About: ffmpeg -f lavfi -i testsrc2=size=64x48:rate=25 -frames:v N -c:v CODEC -pix_fmt FORMAT
    -enc_time_base 1:90000 NAME, with "-vf setpts=..." for the times.
    """

    def make(
        name: str = "clip.mkv",
        *,
        pts: Sequence[int] = (0, 3600, 7200, 10800, 14400),
        last_duration: int = 3600,
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        audio_start: float | None = None,
        tags: tuple[int, int, int, int] | None = None,
        sar: Fraction | None = None,
        rotation: int = 0,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            video = output.add_stream(codec, rate=25, options=options or {})
            assert isinstance(video, av.VideoStream)
            context = video.codec_context
            context.width, context.height = size
            context.pix_fmt = pix_fmt
            context.time_base = TICKS
            context.flags |= Flags.frame_duration
            if tags is not None:
                context.color_range, context.colorspace = tags[:2]
                context.color_primaries, context.color_trc = tags[2:]
            if sar is not None:
                context.sample_aspect_ratio = sar
            if rotation:
                video.set_display_rotation(rotation)
            audio = None if audio_start is None else output.add_stream("aac", rate=48_000)
            ends = [*pts[1:], pts[-1] + last_duration]
            for number, (tick, end) in enumerate(zip(pts, ends, strict=True)):
                picture = av.VideoFrame(*size, pix_fmt)
                fill(picture, number)
                picture.pts, picture.duration, picture.time_base = tick, end - tick, TICKS
                output.mux(video.encode(picture))
            output.mux(video.encode(None))
            if audio is not None and audio_start is not None:
                _add_tone(output, audio, start=audio_start, end=float(ends[-1] * TICKS))
        return path

    return make


def _add_tone(
    output: av.container.OutputContainer, stream: av.AudioStream, *, start: float, end: float
) -> None:
    """About: -f lavfi -itsoffset START -i sine=frequency=440:sample_rate=48000 -c:a aac."""
    rate, size = 48_000, 1024
    for first in range(round(start * rate), round(end * rate), size):
        samples = np.sin(2 * np.pi * 440 / rate * np.arange(first, first + size))[None, :]
        block = av.AudioFrame.from_ndarray(samples.astype(np.float32), "fltp", "mono")
        block.sample_rate, block.pts, block.time_base = rate, first, Fraction(1, rate)
        output.mux(stream.encode(block))
    output.mux(stream.encode(None))


@pytest.fixture
def audio_packets() -> Callable[[Path], list[tuple[Fraction, bytes]]]:
    """Reads the audio packets of a file: (seconds, bytes) of each."""

    def read(path: Path) -> list[tuple[Fraction, bytes]]:
        with av.open(str(path)) as container:
            return [
                (packet.pts * Fraction(packet.time_base), bytes(packet))
                for packet in container.demux(audio=0)
                if packet.size and packet.pts is not None
            ]

    return read
