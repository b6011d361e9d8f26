"""What is compared with the truth: a model with its networks, or files that are there.

For the scores of luma a model gets luma alone, where ``vsr upscale`` takes G, B and R of RGB; a
network that sees RGB gets all three of RGB, but the luma of YUV as gray. For other channels a model
gets what ``vsr upscale`` gives it, and chroma is enlarged as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import torch

from vsr_cli import __version__
from vsr_cli.frames import ClipInfo, Frame, PixelFamily, PixelFormat
from vsr_cli.imaging.ranges import is_full_range
from vsr_cli.imaging.siting import chroma_siting
from vsr_cli.media.pixels.formats import without_alpha
from vsr_cli.media.pixels.tags import conversion_matrix
from vsr_cli.metrics import METRICS, LearnedSimilarity, MetricSettings
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.models.weights import PREFERRED_DOMAIN
from vsr_cli.pipeline.consistency import Consistency
from vsr_cli.pipeline.degrade import degradation_protocol, degradation_warnings
from vsr_cli.pipeline.device import choose_device, choose_precision, precision_name
from vsr_cli.pipeline.evaluate.channels import (
    Pictures,
    all_planes,
    luma_plane,
    scored_pictures,
    white_code,
)
from vsr_cli.pipeline.fields.networks import FIELD_DOMAIN
from vsr_cli.pipeline.report import chain_name, chain_warnings
from vsr_cli.pipeline.rgb import sees_rgb
from vsr_cli.pipeline.settings import StageSettings, chain_kernel
from vsr_cli.pipeline.stages import run_stage
from vsr_cli.pipeline.transfer import to_whole_codes
from vsr_cli.specs import Channel, EvaluateSpec

COLORS: Mapping[PixelFamily, str] = {
    "gray": "gray / (2^bits - 1)",
    "yuv": "Y / (2^bits - 1)",
    "gbr": "BT.601 studio-range Y of RGB (MATLAB rgb2ycbcr), rounded; the network's input is not",
}
OTHERS: Mapping[Channel, str] = {
    "rgb": "R, G and B / (2^bits - 1), together; of YUV by its matrix and range, rounded",
    "planes": "each plane / (2^bits - 1) by itself, chroma in its own size",
}
# Of given files whose depth differs from that of the truth.
DEPTHS = "codes times 2^(truth's bits - bits), but of RGB or full range divided by 2^bits - 1"


class Contender:
    """One model or one set of files, for all clips of an evaluation."""

    def __init__(
        self,
        spec: EvaluateSpec,
        chain: LoadedChain | None,
        device: torch.device,
        precision: torch.dtype,
        similarity: LearnedSimilarity | None = None,
    ) -> None:
        self.similarity = similarity  # for LPIPS
        self.spec, self.chain = spec, chain
        self.device, self.precision = device, precision
        self.scale = 1 if chain is None else chain.scale
        default = 0 if chain is None else chain.scale
        self.border = default if spec.border is None else spec.border

    @classmethod
    def of(
        cls,
        spec: EvaluateSpec,
        similarity: LearnedSimilarity | None = None,
        *,
        is_field: bool = False,
    ) -> Self:
        """Load the networks, if there are any; those of fields by ``FIELD_DOMAIN``.

        Raises:
            ValueError: settings that cannot be.
            VsrError: the weights or the device do not play along.
        """
        if spec.model is None:
            return cls(spec, None, torch.device("cpu"), torch.float32, similarity)
        device = choose_device(spec.device)
        chain = load_chain(
            spec.model,
            spec.scale,
            domain=spec.domain,
            weights=spec.weights,
            preferred=FIELD_DOMAIN if is_field else PREFERRED_DOMAIN,
        )
        bf16_loss = None if is_field else chain.bf16_loss  # fields are computed in fp32 on a CPU
        precision = choose_precision(spec.precision, device, bf16_loss=bf16_loss)
        told = (*chain.warnings, *degradation_warnings(chain, spec))
        on_device = similarity and similarity.on(device)
        return cls(spec, replace(chain, warnings=told), device, precision, on_device)

    @property
    def name(self) -> str:
        """As the user wrote it: the model, or the file that is compared."""
        return self.spec.model or str(self.spec.against)

    @property
    def domain(self) -> str | None:
        return None if self.chain is None else self.chain.domain

    @property
    def warnings(self) -> tuple[str, ...]:
        """What there is to say before the first frame."""
        return () if self.chain is None else chain_warnings(self.chain, self.spec.tile)

    @property
    def metric_settings(self) -> MetricSettings:
        """What all metrics share."""
        spec = self.spec
        return MetricSettings(
            border=self.border,
            data_range=spec.data_range,
            grid=spec.grid,
            similarity=self.similarity,
        )

    def results(
        self, shots: Iterable[Frame], clip: ClipInfo, truth: ClipInfo
    ) -> Iterator[Pictures]:
        """The pictures that are compared with the truth, frame by frame (see channels.py).

        Args:
            shots: frames of code values: what the networks get, or what is compared as it is.
            clip: the clip that they are of.
            truth: the clip that they are compared with.
        """
        pixel_format, white = clip.pixel_format, white_code(clip, truth)
        channel = self.spec.channel
        if self.chain is None:
            return (scored_pictures(frame, clip, channel, white) for frame in shots)
        is_gbr = pixel_format.family == "gbr"
        if channel != "luma" or (is_gbr and sees_rgb(self.chain)):
            result, planes = without_alpha(truth.pixel_format), all_planes
        else:
            result, planes = PixelFormat("gray", "gray", truth.pixel_format.bits), luma_plane
        low = (planes(frame, pixel_format, white, self.device) for frame in shots)
        return self._upscaled(low, replace(truth, pixel_format=result))

    def _run(self, frames: Iterator[Frame], settings: StageSettings) -> Iterator[Frame]:
        """Frames of float planes through all stages."""
        consistency = Consistency(settings, (self.scale, self.scale))
        frames = consistency.remember(frames)
        for stage in self.chain.stages if self.chain else ():
            frames = run_stage(frames, stage, settings)
        return consistency.restore(frames)

    def _upscaled(self, upscaled: Iterator[Frame], result: ClipInfo) -> Iterator[Pictures]:
        """What is scored of a file that ``vsr upscale`` would write in that format."""
        spec, pixel_format = self.spec, result.pixel_format
        settings = StageSettings(
            device=self.device,
            precision=self.precision,
            pixel_format=pixel_format,
            siting=chroma_siting(pixel_format, result.color.chroma_location),
            kernel=chain_kernel(self.name),
            matrix=conversion_matrix(result),
            batch_size=spec.batch_size,
            tile=spec.tile,
            consistency=spec.consistency,
            is_full=is_full_range(result),
        )
        for frame in to_whole_codes(self._run(upscaled, settings), pixel_format):
            height, width = frame.planes[0].shape
            info = replace(result, width=width, height=height)
            yield scored_pictures(frame, info, spec.channel)

    def protocol(self, formats: Iterable[PixelFormat]) -> dict[str, Any]:
        """How the scores came about, for truths of these formats."""
        spec, chain = self.spec, self.chain
        formats = set(formats)
        bits = sorted({form.bits for form in formats})
        stages = () if chain is None else chain.stages
        colors = sorted({COLORS[form.family] for form in formats})
        return {
            "model": None if chain is None else chain_name(chain),
            "against": None if spec.against is None else str(spec.against),
            "scale": self.scale,
            "domain": self.domain,
            "weights": [{"model": s.spec.name, "sha256": s.sha256} for s in stages if s.sha256],
            **degradation_protocol(spec),
            "color": OTHERS.get(spec.channel, "; ".join(colors)),
            "bits": bits[0] if len(bits) == 1 else bits,
            "given_depth": DEPTHS if spec.lr or spec.against else None,
            "rounding": "none" if chain is None else "to code values of the truth's bits",
            "border": self.border,
            "metrics": {name: METRICS[name].title for name in spec.metrics},
            "lpips": self.similarity.backbone.name if self.similarity else None,
            "data_range": spec.data_range,
            "grid": spec.grid,
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
