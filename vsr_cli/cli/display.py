"""What a command shows on stderr while it runs, and of its result."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

import click

from vsr_cli.cli.progress import Advance, progress_bar
from vsr_cli.pipeline.report import Listener, RunStart


class Report(Protocol):
    """What a run leaves to be shown."""

    @property
    def warnings(self) -> Iterable[str]: ...

    def to_json(self) -> dict[str, Any]: ...


class RunDisplay(Listener):
    """Warnings, one line that says what runs on what, and a bar; when ``quiet`` warnings only."""

    def __init__(self, command: str, *, quiet: bool) -> None:
        self.command, self.quiet = command, quiet
        self._shown: set[str] = set()
        self._stack = ExitStack()
        self._advance: Advance | None = None

    def on_start(self, start: RunStart) -> None:
        self.warn(start.warnings)
        if self.quiet:
            return
        if start.model:
            domain = f" ({start.domain} weights)" if start.domain else ""
            line = f"{start.model} x{start.scale}{domain} on {start.device}, {start.precision}"
            click.echo(line, err=True)
        self._advance = self._stack.enter_context(progress_bar(self.command, start.frames))

    def on_frame(self, number: int = 0) -> None:
        del number
        if self._advance is not None:
            self._advance()

    def warn(self, warnings: Iterable[str]) -> None:
        """Show each warning once, on a line of its own; also when ``quiet``."""
        for warning in warnings:
            if warning not in self._shown:
                self._shown.add(warning)
                click.echo(f"Warning: {warning}", err=True)

    def finish(self, report: Report, summary: str, target: Path, *, as_json: bool) -> None:
        """Show the warnings, and the summary or the document of a run that is over.

        They go to standard output, or to stderr where the output itself goes there.
        """
        self.warn(report.warnings)
        text = json.dumps(report.to_json()) if as_json else summary
        click.echo(text, err=target == Path("-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)
