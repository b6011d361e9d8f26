"""The stages in their order: code values to the device, through every network, and back.

Between stages a frame holds float planes on the device, in [0, 1]; only ``transfer.to_codes``
makes code values again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.models.cost import largest_layer
from vsr_cli.models.load import LoadedChain, LoadedModel
from vsr_cli.models.rewrite.faster import ANYWHERE, CPU_BF16, CPU_FP32, channels_last, rewrite
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.temporal import TemporalUpscaler
from vsr_cli.pipeline.consistency import Consistency
from vsr_cli.pipeline.refine import refine_frames
from vsr_cli.pipeline.rgb import upscale_rgb
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import OutputSize, fit_frames
from vsr_cli.pipeline.temporal import StepNetwork, upscale_windows
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.pipeline.transfer import to_codes, to_planes
from vsr_cli.pipeline.upscale import upscale_frames
from vsr_cli.pipeline.whole_windows import PROBE_SIDE

# Values of the largest layer on a CPU: 256 MiB in fp32, and a few times that in all. That is a tile
# of 1094 pixels for fsrcnn, 647 for srnet3d, 256 for drcn. Smaller ones, which a processor's caches
# would hold, cost more than they save: each computes its margin anew.
# Where freed memory is not kept (``keep_freed_memory``) smaller ones would be faster.
LAYER_VALUES = 1 << 26


def run_stages(
    frames: Iterable[Frame],
    chain: LoadedChain,
    settings: StageSettings,
    info: ClipInfo,
    size: OutputSize,
) -> Iterator[Frame]:
    """Send a clip's frames of code values through every network of a chain, and to their size.

    ``info`` is that of the frames that come in; what comes out are code values again.
    """
    planes = run_networks(to_planes(frames, settings), chain, settings, info, size)
    return to_codes(planes, settings.pixel_format)


def run_networks(
    frames: Iterable[Frame],
    chain: LoadedChain,
    settings: StageSettings,
    info: ClipInfo,
    size: OutputSize,
) -> Iterator[Frame]:
    """As ``run_stages``, with float planes on the device in the place of code values."""
    consistency = Consistency(settings, (size.height / info.height, size.width / info.width))
    frames = consistency.remember(frames)
    for model in chain.stages:
        frames = run_stage(frames, model, settings)
    return consistency.restore(fit_frames(frames, info, size, settings))


def run_stage(
    frames: Iterable[Frame], model: LoadedModel, settings: StageSettings
) -> Iterator[Frame]:
    """Send frames through one network: 2D frame by frame, 3D by windows of its size."""
    module = _fast_form(model.module, settings)
    network = _network(module, model, settings)
    if isinstance(module, TemporalUpscaler):
        steps = StepNetwork(module, model.spec.margin, settings, tile=network.tile)
        return upscale_windows(frames, steps, network, settings)
    if model.spec.kind == "clip":
        return refine_frames(frames, network, model.spec.window, settings)
    upscale = upscale_rgb if model.spec.color == "rgb" else upscale_frames
    return upscale(frames, network, model.scale, settings)


def _fast_form(module: nn.Module, settings: StageSettings) -> nn.Module:
    """The network with its layers in the forms that are the fastest on the device, and there."""
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32; TF32 has 10 bits of mantissa
    forms = ANYWHERE
    if settings.device.type == "cpu":
        forms = CPU_BF16 if settings.precision == torch.bfloat16 else CPU_FP32
    return channels_last(rewrite(module, forms)).to(settings.device)


def cpu_tile(module: nn.Module, spec: ModelSpec, batch_size: int = 1) -> int:
    """Pixels on a side of a tile whose largest layer holds ``LAYER_VALUES``, but for its margin.

    The module is on the CPU. Fewer pixels where ``batch_size`` frames go at once; not fewer where
    memory is short, so that a job gives the same however it is cut into runs.
    """
    window = (spec.window,) if spec.kind == "clip" else ()
    channels = 3 if spec.color == "rgb" else 1
    probe = torch.zeros(1, channels, *window, PROBE_SIDE, PROBE_SIDE)
    return math.isqrt(LAYER_VALUES * PROBE_SIDE**2 // (batch_size * largest_layer(module, probe)))


def _network(module: nn.Module, model: LoadedModel, settings: StageSettings) -> TiledModel:
    """The network, taking whole frames or tiles of them."""
    tile = settings.tile
    if tile is None:
        is_cut = settings.device.type == "cpu" and model.spec.radius is not None
        tile = cpu_tile(module, model.spec, settings.batch_size or 1) if is_cut else 0

    def run(frames: Tensor) -> Tensor:
        with torch.inference_mode(), settings.autocast():
            result: Tensor = module(frames)
        return result.float()

    return TiledModel(
        run,
        scale=model.scale,
        radius=model.spec.radius,
        tile=tile,
        pads_itself=model.spec.pads_itself,
        unit=model.spec.unit,
    )
