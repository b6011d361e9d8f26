"""The files that an evaluation leaves: checked before the first frame, complete or not there."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from vsr_cli.errors import MissingExtraError, OutputError
from vsr_cli.media.pending import PendingFile, PendingFolder
from vsr_cli.media.target import check_place
from vsr_cli.pipeline.evaluate.evaluation import Evaluation, ScoredFrame, Watch
from vsr_cli.report.collect import ReportCollector
from vsr_cli.report.page import PAGE, report_files


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOutputs:
    """What is written beside the table on the screen."""

    csv: Path | None  # a line for each frame and model
    report: Path | None  # a folder
    collector: ReportCollector | None
    overwrite: bool

    @classmethod
    def of(
        cls,
        csv: Path | None,
        report: Path | None,
        *,
        truths: Sequence[Path] = (),
        overwrite: bool = False,
    ) -> Self:
        """Refuse what could not be written in the end.

        Raises:
            ValueError: an output is one of the truths.
            OutputError: a folder is missing or not writable, or an output exists.
            MissingExtraError: the report needs matplotlib, which is not installed.
        """
        if csv is not None:
            if csv.is_dir():
                raise OutputError(f"output {csv} is a folder; give a file name, such as scores.csv")
            if any(csv.exists() and truth.exists() and csv.samefile(truth) for truth in truths):
                raise ValueError(f"output {csv} is the input; give another name")
            check_place(csv, overwrite=overwrite)
        if report is not None:
            check_report_folder(report, overwrite=overwrite)
        collector = None if report is None else ReportCollector()
        return cls(csv=csv, report=report, collector=collector, overwrite=overwrite)

    def watch(self, on_frame: Callable[[], object]) -> Watch:
        """What is to be told of each frame: ``on_frame``, and the report."""

        def seen(frame: ScoredFrame) -> None:
            if self.collector is not None:
                self.collector.add(frame)
            on_frame()

        return seen

    def write(self, results: Sequence[Evaluation], *, command: str) -> None:
        """Write all files; ``command`` is the line that made them.

        Raises:
            OutputError: the disk is full, or a file has come into being meanwhile.
        """
        if self.csv is not None:
            _write_csv(self.csv, results, overwrite=self.overwrite)
        if self.report is None or self.collector is None:
            return
        pending = PendingFolder(self.report, folder=self.report, overwrite=self.overwrite)
        try:
            for name, data in report_files(results, self.collector, command=command):
                pending.write(name, data)
            pending.commit()
        finally:
            pending.discard()


def check_report_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder into which no report can be written.

    Raises:
        OutputError: it holds a report already, is a file, or cannot be written to.
        MissingExtraError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "report")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"output {folder} is a file; give the name of a folder")
    check_place(folder / PAGE if folder.is_dir() else folder, overwrite=overwrite)


def _write_csv(path: Path, results: Sequence[Evaluation], *, overwrite: bool) -> None:
    pending = PendingFile(path, overwrite=overwrite)
    try:
        with pending.path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(csv_rows(results))
        pending.commit()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        pending.discard()


def csv_rows(results: Sequence[Evaluation]) -> Iterator[list[object]]:
    """A heading, and a row for each model, clip and frame (from 0); what there is not is empty.

    Metrics of a whole clip have no column. Infinite scores are "inf".
    """
    first = results[0].clips[0].per_frame[0]
    frames = [frame for clip in results[0].clips for frame in clip.per_frame]
    names = [n for n in first.values if any(frame.values[n] is not None for frame in frames)]
    outline = [] if first.outline is None else list(asdict(first.outline))
    yield ["model", "clip", "frame", *names, *outline]
    for result in results:
        for clip in result.clips:
            for number, frame in enumerate(clip.per_frame):
                values = [_cell(frame.values[name]) for name in names]
                measures = [] if frame.outline is None else asdict(frame.outline).values()
                yield [result.name, clip.name, number, *values, *map(_cell, measures)]


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if math.isfinite(value) else "inf"
