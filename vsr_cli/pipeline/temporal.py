"""The 2D and the 3D work in one network: windows of frames in, larger middle frames out.

What a step of the network makes of a frame, or of a few neighbours, is kept as long as a window to
come needs it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, groupby, islice

import torch
from torch import Tensor

from vsr_cli.frames import Frame
from vsr_cli.imaging.borders import mirror_pad
from vsr_cli.imaging.resample import keep_siting
from vsr_cli.models.temporal import TemporalUpscaler
from vsr_cli.pipeline.settings import StageSettings, checked
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.pipeline.upscale import FRAME_PIXELS, cut_plane, interpolate_planes
from vsr_cli.pipeline.whole_windows import WholeWindows, fits, held_values


class StepNetwork:
    """The steps of a network on a device, each on whole frames or tiles of them.

    Frames get a mirrored margin as wide as the whole network sees, and keep it through all steps.
    """

    def __init__(
        self, module: TemporalUpscaler, margin: int, settings: StageSettings, *, tile: int
    ) -> None:
        self.module = module
        self.margin = margin
        self.settings = settings
        self.held_values = held_values(module)
        self._steps = [
            TiledModel(
                partial(self._run, number),
                scale=scale,
                radius=module.radii[number],
                tile=self._step_tile(number, tile),
                pads_itself=True,  # beyond the margin, where it is not felt
            )
            for number, scale in enumerate(module.scales)
        ]

    def _step_tile(self, number: int, tile: int) -> int:
        """The user's tile, or that of the window's frames in pixels of what the step sees.

        A step on one frame holds a part of a window, and takes it whole.
        """
        if self.settings.tile is not None:
            return self.settings.tile
        enlarged = math.prod(self.module.scales[:number])
        return tile * enlarged if self.taps[number] > 1 else 0

    @property
    def taps(self) -> tuple[int, ...]:
        return self.module.taps

    def pad(self, plane: Tensor) -> Tensor:
        """A plane (H, W) with its margin, (1, H + 2r, W + 2r)."""
        return mirror_pad(plane[None, None], self.margin)[0]

    def prepare(self, frame: Tensor) -> Tensor:
        """A padded frame as the first step wants it."""
        return self.module.prepare(frame)

    def step(self, number: int, codes: Tensor) -> Tensor:
        """(B, C, taps, H, W) to (B, C', H', W')."""
        return self._steps[number](codes)

    def finish(self, code: Tensor, middle: Tensor) -> Tensor:
        """(B, C, H, W) and the middle frame with its margin to (s*H, s*W) in [0, 1]."""
        with self.settings.autocast():
            result = self.module.finish(code, middle[None]).float()
        margin = self.margin * self.module.scale
        height, width = result.shape[-2:]
        inside = result[0, 0, margin : height - margin, margin : width - margin]
        return checked(inside, is_bounded=self.settings.is_bounded)

    def _run(self, number: int, codes: Tensor) -> Tensor:
        with self.settings.autocast():
            return self.module.step(number, codes)


class WindowStream:
    """The frames of one shot through the steps of a network, no result computed twice.

    At both ends of the shot the nearest frame stands in for those that are missing.
    """

    def __init__(self, network: StepNetwork) -> None:
        self.network = network
        self._reach = sum(taps - 1 for taps in network.taps) // 2
        self._held: list[list[Tensor]] = [[] for _ in network.taps]
        # The last window of each step and its result; held, so that no other has its id.
        self._latest: list[tuple[list[Tensor], Tensor] | None] = [None for _ in network.taps]
        self._middles: deque[Tensor] = deque()
        self._last: Tensor | None = None

    def push(self, planes: Iterable[Tensor]) -> list[Tensor]:
        """Take further frames (H, W); returns the results (s*H, s*W) of those now complete."""
        padded = [self.network.pad(plane) for plane in planes]
        self._middles.extend(padded)
        codes = [self.network.prepare(frame) for frame in padded]
        before = [codes[0]] * self._reach if self._last is None else []
        self._last = codes[-1]
        return self._advance(before + codes)

    def end(self) -> list[Tensor]:
        """The results of the frames that still wait for others to come."""
        return [] if self._last is None else self._advance([self._last] * self._reach)

    def _advance(self, codes: list[Tensor]) -> list[Tensor]:
        for number, taps in enumerate(self.network.taps):
            held = self._held[number] + codes
            around = [held[start : start + taps] for start in range(len(held) - taps + 1)]
            self._held[number] = held[len(around) :]
            codes = self._step(number, around)
        return [self.network.finish(code[None], self._middles.popleft()) for code in codes]

    def _step(self, number: int, around: list[list[Tensor]]) -> list[Tensor]:
        """One result for each window; windows of the same codes, as at an end, share theirs."""
        if not around:
            return []
        keys = [tuple(map(id, window)) for window in around]
        latest = self._latest[number]
        made = {} if latest is None else {tuple(map(id, latest[0])): latest[1]}
        different = {k: w for k, w in zip(keys, around, strict=True) if k not in made}
        size = self.network.settings.batch(around[0][0][0].numel(), FRAME_PIXELS)
        for start in range(0, len(different), size):
            few = dict(islice(different.items(), start, start + size))
            made |= dict(zip(few, self.network.step(number, _stack([*few.values()])), strict=True))
        self._latest[number] = (around[-1], made[keys[-1]])
        return [made[key] for key in keys]


def _stack(around: list[list[Tensor]]) -> Tensor:
    """Windows of codes (C, H, W) as (B, C, taps, H, W), in memory as ``conv3d`` wants them.

    So channels-last codes stay what they are; to transpose them took a seventh of 2d3d-fast.
    """
    taps = len(around[0])
    codes = [window[tap].movedim(0, -1) for tap in range(taps) for window in around]
    stacked = torch.stack(codes)  # (taps*B, H, W, C)
    windows: Tensor = stacked.unflatten(0, (taps, len(around)))  # (taps, B, H, W, C)
    return windows.permute(1, 4, 0, 2, 3)


def upscale_windows(
    frames: Iterable[Frame], network: StepNetwork, whole: TiledModel, settings: StageSettings
) -> Iterator[Frame]:
    """Enlarge each frame by the window around it; planes that no network sees by interpolation.

    Frames go through the network by steps, or where memory does not hold what these keep, through
    ``whole``, which takes windows.
    """
    for _, shot in groupby(frames, key=lambda frame: frame.shot):
        yield from _upscale_shot(shot, network, whole, settings)


def _upscale_shot(
    shot: Iterator[Frame], network: StepNetwork, whole: TiledModel, settings: StageSettings
) -> Iterator[Frame]:
    first = next(shot)
    shot = chain([first], shot)
    by_steps = fits(network.held_values, first.planes[0].numel(), settings.device)
    streams = {
        plane: WindowStream(network)
        if by_steps
        else WholeWindows(whole, network.module.window, settings)
        for plane in settings.model_planes
    }
    waiting: deque[Frame] = deque()
    with torch.inference_mode():
        for first in shot:
            size = settings.batch(first.planes[0].numel(), FRAME_PIXELS)
            batch = [first, *islice(shot, size - 1)]
            waiting.extend(batch)
            made = {k: stream.push(f.planes[k] for f in batch) for k, stream in streams.items()}
            yield from _assemble(waiting, made, network.module.scale, settings)
        made = {k: stream.end() for k, stream in streams.items()}
        yield from _assemble(waiting, made, network.module.scale, settings)


def _assemble(
    waiting: deque[Frame],
    made: Mapping[int, list[Tensor]],
    scale: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """Put the planes of finished frames together, in their places and sizes."""
    for results in zip(*made.values(), strict=True):
        frame = waiting.popleft()
        own = dict(zip(made, results, strict=True))
        size = frame.planes[0].shape
        interpolated = interpolate_planes([frame], scale, settings)
        planes = []
        for number in range(len(frame.planes)):
            if number in own:
                siting = settings.plane_siting(number)
                larger = keep_siting(own[number][None, None], scale, siting)[0, 0]
            else:
                larger = interpolated[number][0]
            planes.append(cut_plane(larger, number, size, scale, settings.pixel_format))
        yield replace(frame, planes=tuple(planes))
