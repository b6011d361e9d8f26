"""The scores of fields: degraded, enlarged and compared as values, in the file's unit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.metrics import METRICS, ClipScores, FieldUnits, PlaneAccumulator, to_unit
from vsr_cli.pipeline.evaluate.contender import Contender
from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame, Watch
from vsr_cli.pipeline.evaluate.field_low import LowField
from vsr_cli.pipeline.evaluate.field_truth import (
    FieldClip,
    field_grid,
    field_kernel,
    field_units,
    find_range,
    open_field_clips,
    tensors,
)
from vsr_cli.pipeline.evaluate.scoring import score_rows

NEED_WHOLE = ("tof", "resolution", "lsd", "lpips")  # metrics for which gaps are filled
MAPPING = (
    "(value - low) / (high - low) for metrics of pictures, not rounded, not cut; for networks as "
    "vsr upscale does, by the values that they get"
)
MISSING = (
    "NaN of the truth: left out of means, as are windows and differences that touch them; filled "
    f"with the frame's mean of the truth for {', '.join(NEED_WHOLE)}; shrunk by what is there, at "
    "least half of the kernel's weight; continued from what lies around for networks"
)

Results = tuple[Tensor, ...]  # of each contender, (C, H, W) float64 in the field's unit


class FieldRun:
    """What the clips of one evaluation share, and what was seen while they were read."""

    def __init__(self, contenders: Sequence[Contender], watch: Watch | None) -> None:
        self.contenders, self.watch = contenders, watch
        self.spec, self.scale = contenders[0].spec, contenders[0].scale
        self.units: FieldUnits | None = None
        self.warnings: list[str] = []

    def evaluate(
        self, name: str, path: Path, others: Sequence[Path]
    ) -> Iterator[tuple[ClipScores, ...]]:
        """The scores of each series of a file by each contender; ``others`` are given for it."""
        with open_field_clips(path, others, self.scale, self.spec.variables) as clips:
            for clip in clips:
                units = field_units(clip.truth, self.spec)
                if self.units not in (None, units):
                    known = self.units.value if self.units else ""
                    raise InputError(
                        f"{path} is in {units.value or 'no unit'}, the fields before it are in "
                        f"{known or 'none'}: score them apart"
                    )
                self.units = units
                yield self._score(name + clip.truth.place, clip)

    def protocol(self, contender: Contender) -> dict[str, Any]:
        """How the scores came about."""
        spec, units = self.spec, self.units
        whole = contender.protocol(())
        if whole["degradation_chain"] is not None:
            whole["degradation"] = f"{field_kernel(spec)} of the values, not rounded, edges go on"
        source = "given" if spec.value_range else "smallest and largest value of each truth"
        return whole | {
            "color": None,
            "bits": None,
            "given_depth": None,
            "rounding": "none",
            "scene_threshold": None,
            "metrics": {name: METRICS[name].in_units(units).title for name in spec.metrics},
            "grid": "sphere, cells of the file's coordinates" if spec.grid != "plane" else "plane",
            "variables": list(spec.variables) or None,
            "units": units.value if units else None,
            "value_range": list(spec.value_range) if spec.value_range else None,
            "value_range_source": source,
            "mapping": MAPPING,
            "missing": MISSING,
        }

    def _score(self, name: str, clip: FieldClip) -> tuple[ClipScores, ...]:
        spec = self.spec
        value_range = spec.value_range or find_range(clip.truth)
        grid = field_grid(clip.truth, spec, *self._scored_size(clip))
        accumulators = [
            PlaneAccumulator(
                name,
                outline=spec.outline,
                metrics=spec.metrics,
                settings=replace(
                    contender.metric_settings,
                    grid=grid,
                    value_range=value_range,
                    rows_ascend=clip.truth.rows_ascend,
                ),
            )
            for contender in self.contenders
        ]
        with ExitStack() as stack:
            for accumulator in accumulators:
                stack.callback(accumulator.close)
            self._add(name, clip, value_range, accumulators)
            clips = tuple(accumulator.result() for accumulator in accumulators)
        self.warnings += _told(clips[0], spec.metrics)
        return clips

    def _add(
        self,
        name: str,
        clip: FieldClip,
        value_range: tuple[float, float],
        accumulators: Sequence[PlaneAccumulator],
    ) -> None:
        """Score all steps of a series."""
        size, settings = self._scored_size(clip), accumulators[0].settings
        waiting: deque[Tensor] = deque()  # truth whose counterpart is on its way
        names = clip.truth.variables if len(clip.truth.variables) > 1 else ("",)
        rows = (
            [
                dict(zip(names, values[:, : size[0], : size[1]], strict=True))
                for values in (waiting.popleft(), *results)
            ]
            for results in self._results(clip, waiting)
        )
        for row in score_rows(
            rows,
            accumulators,
            device=self.contenders[0].device,
            told=lambda first, last: f"{name}, {_steps(first, last)}",
            metrics=self.spec.metrics,
        ):
            if self.watch:
                pictures = (row.truth, *row.results)
                first, *others = (to_unit(one[names[0]], value_range) for one in pictures)
                frame = ScoredFrame(
                    clip=name,
                    number=row.number,
                    border=settings.border,
                    truth=first,
                    results=tuple(others),
                    scores=row.scores,
                    grid=settings.grid,
                )
                self.watch(frame)

    def _scored_size(self, clip: FieldClip) -> tuple[int, int]:
        """The height and width that truth and results have in common."""
        truth, scale = clip.truth, self.scale
        low = [(one.height, one.width) for one in clip.given]
        low = low or [(truth.height // scale, truth.width // scale)]
        return min(truth.height, low[0][0] * scale), min(truth.width, low[0][1] * scale)

    def _results(self, clip: FieldClip, waiting: deque[Tensor]) -> Iterator[Results]:
        """Step by step what each contender makes of a field, or has for it."""
        if self.spec.model is None:
            yield from _given(clip, waiting)
            return
        low = LowField(clip, self.spec, self.scale)
        parts = len(clip.truth.variables)
        copies = tee(_smaller(low, waiting), len(self.contenders) * parts)
        columns = [
            low.enlarge(_planes(copies[index * parts + part], part), part, contender)
            for index, contender in enumerate(self.contenders)
            for part in range(parts)
        ]
        for row in zip(*columns, strict=True):
            yield torch.stack(row).unflatten(0, (-1, parts)).unbind(0)


def _steps(first: int, last: int) -> str:
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _smaller(low: LowField, waiting: deque[Tensor]) -> Iterator[Tensor]:
    """What models get, (C, h, w); the truth is kept until they are done."""
    for truth, smaller in low.pairs():
        waiting.append(truth)
        yield smaller


def _planes(rows: Iterator[Tensor], part: int) -> Iterator[Tensor]:
    for row in rows:
        yield row[part]


def _given(clip: FieldClip, waiting: deque[Tensor]) -> Iterator[Results]:
    """Step by step what the given files have."""
    given = (tensors(one) for one in clip.given)
    for number, (truth, *found) in enumerate(zip(tensors(clip.truth), *given, strict=True)):
        waiting.append(truth)
        for stream, values in zip(clip.given, found, strict=True):
            wrong = ~values.isfinite() & ~truth.isnan()
            if wrong.any():
                row, column = wrong.nonzero()[0, -2:].tolist()
                raise InputError(
                    f"{stream.path} has no value where the truth has one, at {int(wrong.sum())} "
                    f"places of step {number}, the first in row {row}, column {column} from 0"
                )
        yield tuple(found)


def _told(clip: ClipScores, metrics: Sequence[str]) -> Iterator[str]:
    """What there is to say of the values that are missing in a truth."""
    if clip.empty_frames:
        yield (
            f"{clip.name}: {clip.empty_frames} of {clip.frames} steps hold no value and count in "
            "no mean"
        )
    filled = [name for name in metrics if name in NEED_WHOLE]
    if clip.missing and filled:
        yield (
            f"{clip.name}: {clip.missing:.1%} of the values are missing, filled with the mean for "
            f"{', '.join(filled)}"
        )
