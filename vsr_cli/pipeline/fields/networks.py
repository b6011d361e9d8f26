"""The networks that fields go through, and how."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from vsr_cli.frames import ClipInfo, PixelFormat
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.settings import StageSettings, chain_kernel
from vsr_cli.pipeline.tiling import round_up
from vsr_cli.specs import DEFAULT_SCALE, EvaluateSpec, FieldSpec, UpscaleSpec

FIELD_FORMAT = PixelFormat("gray", "gray", 16)  # one plane; nothing is ever rounded to codes
FIELD_DOMAIN = "climate"  # of the released weights, where the user names none and there are such
INTERPOLATION_REACH = 3  # cells that bicubic interpolation sees, and one more
WHOLE_REACH = 32  # for a network that sees all of a frame: where what follows is hardly felt


def field_scale(spec: UpscaleSpec) -> int:
    """By how much fields are enlarged; ``field_chain`` refuses what is no whole number."""
    return int(spec.scale or DEFAULT_SCALE)


def field_chain(
    spec: UpscaleSpec, fields: FieldSpec, *, load: LoadChain | None = None
) -> LoadedChain:
    """The networks of a ``--model``; with ``window`` none those of single steps alone.

    ``load`` gives them, ``load_chain`` by default.

    Raises:
        ValueError: not a whole scale, or nothing enlarges without the networks of several steps.
        VsrError: weights are missing, damaged or do not fit.
    """
    if spec.width or spec.height or (spec.scale is not None and spec.scale % 1):
        raise ValueError("fields are enlarged by whole numbers: give --scale 2, 3 or 4")
    scale = field_scale(spec)
    chain = (load or load_chain)(
        spec.model, scale, domain=spec.domain, weights=spec.weights, preferred=FIELD_DOMAIN
    )
    if fields.window == "auto":
        return chain
    stages = tuple(stage for stage in chain.stages if stage.spec.window == 1)
    found = 1
    for stage in stages:
        found *= stage.scale
    if found != scale:
        raise ValueError(
            f"without its window of several steps {spec.model} does not enlarge; "
            "leave --window out, or try --model fsrcnn"
        )
    return replace(chain, stages=stages)


def field_settings(spec: UpscaleSpec | EvaluateSpec) -> StageSettings:
    """What all stages share: nothing is held in [0, 1], nor rounded.

    Raises:
        ValueError: not a device or a precision.
        DeviceError: the device that was named is not there.
    """
    device = choose_device(spec.device)
    return StageSettings(
        device=device,
        precision=choose_precision(spec.precision, device),
        pixel_format=FIELD_FORMAT,
        kernel=chain_kernel(spec.model or ""),
        consistency=spec.consistency,
        batch_size=spec.batch_size,
        tile=spec.tile,
        is_full=True,
        is_bounded=False,
    )


def field_info(height: int, width: int) -> ClipInfo:
    """A field as the networks' stages know clips."""
    return ClipInfo(width, height, FIELD_FORMAT, Fraction(1))


def needed_margin(chain: LoadedChain, consistency: int) -> int:
    """Cells around a cell of the source on which its parts depend, in whole units of networks."""
    total, scale, unit = float(INTERPOLATION_REACH * (1 + min(consistency, 4))), 1, 1
    for stage in chain.stages:
        radius = WHOLE_REACH if stage.spec.radius is None else stage.spec.radius
        total += radius / scale
        unit = math.lcm(unit, stage.spec.unit)
        scale *= stage.scale
    return round_up(math.ceil(total), unit)
