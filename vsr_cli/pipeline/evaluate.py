"""Truth in, scores out: degrade it, upscale it as ``vsr upscale`` does, and compare.

One thing differs: luma goes in, where ``vsr upscale`` takes G, B and R of RGB. A network that sees
RGB gets all three of RGB, but the luma of YUV as gray.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from vsr_cli import __version__
from vsr_cli.frames import Frame, PixelFamily, PixelFormat
from vsr_cli.imaging.ranges import is_full_range
from vsr_cli.metrics import ClipAccumulator, ClipScores, MeanScores, mean_over_clips, scores_to_json
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.pipeline.consistency import Consistency
from vsr_cli.pipeline.degrade import degradation_protocol, degradation_warnings
from vsr_cli.pipeline.device import choose_device, choose_precision, precision_name
from vsr_cli.pipeline.report import RunStart, chain_name, chain_warnings
from vsr_cli.pipeline.rgb import sees_rgb
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.stages import run_stage, to_codes
from vsr_cli.pipeline.truth import (
    OpenClip,
    check_given,
    clip_names,
    counterparts,
    estimate_frames,
    find_clips,
    luma_plane,
    match_clips,
    open_clip,
    rgb_planes,
    scored_luma,
    white_code,
)
from vsr_cli.specs import EvaluateSpec

COLORS: Mapping[PixelFamily, str] = {
    "gray": "gray / (2^bits - 1)",
    "yuv": "Y / (2^bits - 1)",
    "gbr": "BT.601 studio-range Y of RGB (MATLAB rgb2ycbcr), rounded; the network's input is not",
}
# Of given files whose depth differs from that of the truth.
DEPTHS = "codes times 2^(truth's bits - bits), but of RGB or full range divided by 2^bits - 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The scores of all clips, and how they came about."""

    clips: tuple[ClipScores, ...]
    mean: MeanScores
    protocol: Mapping[str, Any]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``; an infinite PSNR is null."""
        return {
            "clips": [scores_to_json(clip) for clip in self.clips],
            "mean": scores_to_json(self.mean),
            "protocol": dict(self.protocol),
            "warnings": list(self.warnings),
        }


def evaluate_clips(
    truths: Sequence[Path],
    spec: EvaluateSpec,
    *,
    on_start: Callable[[RunStart], None] | None = None,
    on_frame: Callable[[], object] | None = None,
) -> Evaluation:
    """Score a model, or files, against ground truth.

    Frames are held only while they are on their way through the stages, so memory does not grow
    with the length of a clip.

    Args:
        truths: clips, stills, and folders of either.
        spec: what is compared with them.
        on_start: told what will run on what, before the first frame.
        on_frame: called after each frame that was scored.

    Raises:
        ValueError: settings that cannot be, or pictures too small to be scored.
        VsrError: a file, the weights or the device does not play along.
    """
    paths = find_clips(truths)
    warnings: tuple[str, ...] = ()
    others: Sequence[Path | None] = [None] * len(paths)
    if (folder := spec.lr or spec.against) is not None:
        others, warnings = match_clips(paths, folder)
    run = _Run.of(spec, on_frame)
    start = run.start(paths, warnings)
    if on_start:
        on_start(start)
    clips = tuple(
        run.evaluate(name, path, other)
        for name, path, other in zip(clip_names(paths), paths, others, strict=True)
    )
    return Evaluation(
        clips=clips,
        mean=mean_over_clips(clips),
        protocol=run.protocol(),
        warnings=tuple(dict.fromkeys((*start.warnings, *run.warnings))),
    )


class _Run:
    """What the clips of one evaluation share, and what was seen while they were read."""

    def __init__(
        self,
        spec: EvaluateSpec,
        chain: LoadedChain | None,
        device: torch.device,
        precision: torch.dtype,
        on_frame: Callable[[], object] | None,
    ) -> None:
        self.spec, self.chain = spec, chain
        self.device, self.precision = device, precision
        self.on_frame = on_frame
        self.scale = 1 if chain is None else chain.scale
        default = 0 if chain is None else chain.scale
        self.border = default if spec.border is None else spec.border
        self.formats: set[PixelFormat] = set()
        self.warnings: list[str] = []

    @classmethod
    def of(cls, spec: EvaluateSpec, on_frame: Callable[[], object] | None) -> Self:
        """Load the networks, if there are any."""
        if spec.model is None:
            return cls(spec, None, torch.device("cpu"), torch.float32, on_frame)
        device = choose_device(spec.device)
        precision = choose_precision(spec.precision, device)
        chain = load_chain(spec.model, spec.scale, domain=spec.domain, weights=spec.weights)
        told = (*chain.warnings, *degradation_warnings(chain, spec))
        return cls(spec, replace(chain, warnings=told), device, precision, on_frame)

    def start(self, paths: Sequence[Path], warnings: tuple[str, ...]) -> RunStart:
        chain = self.chain
        return RunStart(
            frames=estimate_frames(paths),
            model="" if chain is None else chain_name(chain),
            scale=self.scale,
            domain=None if chain is None else chain.domain,
            device=str(self.device),
            precision=precision_name(self.precision),
            warnings=(*(() if chain is None else chain_warnings(chain, self.spec.tile)), *warnings),
        )

    def evaluate(self, name: str, path: Path, other: Path | None) -> ClipScores:
        """The scores of one clip; ``other`` is the given file that belongs to it."""
        scores = ClipAccumulator(name, border=self.border, outline=self.spec.outline)
        waiting: deque[Frame] = deque()  # truth whose counterpart is on its way
        with ExitStack() as stack:
            truth = stack.enter_context(open_clip(path))
            given = None if other is None else stack.enter_context(open_clip(other))
            if given is not None:
                self.warnings += check_given(truth, given, self.scale)
            pixel_format = truth.info.pixel_format
            self.formats.add(pixel_format)
            for sr in self._results(truth, given, waiting):
                hr = scored_luma(waiting.popleft(), pixel_format)
                height, width = map(min, sr.shape, hr.shape)
                try:
                    scores.add(sr[:height, :width], hr[:height, :width])
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
                if self.on_frame:
                    self.on_frame()
            for clip in filter(None, (truth, given)):
                self.warnings += [f"{clip.path.name}: {line}" for line in clip.warnings]
        return scores.result()

    def _results(
        self, truth: OpenClip, given: OpenClip | None, waiting: deque[Frame]
    ) -> Iterator[Tensor]:
        """The luma that is compared with the truth, frame by frame: (H, W) float64 in [0, 1]."""
        clip = given or truth
        pixel_format, white = clip.info.pixel_format, white_code(clip, truth)
        frames = counterparts(truth, given, waiting, self.scale, self.spec.degradation)
        if self.chain is None:
            return (scored_luma(frame, pixel_format, white) for frame in frames)
        shots = mark_shots(frames, pixel_format, self.spec.scene_threshold)
        is_rgb = pixel_format.family == "gbr" and sees_rgb(self.chain)
        family: PixelFamily = "gbr" if is_rgb else "gray"
        result = PixelFormat(family, family, truth.info.pixel_format.bits)
        planes = rgb_planes if is_rgb else luma_plane
        low = (planes(frame, pixel_format, white, self.device) for frame in shots)
        return self._upscaled(low, result, is_full=is_full_range(truth.info))

    def _upscaled(
        self, upscaled: Iterator[Frame], result: PixelFormat, *, is_full: bool
    ) -> Iterator[Tensor]:
        """The luma of a file that ``vsr upscale`` would write in that format."""
        spec = self.spec
        settings = StageSettings(
            device=self.device,
            precision=self.precision,
            pixel_format=result,
            batch_size=spec.batch_size,
            tile=spec.tile,
            consistency=spec.consistency,
            is_full=is_full,
        )
        consistency = Consistency(settings, (self.scale, self.scale))
        upscaled = consistency.remember(upscaled)
        for stage in self.chain.stages if self.chain else ():
            upscaled = run_stage(upscaled, stage, settings)
        for frame in to_codes(consistency.restore(upscaled), result):
            yield scored_luma(frame, result)

    def protocol(self) -> dict[str, Any]:
        """How the scores came about; to be asked when all clips were read."""
        spec, chain = self.spec, self.chain
        bits = sorted({form.bits for form in self.formats})
        stages = () if chain is None else chain.stages
        return {
            "model": None if chain is None else chain_name(chain),
            "against": None if spec.against is None else str(spec.against),
            "scale": self.scale,
            "domain": None if chain is None else chain.domain,
            "weights": [{"model": s.spec.name, "sha256": s.sha256} for s in stages if s.sha256],
            **degradation_protocol(spec),
            "color": "; ".join(sorted({COLORS[form.family] for form in self.formats})),
            "bits": bits[0] if len(bits) == 1 else bits,
            "given_depth": DEPTHS if spec.lr or spec.against else None,
            "rounding": "none" if chain is None else "to code values of the truth's bits",
            "border": self.border,
            "outline": spec.outline,
            "mean": "over the frames of a clip, then over the clips",
            "device": None if chain is None else str(self.device),
            "precision": None if chain is None else precision_name(self.precision),
            "tile": spec.tile,
            "batch_size": spec.batch_size,
            "scene_threshold": spec.scene_threshold,
            "consistency": spec.consistency,
            "version": __version__,
        }
