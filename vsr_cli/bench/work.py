"""What a stage has to do for a frame at least: operations, and bytes to and from memory.

The model: a layer of a network, in the paper's form and on the frame's own pixels, reads what it is
given once, writes what it makes once, and reads its weights once for each frame; activations and
interpolation happen on the way. So the share of a ceiling is that of useful work: margins, and the
zeros that a rewritten layer multiplies, do not count. Of other stages the bytes are those of the
frames that come in and go out. Where all of it stays in a cache, more than 100 % of a copy in
memory is possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vsr_cli.frames import Frame
from vsr_cli.models import OUTSIDE
from vsr_cli.models.cost import macs_per_pixel, values_per_pixel
from vsr_cli.models.load import LoadedModel
from vsr_cli.pipeline.settings import StageSettings

Way = Literal["copy", "upload", "download"]  # the ceiling that the bytes are held against
FLOAT_BYTES = 4  # planes between stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """For one frame."""

    flops: float | None  # a product and a sum are two; None: not known, as of a codec
    bytes: float | None
    way: Way = "copy"


UNKNOWN = Work(flops=None, bytes=None)


def frame_bytes(frame: Frame) -> int:
    """The bytes of a frame's planes as they are."""
    return sum(plane.numel() * plane.element_size() for plane in frame.planes)


def passing_work(given: Frame, made: Frame) -> Work:
    """A stage that reads a frame and writes another."""
    return Work(flops=None, bytes=frame_bytes(given) + frame_bytes(made))


def transfer_work(codes: Frame, planes: Frame, device: torch.device, way: Way) -> Work:
    """A stage between code values in memory and planes on the device.

    On a GPU the code values are what has to go over the bus.
    """
    if device.type == "cpu":
        return passing_work(codes, planes)
    return Work(flops=None, bytes=frame_bytes(codes), way=way)


def network_work(model: LoadedModel, given: Frame, made: Frame, settings: StageSettings) -> Work:
    """A network, and the interpolation of the planes that it does not see."""
    spec = model.spec
    if spec.name in OUTSIDE:
        return UNKNOWN
    if not spec.has_weights:
        return Work(flops=0.0, bytes=frame_bytes(given) + frame_bytes(made))
    colors = len(made.planes) - settings.pixel_format.has_alpha
    seen = set(range(colors) if spec.color == "rgb" else settings.model_planes)
    pixels, size = network_pixels(model, made, settings), value_bytes(settings)
    weights = sum(parameter.numel() for parameter in model.module.parameters())
    values = values_per_pixel(spec, model.scale) * pixels + weights
    others = [_outside(frame.planes, seen) for frame in (given, made)]
    return Work(
        flops=2 * macs_per_pixel(spec, model.scale) * pixels,
        bytes=values * size + sum(others) * FLOAT_BYTES,
    )


def network_pixels(model: LoadedModel, made: Frame, settings: StageSettings) -> int:
    """Pixels of a frame that come out of a network, those of chroma too if it sees chroma."""
    if model.spec.color == "rgb":
        return made.planes[0].numel()
    return sum(made.planes[plane].numel() for plane in settings.model_planes)


def value_bytes(settings: StageSettings) -> int:
    """Bytes of a value inside a network."""
    return torch.empty(0, dtype=settings.precision).element_size()


def _outside(planes: tuple[Tensor, ...], seen: set[int]) -> int:
    """Values of the planes that no network sees."""
    return sum(plane.numel() for number, plane in enumerate(planes) if number not in seen)
