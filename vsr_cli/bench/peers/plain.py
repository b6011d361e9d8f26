"""The same networks as a paper would write them: what our faster forms are worth.

Layers as they were trained, in fp32, in PyTorch's usual layout and on whole frames, the borders
padded with zeros; a transposed convolution is one. For each window all that the 3D network sees is
computed again, 2D results too. Everything around the networks is ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from vsr_cli.bench.peers.frames import WARM_UP_FRAMES, FrameContender
from vsr_cli.bench.setting import Setting
from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.imaging.resample import resize
from vsr_cli.media import open_reader, open_writer
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.pipeline.prefetch import prefetch
from vsr_cli.pipeline.settings import StageSettings, batched
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.size import OutputSize, fit_frames, output_info
from vsr_cli.pipeline.transfer import to_codes, to_planes
from vsr_cli.pipeline.video import PREFETCH_FRAMES
from vsr_cli.pipeline.window import Window, windows

TITLE = f"the networks as they are, fp32, PyTorch {torch.__version__}"


class PlainNetworks:
    """A chain of networks on windows of frames."""

    def __init__(self, chain: LoadedChain, settings: StageSettings) -> None:
        """Raises ValueError for a network that sees RGB."""
        for stage in chain.stages:
            if stage.spec.color == "rgb":
                raise ValueError(
                    f"--against plain is for networks that see luma, {stage.spec.name} sees RGB"
                )
        torch.backends.cudnn.allow_tf32 = False
        self.scale = chain.scale
        self._stages = [(stage.spec, stage.module.to(settings.device)) for stage in chain.stages]
        self.window = 1 + sum(spec.window - 1 for spec, _ in self._stages)

    def upscale(self, window: list[Tensor]) -> Tensor:
        """Planes (H, W) in [0, 1] to the larger one of the middle."""
        with torch.inference_mode():
            return self._result(len(self._stages) - 1, len(window) // 2, window)

    def _result(self, stage: int, place: int, window: list[Tensor]) -> Tensor:
        """What a stage makes of one place in the window, computed from the frames up."""
        if stage < 0:
            return window[place]
        spec, module = self._stages[stage]
        reach = spec.window // 2
        places = range(place - reach, place + reach + 1)
        given = [self._result(stage - 1, min(max(p, 0), len(window) - 1), window) for p in places]
        frames = torch.stack(given)[None, None] if spec.kind == "clip" else given[0][None, None]
        result: Tensor = module(frames)[0, 0]
        return result.clamp(0, 1)


class PlainFrames(FrameContender):
    """Luma in memory, from code values to code values."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, TITLE)
        keep_freed_memory()
        chain = setting.load()
        self.settings = setting.luma_stages(chain)
        self.networks = PlainNetworks(chain, self.settings)

    def upscale(self, frames: list[Frame]) -> Iterator[np.ndarray]:
        """See ``FrameContender``."""
        info, size = self.setting.clip.luma_info, self.setting.size
        for frame in run_plainly(frames, self.networks, self.settings, info, size):
            yield frame.planes[0].numpy()


class PlainFile:
    """A ``Contender`` from file to file: decoding and encoding go on beside the networks."""

    title = TITLE

    def __init__(self, setting: Setting) -> None:
        keep_freed_memory()
        chain = setting.load()
        self.setting, self.settings = setting, setting.stages(chain)
        self.networks = PlainNetworks(chain, self.settings)

    def warm_up(self) -> None:
        """The first frames, to no file."""
        frames = self.setting.clip.read()[:WARM_UP_FRAMES]
        for _ in self._run(frames):
            pass

    def round(self) -> float:
        """Seconds from the moment when all is opened to the complete file."""
        setting, clip = self.setting, self.setting.clip
        target, info = setting.folder / "plain.mkv", output_info(clip.info, setting.size)
        with ExitStack() as stack:
            reader = stack.enter_context(open_reader(clip.path, clip.decoding))
            writer = open_writer(
                target,
                info,
                setting.encoding,
                copy_from=clip.path,
                decoding=clip.decoding,
                overwrite=True,
            )
            stack.enter_context(writer)
            before = time.perf_counter()
            decoded = stack.enter_context(prefetch(reader, PREFETCH_FRAMES))
            finished = stack.enter_context(prefetch(self._run(decoded), PREFETCH_FRAMES))
            for frame in finished:
                writer.write(frame)
        return time.perf_counter() - before

    def picture(self) -> None:
        """None: it is in the file."""

    def _run(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        settings = self.settings
        marked = mark_shots(frames, settings.pixel_format, settings.scene_threshold)
        info, size = self.setting.clip.info, self.setting.size
        return run_plainly(marked, self.networks, settings, info, size)


def run_plainly(
    frames: Iterable[Frame],
    networks: PlainNetworks,
    settings: StageSettings,
    info: ClipInfo,
    size: OutputSize,
) -> Iterator[Frame]:
    """As ``pipeline.stages.run_stages``, with the networks as they are."""
    around = windows(to_planes(frames, settings), networks.window)
    larger = (_enlarged(window, networks, settings) for window in around)
    return to_codes(fit_frames(larger, info, size, settings), settings.pixel_format)


def _enlarged(window: Window, networks: PlainNetworks, settings: StageSettings) -> Frame:
    """The middle frame; planes that no network sees by interpolation."""
    middle, scale = window[len(window) // 2], networks.scale
    height, width = (scale * side for side in middle.planes[0].shape)
    planes = []
    for number, plane in enumerate(middle.planes):
        if number in settings.model_planes:
            planes.append(networks.upscale([frame.planes[number] for frame in window]))
            continue
        rows, columns = settings.pixel_format.plane_size(number, width=width, height=height)
        interpolate = partial(
            resize,
            height=rows,
            width=columns,
            siting=settings.plane_siting(number),
            factors=(scale, scale),
            kernel=settings.kernel,
        )
        planes.append(batched(interpolate, [plane], is_bounded=True)[0])
    return replace(middle, planes=tuple(planes))
