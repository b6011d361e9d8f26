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
TIMES = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


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
        columns = ("model", "output", "files", "frames", "segments", "frames/s", "time", "size")
        table = Table(*columns, box=box.SIMPLE)
        for column in table.columns[2:]:
            column.justify = "right"
        for group in plan.groups:
            table.add_row(*_plan_cells(group))
        console.show(table)
    for source, error in plan.failed.items():
        click.echo(f"{source}: {error}")
    whole = plan.to_json()
    threads = f"{plan.threads} thread{'s' if plan.threads != 1 else ''}"
    device = f"{plan.device} with {threads}" if plan.threads else plan.device
    click.echo(
        f"{plan.out_dir}: {whole['files']} files, {_number(whole['frames'])} frames, "
        f"{whole['segments']} segments: {_time(whole['device_hours'])} of one worker ({device}), "
        f"{_time(whole['hours'])} with {plan.workers}; "
        f"{_size(whole['output_bytes'])}; {plan.skipped} files are done"
    )


def _plan_cells(group: GroupPlan) -> tuple[Text, ...]:
    cells = (
        group.model,
        f"{group.width}x{group.height}",
        *(group.files, _number(group.frames), group.segments, _number(group.fps)),
        *(_time(group.hours), _size(group.output_bytes)),
    )
    return tuple(Text(str(cell)) for cell in cells)


def _time(hours: float | None) -> str:
    """In the largest unit of which there is one at least."""
    if hours is None:
        return UNKNOWN
    seconds = hours * 3600
    unit, length = next(((u, n) for u, n in TIMES if seconds >= n), TIMES[-1])
    return f"{_number(seconds / length)} {unit}"


def _size(num_bytes: float | None) -> str:
    """As ``_time``; a MB is 1e6 bytes."""
    if num_bytes is None:
        return UNKNOWN
    unit, length = next(((u, n) for u, n in SIZES if num_bytes >= n), SIZES[-1])
    return f"{_number(num_bytes / length)} {unit}"


def _number(value: float | None) -> str:
    """Three digits of it, or all that stand before the point."""
    if value is None:
        return UNKNOWN
    return (
        str(value) if isinstance(value, int) else f"{value:.3g}" if value < 1e3 else f"{value:.0f}"
    )
