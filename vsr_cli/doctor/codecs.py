"""Which codecs work here, each tried on a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from vsr_cli.doctor.finding import Finding
from vsr_cli.media.codec_trial import (
    NUM_FRAMES,
    READ,
    SIDE,
    WRITTEN,
    CodecTrial,
    hardware_decoding,
    hardware_encoders,
    moving_picture,
    try_codec,
    write_clip,
)

NEEDED = "libx264"  # what vsr upscale writes if nothing else is asked for
SOFTWARE_CAUSES = (
    "this PyAV was built against an FFmpeg without it; the wheels of PyAV have it",
    "the temporary folder is full or cannot be written to",
)
SOFTWARE_REMEDY = 'pip install --force-reinstall --only-binary :all: "av>=18.1,<20"'
HARDWARE_CAUSES = (
    "there is no such hardware here",
    "its driver is missing, or older than this FFmpeg wants",
    "this is a container that was not given the device (docker run --gpus all, --device /dev/dri)",
)
HARDWARE_REMEDY = "nvidia-smi or vainfo; until then --codec x264"
DECODING_REMEDY = "nothing: without --hwaccel vsr decodes on the processor"


def find_codecs() -> Iterator[Finding]:
    """Encoders of software and hardware, the decoders of what they wrote, and hardware decoding.

    Raises:
        OSError: there is no folder for temporary files.
    """
    with TemporaryDirectory(prefix="vsr-doctor-") as name:
        folder = Path(name)
        trials = [try_codec(encoder, folder) for encoder in (*WRITTEN, *READ)]
        yield from map(_encoder, trials)
        yield from map(_encoder, (try_codec(encoder, folder) for encoder in hardware_encoders()))
        yield from map(_decoder, (trial for trial in trials if trial.decoder))
        clip = folder / "clip.mkv"
        if not trials[0].fault:
            write_clip(clip, list(moving_picture(SIDE, SIDE, NUM_FRAMES)), NEEDED)
            yield from (_device_decoder(*pair) for pair in hardware_decoding(clip).items())


def _encoder(trial: CodecTrial) -> Finding:
    software = SOFTWARE_CAUSES, SOFTWARE_REMEDY
    causes, remedy = (HARDWARE_CAUSES, HARDWARE_REMEDY) if trial.is_hardware else software
    return Finding(
        area="encoder",
        name=trial.encoder,
        is_ok=not trial.fault,
        detail=trial.fault or f"{NUM_FRAMES} frames written and read back",
        is_needed=trial.encoder == NEEDED,
        causes=causes,
        remedy=remedy,
        facts={"is_hardware": trial.is_hardware},
    )


def _decoder(trial: CodecTrial) -> Finding:
    return Finding(
        area="decoder",
        name=trial.decoder,
        is_ok=not trial.fault,
        detail=trial.fault or f"read what {trial.encoder} wrote",
        causes=SOFTWARE_CAUSES,
        remedy=SOFTWARE_REMEDY,
        facts={"is_hardware": False},
    )


def _device_decoder(device: str, fault: str) -> Finding:
    return Finding(
        area="decoder",
        name=f"h264 by {device}",
        is_ok=not fault,
        detail=fault or f"works: vsr upscale --hwaccel {device}",
        causes=HARDWARE_CAUSES,
        remedy=DECODING_REMEDY,
        facts={"is_hardware": True},
    )
