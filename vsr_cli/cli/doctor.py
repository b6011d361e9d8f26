"""vsr doctor"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import json_option

if TYPE_CHECKING:
    from rich.table import Table

    from vsr_cli.doctor import Checkup, Finding

MARKS = {(True, True): "ok", (True, False): "ok", (False, True): "FAILS", (False, False): "none"}


@click.command(epilog=examples("doctor"))
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Try what vsr needs on this machine, and say how to mend what does not work.

    Versions, the processor and GPUs, released weights, every encoder (each writes a clip that is
    read back), extras, programs and free disk; at last a small clip is upscaled. It takes some
    ten seconds. The exit code is 0 if vsr upscale can do its work here, else 1.
    """
    from vsr_cli.doctor import examine

    checkup = examine()
    if as_json:
        click.echo(json.dumps(checkup.to_json()))
    else:
        _show(checkup)
    ctx.exit(0 if checkup.can_upscale else 1)


def _show(checkup: Checkup) -> None:
    from rich.text import Text

    from vsr_cli.cli.console import show

    show(_table(checkup), *map(Text, _advice(checkup.faults)))
    works = "works" if checkup.can_upscale else "does not work"
    click.echo(f"vsr upscale {works} here")


def _table(checkup: Checkup) -> Table:
    """One row for each finding."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=box.SIMPLE, pad_edge=False)
    for title in ("what", "name", ""):
        rows.add_column(title, no_wrap=True)
    rows.add_column("found", overflow="fold")
    for area, findings in groupby(checkup.findings, key=lambda finding: finding.area):
        for number, finding in enumerate(findings):
            mark = MARKS[finding.is_ok, finding.is_needed]
            style = {"FAILS": "bold red", "none": "dim"}.get(mark, "green")
            title = "" if number else area
            rows.add_row(title, Text(finding.name), Text(mark, style), Text(finding.detail))
    return rows


def _advice(faults: tuple[Finding, ...]) -> list[str]:
    """Likely causes and the remedy, once for all findings that have the same."""
    shared: dict[tuple[tuple[str, ...], str], list[Finding]] = {}
    for fault in faults:
        shared.setdefault((fault.causes, fault.remedy), []).append(fault)
    lines = []
    for (causes, remedy), those in shared.items():
        needed = "" if any(fault.is_needed for fault in those) else " (not needed)"
        lines.append(f"{', '.join(fault.name for fault in those)}{needed}:")
        lines += [f"  likely: {cause}" for cause in causes]
        lines.append(f"  try: {remedy}")
    return lines
