"""Truth in, scores out: degrade it, upscale it as ``vsr upscale`` does, and compare.

Several models run side by side: each frame of the truth is decoded and degraded once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, tee
from pathlib import Path
from typing import Any

from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.metrics import ClipScores, PlaneAccumulator, mean_over_clips
from vsr_cli.pipeline.device import precision_name
from vsr_cli.pipeline.evaluate.channels import Pictures, scored_pictures
from vsr_cli.pipeline.evaluate.contender import Contender
from vsr_cli.pipeline.evaluate.evaluation import Evaluation, ScoredFrame, Watch
from vsr_cli.pipeline.evaluate.field_run import FieldRun
from vsr_cli.pipeline.evaluate.field_truth import are_fields, count_steps
from vsr_cli.pipeline.evaluate.scoring import ScoredRow, score_rows
from vsr_cli.pipeline.evaluate.sharing import load_contenders
from vsr_cli.pipeline.evaluate.truth import (
    OpenClip,
    check_channel,
    check_given,
    clip_names,
    counterparts,
    estimate_frames,
    find_clips,
    match_clips,
    open_clip,
)
from vsr_cli.pipeline.report import RunStart
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.specs import EvaluateSpec


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
    watch: Watch | None = None if on_frame is None else lambda _: on_frame()
    return compare_models(truths, [spec], on_start=on_start, watch=watch)[0]


def compare_models(
    truths: Sequence[Path],
    specs: Sequence[EvaluateSpec],
    *,
    on_start: Callable[[RunStart], None] | None = None,
    watch: Watch | None = None,
) -> tuple[Evaluation, ...]:
    """Score several models, or sets of files, in one pass over the truth; one result for each.

    Args:
        truths: as for ``evaluate_clips``.
        specs: what is compared with them; all but model, against, domain and weights is the same.
        on_start: as for ``evaluate_clips``.
        watch: told of each frame that was scored.

    Raises:
        ValueError, VsrError: as ``evaluate_clips``; there are no specs, or two of one name.
    """
    names = [spec.model or str(spec.against) for spec in specs]
    if not names or len({*names}) < len(names):
        raise ValueError(f"each model is named once, at least one, got {', '.join(names) or None}")
    paths = find_clips(truths)
    folders = [specs[0].lr] if specs[0].lr else [spec.against for spec in specs if spec.against]
    matched = [match_clips(paths, folder) for folder in folders]
    others = list(zip(*(files for files, _ in matched), strict=True)) or [()] * len(paths)
    fields = are_fields([*paths, *chain.from_iterable(others)], specs[0])
    contenders = load_contenders(specs, is_field=fields)
    frames = _num_frames(paths, specs[0], is_field=fields)
    start = _start(contenders, frames, [line for _, lines in matched for line in lines])
    if on_start:
        on_start(start)
    run = FieldRun(contenders, watch) if fields else _Run(contenders, watch)
    rows = [
        row
        for name, path, given in zip(clip_names(paths), paths, others, strict=True)
        for row in run.evaluate(name, path, given)
    ]
    told = tuple(dict.fromkeys((*start.warnings, *run.warnings)))
    columns = zip(contenders, zip(*rows, strict=True), strict=True)
    return tuple(
        Evaluation(
            name=contender.name,
            clips=clips,
            mean=mean_over_clips(clips),
            protocol=run.protocol(contender),
            warnings=told,
            units=run.units,
        )
        for contender, clips in columns
    )


def _num_frames(paths: Sequence[Path], spec: EvaluateSpec, *, is_field: bool) -> int | None:
    """Frames or steps of all files together; None where one does not tell."""
    if is_field:
        return count_steps(paths, spec.variables)
    return estimate_frames(paths, max_pixels=spec.max_pixels)


def _start(
    contenders: Sequence[Contender], frames: int | None, warnings: Sequence[str]
) -> RunStart:
    first = contenders[0]
    models = [contender for contender in contenders if contender.chain is not None]
    names = [f"{c.name} ({c.domain})" if c.domain else c.name for c in models]
    told = [line for contender in contenders for line in contender.warnings]
    return RunStart(
        frames=frames,
        model=", ".join(names) if len(models) > 1 else "".join(c.name for c in models),
        scale=first.scale,
        domain=first.domain if len(models) == 1 else None,  # of several beside their names
        device=str(first.device),
        precision=precision_name(first.precision),
        warnings=tuple(dict.fromkeys((*told, *warnings))),
    )


class _Run:
    """What the clips of one evaluation share, and what was seen while they were read."""

    def __init__(self, contenders: Sequence[Contender], watch: Watch | None) -> None:
        self.contenders, self.watch = contenders, watch
        self.spec, self.scale = contenders[0].spec, contenders[0].scale
        self.formats: set[PixelFormat] = set()
        self.units = None
        self.warnings: list[str] = []

    def protocol(self, contender: Contender) -> dict[str, Any]:
        """How the scores came about."""
        return contender.protocol(self.formats)

    def evaluate(
        self, name: str, path: Path, others: Sequence[Path]
    ) -> list[tuple[ClipScores, ...]]:
        """The scores of one clip by each contender; ``others`` are the given files for it."""
        spec = self.spec
        accumulators = [
            PlaneAccumulator(
                name,
                outline=spec.outline,
                metrics=spec.metrics,
                settings=contender.metric_settings,
            )
            for contender in self.contenders
        ]
        waiting: deque[Frame] = deque()  # truth whose counterpart is on its way
        with ExitStack() as stack:
            for accumulator in accumulators:
                stack.callback(accumulator.close)
            truth, *given = (
                stack.enter_context(open_clip(each, max_pixels=spec.max_pixels))
                for each in (path, *others)
            )
            self._check(truth, given)
            rows = (
                (scored_pictures(waiting.popleft(), truth.info, spec.channel), *results)
                for results in self._results(truth, given, waiting)
            )
            for row in score_rows(
                rows,
                accumulators,
                device=self.contenders[0].device,
                told=lambda first, last: name,
                metrics=spec.metrics,
            ):
                if self.watch:
                    self.watch(_seen(name, row, accumulators[0].settings.border))
            for clip in (truth, *given):
                self.warnings += [f"{clip.path.name}: {line}" for line in clip.warnings]
            return [tuple(accumulator.result() for accumulator in accumulators)]

    def _check(self, truth: OpenClip, given: Sequence[OpenClip]) -> None:
        for clip in given:
            self.warnings += check_given(truth, clip, self.scale)
        check_channel(truth, given, self.spec)
        self.formats.add(truth.info.pixel_format)

    def _results(
        self, truth: OpenClip, given: Sequence[OpenClip], waiting: deque[Frame]
    ) -> Iterator[tuple[Pictures, ...]]:
        """Row by row what each contender makes of a frame, or has for it."""
        tell = self.warnings.append
        rows = counterparts(truth, given, waiting, self.scale, self.spec, tell)
        if self.spec.model is not None:
            clip = given[0] if given else truth
            low = (row[0] for row in rows)
            has_windows = any(one.chain is not None and one.chain.reach for one in self.contenders)
            threshold = self.spec.scene_threshold if has_windows else 0.0
            shots = mark_shots(low, clip.info.pixel_format, threshold)
            # What one model has taken and another has not is kept: a window and a batch at most.
            copies: Sequence[Iterator[Frame]] = tee(shots, len(self.contenders))
            infos: Sequence[ClipInfo] = [clip.info] * len(self.contenders)
        else:
            several = tee(rows, len(self.contenders))
            copies = [_column(copy, index) for index, copy in enumerate(several)]
            infos = [clip.info for clip in given]
        columns = (
            contender.results(copy, info, truth.info)
            for contender, copy, info in zip(self.contenders, copies, infos, strict=True)
        )
        return zip(*columns, strict=True)


def _column(rows: Iterator[tuple[Frame, ...]], index: int) -> Iterator[Frame]:
    return (row[index] for row in rows)


def _seen(clip: str, row: ScoredRow, border: int) -> ScoredFrame:
    """What is told of a frame: of several planes the first one."""
    return ScoredFrame(
        clip=clip,
        number=row.number,
        border=border,
        truth=_first(row.truth),
        results=tuple(map(_first, row.results)),
        scores=row.scores,
    )


def _first(pictures: Pictures) -> Tensor:
    """The picture, or that of the first plane."""
    return next(iter(pictures.values()))
