"""Between the memory of the CPU and a device: code values there, and back.

Both ways a GPU is only asked, never waited for, until ``IN_FLIGHT`` more frames are on their way:
what is copied lies in pinned memory, and the check for numbers goes along with the codes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vsr_cli.errors import NumericalError
from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.pipeline.settings import NOT_FINITE, StageSettings

STRIP_VALUES = 1 << 16
IN_FLIGHT = 2  # frames that a GPU still computes or copies while the next one is prepared


def to_planes(frames: Iterable[Frame], settings: StageSettings) -> Iterator[Frame]:
    """Code values to float planes in [0, 1] on the device."""
    top = settings.pixel_format.max_code
    for frame in frames:
        planes = tuple(
            _upload(plane, settings.device).to(torch.float32) / top for plane in frame.planes
        )
        yield replace(frame, planes=planes)


def to_codes(frames: Iterable[Frame], pixel_format: PixelFormat) -> Iterator[Frame]:
    """Float planes in [0, 1] to code values in memory of the CPU, rounded.

    Frames of a GPU are given ``IN_FLIGHT`` frames later than they are taken.

    Raises:
        NumericalError: a network gave values that are not finite.
    """
    top = pixel_format.max_code
    waiting: deque[_Download] = deque()
    for frame in frames:
        if frame.planes[0].device.type == "cpu":
            yield replace(frame, planes=tuple(_round(plane, top) for plane in frame.planes))
            continue
        waiting.append(_download(frame, top))
        if len(waiting) > IN_FLIGHT:
            yield waiting.popleft().wait()
    while waiting:
        yield waiting.popleft().wait()


def to_whole_codes(frames: Iterable[Frame], pixel_format: PixelFormat) -> Iterator[Frame]:
    """As ``to_codes``, but they stay on their device; on a GPU as whole numbers in float32.

    There integers of 16 bits know few operations.
    """
    for frame in frames:
        if frame.planes[0].device.type == "cpu":
            yield from to_codes([frame], pixel_format)
            continue
        require_numbers(frame.planes)
        with torch.inference_mode():
            planes = tuple((plane * pixel_format.max_code).round_() for plane in frame.planes)
        yield replace(frame, planes=planes)


def require_numbers(planes: Iterable[Tensor]) -> None:
    """Raise NumericalError if a plane holds NaN, which is what ``checked`` makes of overflows."""
    if any(has_nan.item() for has_nan in [_has_nan(plane) for plane in planes]):
        raise NumericalError(NOT_FINITE)


@dataclass(frozen=True, slots=True)
class _Download:
    """A frame of codes whose copy from the GPU may not be over."""

    frame: Frame
    has_nan: Tensor  # of uint8, beside the codes
    copied: torch.cuda.Event

    def wait(self) -> Frame:
        """The frame, when it is there.

        Raises:
            NumericalError: a network gave values that are not finite.
        """
        self.copied.synchronize()
        if self.has_nan.item():
            raise NumericalError(NOT_FINITE)
        return self.frame


def _upload(plane: Tensor, device: torch.device) -> Tensor:
    if device.type == "cpu" or plane.device.type != "cpu":
        return plane.to(device)
    return plane.pin_memory().to(device, non_blocking=True)


def _download(frame: Frame, top: int) -> _Download:
    kind = torch.uint8 if top <= 255 else torch.uint16
    with torch.inference_mode():
        flags = torch.stack([_has_nan(plane) for plane in frame.planes])
        codes = [(plane * top).round_().to(kind) for plane in frame.planes]
        planes = tuple(_copy_to_pinned(plane) for plane in codes)
        has_nan = _copy_to_pinned(flags.any().to(torch.uint8))
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(frame.planes[0].device))
    return _Download(replace(frame, planes=planes), has_nan, copied)


def _copy_to_pinned(tensor: Tensor) -> Tensor:
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _has_nan(plane: Tensor) -> Tensor:
    return plane.isnan().any()


def _round(plane: Tensor, top: int) -> Tensor:
    # By NumPy, in strips that stay in the cache: 1280x720 takes 0.45 ms in strips of 64 rows, 0.64
    # ms in strips of 256 (one core of a Xeon with AVX-512, in one run). PyTorch's threads would
    # cost more than they save: with a decoder and an encoder beside them they wait for cores.
    values = plane.detach().numpy()
    codes = np.empty(values.shape, np.uint8 if top <= 255 else np.uint16)
    rows = max(1, min(len(values), STRIP_VALUES // max(1, values.shape[1])))
    scaled = np.empty((rows, values.shape[1]), values.dtype)
    for row in range(0, len(values), rows):
        strip = values[row : row + rows]
        made = np.multiply(strip, values.dtype.type(top), out=scaled[: len(strip)])
        codes[row : row + rows] = np.rint(made, out=made)
    return torch.from_numpy(codes)
