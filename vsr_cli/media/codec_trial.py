"""Which codecs work on this machine, each tried on a clip of a few frames.

That FFmpeg lists an encoder says little: those of hardware are in every build and need a device, a
driver, and the right to use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import torch
from av.codec import Codec, codecs_available
from av.codec.hwaccel import hwdevices_available

from vsr_cli.errors import VsrError
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.opening import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.video.acceleration import device_fault
from vsr_cli.media.video.encoder_trial import hearing_log, hearing_stderr
from vsr_cli.specs import EncodingSpec

WRITTEN = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1", "prores_ks")
READ = ("libvpx", "mpeg2video", "mpeg4")  # of what is often read, beside these
HARDWARE = ("_nvenc", "_qsv", "_amf", "_vaapi", "_vulkan", "_videotoolbox", "_v4l2m2m", "_mf")
SIDE, NUM_FRAMES = 256, 5  # pixels; NVENC refuses pictures below 145x49
TOLERANCE = 0.05  # mean error of luma in [0, 1]; every codec at its usual quality is below 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTrial:
    """What became of a clip that an encoder wrote and a decoder read back."""

    encoder: str  # FFmpeg's names
    decoder: str  # empty: nothing was written
    fault: str  # in words; empty: the clip came back

    @property
    def is_hardware(self) -> bool:
        """True for an encoder that needs a device of its own."""
        return self.encoder.endswith(HARDWARE)


def hardware_encoders() -> tuple[str, ...]:
    """FFmpeg's names of the video encoders of this build that need a device, sorted."""
    names = (name for name in codecs_available if name.endswith(HARDWARE))
    return tuple(sorted(name for name in names if _is_video_encoder(name)))


def try_codec(encoder: str, folder: Path) -> CodecTrial:
    """Write a clip with an encoder and read it back, as ``vsr upscale`` does.

    256x256, five frames, yuv420p, in a Matroska file that is removed again.

    Args:
        encoder: FFmpeg's name.
        folder: an existing one, for the file.

    Raises:
        OSError: the folder cannot be used.
    """
    path = folder / f"{encoder}.mkv"
    decoder, fault = "", ""
    with hearing_log() as log, hearing_stderr():
        try:
            frames = list(moving_picture(SIDE, SIDE, NUM_FRAMES))
            write_clip(path, frames, encoder)
            decoder = decoder_of(path)
            fault = _difference(path, frames)
        except (VsrError, ValueError, av.error.FFmpegError) as error:
            fault = " ".join(str(error).split())
    path.unlink(missing_ok=True)
    said = [text.strip() for level, name, text in log if name == encoder and _is_worse(level)]
    if fault and said and said[0] not in fault:
        fault = said[0]  # the cause; what follows from it comes later
    return CodecTrial(encoder=encoder, decoder=decoder, fault=fault)


def write_clip(path: Path, frames: list[Frame], codec: str | None = None) -> None:
    """Write frames of 8 bits, 4:2:0, and one size, whose pts are in 25ths of a second.

    Raises:
        OutputError, ValueError: as ``open_writer``.
    """
    height, width = frames[0].planes[0].shape
    info = ClipInfo(
        width=width,
        height=height,
        pixel_format=require_planar("yuv420p"),
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
    )
    with open_writer(path, info, EncodingSpec(codec=codec)) as writer:
        for frame in frames:
            writer.write(frame)


def moving_picture(width: int, height: int, num_frames: int) -> Iterator[Frame]:
    """A soft pattern that moves by two pixels a frame: planes of uint8, 4:2:0."""
    rows = torch.arange(height)[:, None] / height
    columns = torch.arange(width)[None, :]
    gray = torch.full((-(-height // 2), -(-width // 2)), 128, dtype=torch.uint8)
    for number in range(num_frames):
        waves = torch.sin((columns + 2 * number) * 2 * torch.pi / 64)
        luma = 126 + 60 * waves * rows + 30 * rows
        yield Frame((luma.round().to(torch.uint8), gray, gray), pts=number, duration=1)


def decoder_of(path: Path) -> str:
    """FFmpeg's name of the decoder that reads a file's video."""
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec.name


def hardware_decoding(path: Path) -> dict[str, str]:
    """Devices that this FFmpeg could decode with, and why each cannot read a file ("": it can)."""
    return {device: device_fault(device, path) for device in hwdevices_available()}


def _is_worse(level: int) -> bool:
    """True for FFmpeg's errors, not for its warnings."""
    return level <= av.logging.ERROR


def _is_video_encoder(name: str) -> bool:
    try:
        codec = Codec(name, "w")
    except ValueError:  # it decodes only
        return False
    return codec.type == "video" and bool(codec.video_formats)


def _difference(path: Path, frames: list[Frame]) -> str:
    """What is wrong with the frames of a file; empty if they are these."""
    with open_reader(path) as reader:
        top = reader.info.pixel_format.max_code
        luma = [frame.planes[0].float() / top for frame in reader]
    if len(luma) != len(frames):
        return f"{len(luma)} of {len(frames)} frames came back"
    pairs = zip(luma, frames, strict=True)
    errors = [(sr - frame.planes[0].float() / 255).abs().mean().item() for sr, frame in pairs]
    if max(errors) > TOLERANCE:
        return f"the picture is not what was written: luma is off by {max(errors):.2f} of 1"
    return ""
