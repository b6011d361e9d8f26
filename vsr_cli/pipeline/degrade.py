"""Truth to low resolution: the chain of degradations with the coders that it needs, and in words.

Training and ``vsr eval`` both come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.imaging.degradation import degrade_frames
from vsr_cli.media.pixels.formats import without_alpha
from vsr_cli.media.recode import recode_frames
from vsr_cli.models.load import LoadedChain
from vsr_cli.specs import DegradationSpec, EvaluateSpec
from vsr_cli.specs.degradation import BICUBIC
from vsr_cli.specs.degradation_text import recorded_degradation

PLAIN = "bicubic (imresize, antialiased), rounded to the truth's bits, stills per axis"


def degrade_clip(
    frames: Iterable[Frame],
    info: ClipInfo,
    scale: int,
    spec: DegradationSpec,
    *,
    name: str,
    each_axis: bool = False,
    all_planes: bool = False,
) -> Iterator[Frame]:
    """The low-resolution frames of a clip, with the planes that its luma depends on at least.

    Alpha goes, and so does the chroma of YUV, unless a video codec is to divide its bits among all
    planes. See ``degrade_frames`` for the arguments.

    Args:
        frames: the clip's, from the first on and in order.
        info: the clip.
        scale: whole factor.
        spec: the steps.
        name: of the clip, without its folder: the noise of a clip stays the same when it moves.
        each_axis: round between the axes too.
        all_planes: keep the chroma of YUV.

    Raises:
        ValueError: the frames are smaller than ``scale`` pixels.
        VsrError: a coder cannot take frames of this format.
    """
    layout = without_alpha(info.pixel_format)
    is_whole = layout.family == "gbr" or spec.codes_video or all_planes
    needed = (replace(f, planes=f.planes[: layout.num_planes if is_whole else 1]) for f in frames)
    return degrade_frames(
        needed,
        replace(info, pixel_format=layout),
        scale,
        spec,
        recode=recode_frames,
        name=name,
        each_axis=each_axis,
    )


def degradation_protocol(spec: EvaluateSpec) -> dict[str, str | None]:
    """What a protocol says of the input: in words, and as the chain that makes it."""
    if spec.lr is not None or spec.model is None:
        given = None if spec.lr is None else f"given: {spec.lr}"
        return {"degradation": given, "degradation_chain": None}
    chain = str(spec.degradation)
    is_plain = spec.degradation == BICUBIC
    words = PLAIN if is_plain else f"{chain}, rounded to the truth's bits"
    return {"degradation": words, "degradation_chain": chain}


def degradation_warnings(chain: LoadedChain, spec: EvaluateSpec) -> tuple[str, ...]:
    """One line, if networks were trained on other low resolutions than they are shown."""
    if spec.lr is not None:
        return ()
    records = {
        stage.spec.name: recorded_degradation(stage.record.training.get("degradation"))
        for stage in chain.stages
        if stage.record is not None
    }
    others = [
        f"{name} ({found})"
        for name, found in records.items()
        if found is not None and not found.is_like(spec.degradation)
    ]
    if not others:
        return ()
    return (f"trained on another degradation than {spec.degradation}: {', '.join(others)}",)
