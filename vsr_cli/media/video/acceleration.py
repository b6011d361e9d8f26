"""Decoders of hardware: which of them reads a file, each tried on it before it is trusted."""

from __future__ import annotations

from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from vsr_cli.errors import InputError
from vsr_cli.media.containers import main_video, open_container
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.video.encoder_trial import hearing_log, hearing_stderr

# What the wrapper raises besides: of a device that is not there, or that has no such decoder.
_FAULTS = (av.error.FFmpegError, RuntimeError, NotImplementedError, ValueError)


def hardware(device: str | None) -> HWAccel | None:
    """What opens a file for decoding on a device; pictures come back to memory of the CPU.

    Nothing else decodes where the device cannot.
    """
    return None if device is None else HWAccel(device, allow_software_fallback=False)


def choose_device(path: Path, wish: str) -> tuple[str | None, tuple[str, ...]]:
    """The device that decodes a file's video, None for the CPU; then lines to be told of it.

    Args:
        path: a file, or standard input, of which nothing can be tried beforehand.
        wish: ``none``: the CPU. ``auto``: the first device that decodes the file's first picture,
            else the CPU, and a line says why. Else FFmpeg's name of a device.

    Raises:
        InputError: a device was named that this FFmpeg or machine has not, or that cannot decode
            the file; or the file cannot be read.
    """
    if wish == "none":
        return None, ()
    known = hwdevices_available()
    if wish == "auto":
        if is_pipe(path):
            return None, ("decoded on the CPU: on a pipe no device can be tried; name it",)
        faults = {device: device_fault(device, path) for device in known}
        for device, fault in faults.items():
            if not fault:
                return device, ()
        told = "; ".join(f"{device}: {fault}" for device, fault in faults.items())
        return None, (f"decoded on the CPU: no device can ({told or 'this FFmpeg knows none'})",)
    if wish not in known:
        raise InputError(
            f"--hwaccel {wish}: this FFmpeg has {', '.join(known) or 'no such devices'}; "
            "try auto, or leave it out to decode on the CPU"
        )
    fault = "" if is_pipe(path) else device_fault(wish, path)
    if fault:
        raise InputError(
            f"{path} cannot be decoded on {wish}: {fault}; try --hwaccel auto, or leave it out to "
            "decode on the CPU"
        )
    return wish, ()


def device_fault(device: str, path: Path) -> str:
    """Why a device cannot decode the first picture of a file's main video; "" where it can.

    Raises:
        InputError: the file cannot be read at all.
    """
    open_container(path).close()  # what is wrong with the file itself is not the device's fault
    with hearing_log() as log, hearing_stderr():
        try:
            with open_container(path, hardware(device)) as container:
                stream = main_video(container, path)
                if next(container.decode(stream), None) is None:
                    return "no picture was decoded"
                return "" if stream.codec_context.is_hwaccel else "it has no decoder for this codec"
        except (*_FAULTS, InputError) as error:
            said = [text.strip() for level, _, text in log if level <= av.logging.ERROR]
            return next(filter(None, said), "") or " ".join(str(error).split())
