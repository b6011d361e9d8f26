"""The two stages as generators: frames in, frames out, the networks in between on the device.

Between stages a frame holds float planes on the device, in [0, 1]; only ``to_codes`` makes code
values again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Self

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.load import LoadedChain, LoadedModel
from vsr_cli.models.rewrite import channels_last, rewrite
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.pipeline.window import windows
from vsr_cli.specs import Chroma, UpscaleSpec

# Pixels of the input that are worked on at once: enough to fill the device, small beside memory.
FRAME_PIXELS = {"cpu": 1 << 16, "cuda": 1 << 22}
WINDOW_PIXELS = {"cpu": 1 << 14, "cuda": 1 << 20}  # of one frame of the window
# Side of a tile of the 3D stage that keeps its working set in a CPU's cache: 320x640 takes 1.1 s in
# such tiles, 2.7 s whole (fp32, one core of an EPYC with AVX-512, measured in one run).
CPU_WINDOW_TILE = 112


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """What all stages of a run share."""

    device: torch.device
    precision: torch.dtype
    pixel_format: PixelFormat
    chroma: Chroma = "bicubic"
    batch_size: int | None = None
    tile: int | None = None

    @classmethod
    def of(cls, spec: UpscaleSpec, pixel_format: PixelFormat) -> Self:
        """What the stages need of the user's settings.

        Raises:
            ValueError: not a device or a precision.
            DeviceError: the device that was named is not there.
        """
        device = choose_device(spec.device)
        return cls(
            device=device,
            precision=choose_precision(spec.precision, device),
            pixel_format=pixel_format,
            chroma=spec.chroma,
            batch_size=spec.batch_size,
            tile=spec.tile,
        )

    def batch(self, pixels: int, limits: dict[str, int]) -> int:
        """How many frames (or windows) of ``pixels`` go into one call of a network."""
        return self.batch_size or max(1, min(16, limits[self.device.type] // pixels))

    @property
    def model_planes(self) -> tuple[int, ...]:
        """Planes that go through the network: luma, all three of GBR, or all with ``model``."""
        colors = self.pixel_format.num_planes - self.pixel_format.has_alpha
        if self.pixel_format.family == "yuv" and self.chroma == "bicubic":
            return (0,)
        return tuple(range(colors))


def to_planes(frames: Iterable[Frame], settings: StageSettings) -> Iterator[Frame]:
    """Code values to float planes in [0, 1] on the device."""
    top = settings.pixel_format.max_code
    for frame in frames:
        planes = tuple(plane.to(settings.device).to(torch.float32) / top for plane in frame.planes)
        yield replace(frame, planes=planes)


def to_codes(frames: Iterable[Frame], pixel_format: PixelFormat) -> Iterator[Frame]:
    """Float planes to code values in memory of the CPU, rounded, clamped to the format's range."""
    top = pixel_format.max_code
    for frame in frames:
        planes = tuple(_codes(plane, top) for plane in frame.planes)
        yield replace(frame, planes=planes)


def run_stages(
    frames: Iterable[Frame], chain: LoadedChain, settings: StageSettings
) -> Iterator[Frame]:
    """Send frames of code values through every network of a chain; returns code values again."""
    frames = to_planes(frames, settings)
    for model in chain.stages:
        frames = run_stage(frames, model, settings)
    return to_codes(frames, settings.pixel_format)


def run_stage(
    frames: Iterable[Frame], model: LoadedModel, settings: StageSettings
) -> Iterator[Frame]:
    """Send frames through one network: 2D frame by frame, 3D by windows of its size."""
    network = _network(model, settings)
    if model.spec.kind == "clip":
        return refine_frames(frames, network, model.spec.window, settings)
    return upscale_frames(frames, network, model.scale, settings)


def upscale_frames(
    frames: Iterable[Frame],
    network: Callable[[Tensor], Tensor],
    scale: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """The 2D stage: enlarge each frame, several in one call; planes without network bicubically."""
    frames = iter(frames)
    for first in frames:
        size = settings.batch(first.planes[0].numel(), FRAME_PIXELS)
        batch = [first, *islice(frames, size - 1)]
        info = [frame.planes[0].shape for frame in batch]
        upscaled = [
            _batched(
                network if k in settings.model_planes else partial(enlarge, scale=scale),
                [frame.planes[k] for frame in batch],
            )
            for k in range(len(first.planes))
        ]
        for number, frame in enumerate(batch):
            planes = tuple(
                _cut_plane(upscaled[k][number], k, info[number], scale, settings.pixel_format)
                for k in range(len(frame.planes))
            )
            yield replace(frame, planes=planes)


def refine_frames(
    frames: Iterable[Frame],
    network: Callable[[Tensor], Tensor],
    window: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """The 3D stage: refine each frame by the window around it; other planes pass as they are."""
    around = windows(frames, window)
    for first in around:
        size = settings.batch(first[0].planes[0].numel(), WINDOW_PIXELS)
        batch = [first, *islice(around, size - 1)]
        middles = [item[window // 2] for item in batch]
        refined = {
            k: _batched(network, [torch.stack([f.planes[k] for f in item]) for item in batch])
            for k in settings.model_planes
        }
        for number, frame in enumerate(middles):
            planes = tuple(
                refined[k][number] if k in refined else plane
                for k, plane in enumerate(frame.planes)
            )
            yield replace(frame, planes=planes)


def output_info(info: ClipInfo, scale: int) -> ClipInfo:
    """The clip as it will be written: ``scale`` times the size, all else as it was."""
    return replace(info, width=info.width * scale, height=info.height * scale)


def _network(model: LoadedModel, settings: StageSettings) -> TiledModel:
    """The network in its fast form on the device, taking whole frames or tiles of them."""
    device, precision = settings.device.type, settings.precision
    # In bf16 the CPU's own 3D convolution is the faster one (0.3 s against 0.9 s, as above).
    stack_time = not (device == "cpu" and precision == torch.bfloat16)
    module = channels_last(rewrite(model.module, stack_time=stack_time)).to(settings.device)
    tile = settings.tile
    if tile is None:
        tile = CPU_WINDOW_TILE if device == "cpu" and model.spec.kind == "clip" else 0

    def run(frames: Tensor) -> Tensor:
        half = precision != torch.float32
        with torch.inference_mode(), torch.autocast(device, dtype=precision, enabled=half):
            result: Tensor = module(frames)
        return result.float()

    return TiledModel(run, scale=model.scale, radius=model.spec.radius, tile=tile)


def _batched(network: Callable[[Tensor], Tensor], planes: list[Tensor]) -> Tensor:
    """(H, W) or (T, H, W) planes of one size through a network at once: (B, s*H, s*W) in [0, 1]."""
    with torch.inference_mode():
        stacked = torch.stack(planes)[:, None]  # (B, 1, [T,] H, W)
        return network(stacked)[:, 0].clamp(0, 1)


def _cut_plane(
    plane: Tensor, number: int, size: torch.Size, scale: int, pixel_format: PixelFormat
) -> Tensor:
    """Cut the chroma of an odd-sized frame, whose enlarged last sample lies half outside."""
    height, width = pixel_format.plane_size(number, width=size[1] * scale, height=size[0] * scale)
    return plane[:height, :width]


def _codes(plane: Tensor, top: int) -> Tensor:
    with torch.inference_mode():
        codes = (plane * top).round_().clamp_(0, top).to(torch.int32).cpu()
        return codes.to(torch.uint8 if top <= 255 else torch.uint16)
