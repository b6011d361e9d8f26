"""What ``vsr batch`` shows at its end: the files, or what they would cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.table import Table
from rich.text import Text

from vsr_cli.cli import console

if TYPE_CHECKING:
    from vsr_cli.batch.cost import BatchPlan, GroupPlan
    from vsr_cli.batch.report import BatchReport, FileReport

MOST_ROWS = 100  # of the table; where there are more files, it shows those that failed
UNKNOWN = "?"


def show(report: BatchReport, *, every: bool) -> None:
    """A table of the files, and a line that counts them."""
    rows = [file for file in report.files if every or file.status != "skipped"]
    if len(rows) > MOST_ROWS and not every:
        rows = [file for file in rows if file.status == "failed"]
    if rows:
        table = Table("output", "status", "why", "frames", "seconds", "tries", box=box.SIMPLE)
        for column in table.columns[3:]:
            column.justify = "right"
        for file in rows:
            table.add_row(*_cells(file, Path(report.out_dir)))
        console.show(table)
    counts = ", ".join(f"{number} {status}" for status, number in report.counts.items())
    workers = f" with {report.workers} workers" if report.workers > 1 else ""
    seconds = "" if every else f" in {report.seconds:.1f} s{workers}"
    click.echo(f"{report.out_dir}: {counts or 'no files'}{seconds}")


def _cells(file: FileReport, out_dir: Path) -> tuple[Text, ...]:
    place = Path(file.output).relative_to(out_dir.absolute())
    why = f"{file.error}; see {file.log}" if file.log and file.error else file.error or file.reason
    numbers = (file.frames, f"{file.seconds:.1f}", file.attempts) if file.attempts else ("", "", "")
    return tuple(Text(str(cell)) for cell in (place, file.status, why, *numbers))


def show_plan(plan: BatchPlan) -> None:
    """A table of the files of each size, what stops some of them, and a line that sums it up."""
    if plan.groups:
        columns = ("model", "output", "files", "frames", "segments", "frames/s", "hours", "GB")
        table = Table(*columns, box=box.SIMPLE)
        for column in table.columns[2:]:
            column.justify = "right"
        for group in plan.groups:
            table.add_row(*_plan_cells(group))
        console.show(table)
    for source, error in plan.failed.items():
        click.echo(f"{source}: {error}")
    whole = plan.to_json()
    device = f"{plan.device} with {plan.threads} threads" if plan.threads else plan.device
    hours = _number(whole["device_hours"])
    click.echo(
        f"{plan.out_dir}: {whole['files']} files, {_number(whole['frames'])} frames, "
        f"{whole['segments']} segments: {hours} hours of one worker ({device}), "
        f"{_number(whole['hours'])} with {plan.workers}; "
        f"{_number(_gigabytes(whole['output_bytes']))} GB; {plan.skipped} files are done"
    )


def _plan_cells(group: GroupPlan) -> tuple[Text, ...]:
    cells = (
        group.model,
        f"{group.width}x{group.height}",
        *(group.files, _number(group.frames), group.segments, _number(group.fps)),
        *(_number(group.hours), _number(_gigabytes(group.output_bytes))),
    )
    return tuple(Text(str(cell)) for cell in cells)


def _gigabytes(size: float | None) -> float | None:
    return None if size is None else size / 1e9


def _number(value: float | None) -> str:
    """Three digits of it, or all that stand before the point."""
    if value is None:
        return UNKNOWN
    return (
        str(value) if isinstance(value, int) else f"{value:.3g}" if value < 1e3 else f"{value:.0f}"
    )
