"""The scores of ``vsr eval`` as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from vsr_cli.metrics import ClipScores, FieldUnits, MeanScores
    from vsr_cli.pipeline.evaluate.evaluation import Evaluation

OUTLINE_COLUMNS = ("diameter", "error", "area", "error")


def table(results: Sequence[Evaluation]) -> Table:
    """One row for each clip, and the mean below if there are several; of each model."""
    from vsr_cli.metrics import entry_of

    units = results[0].units
    shown = [entry_of(name, units) for name in results[0].mean.values]
    rows = Table("clip")
    if len(results) > 1:
        rows.add_column("model")
    outline = OUTLINE_COLUMNS if results[0].mean.outline else ()
    for title in ("frames", *(entry.title for entry in shown), *outline):
        rows.add_column(title, justify="right", no_wrap=True)
    clips = zip(*(result.clips for result in results), strict=True)
    for scores in clips:
        _add_rows(rows, scores[0].name, results, scores)
    if len(results[0].clips) > 1:
        rows.add_section()
        means = [result.mean for result in results]
        _add_rows(rows, f"mean of {means[0].clips}", results, means)
    return rows


def _add_rows(
    rows: Table,
    title: str,
    results: Sequence[Evaluation],
    scores: Sequence[ClipScores | MeanScores],
) -> None:
    for number, (result, score) in enumerate(zip(results, scores, strict=True)):
        names = [] if len(results) == 1 else [result.name]
        rows.add_row("" if number else title, *names, *_numbers(score, result.units))


def _numbers(scores: ClipScores | MeanScores, units: FieldUnits | None) -> list[str]:
    from vsr_cli.metrics import entry_of

    values = scores.values.items()
    numbers = [str(scores.frames), *(entry_of(name, units).shown(value) for name, value in values)]
    if (outline := scores.outline) is None:
        return numbers
    return [
        *numbers,
        f"{outline.diameter:.3f}",
        f"{outline.diameter_error:.4f}",
        f"{outline.area:.1f}",
        f"{outline.area_error:.2f}",
    ]
