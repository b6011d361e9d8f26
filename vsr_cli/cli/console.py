"""Where tables are printed: as wide as the terminal, or wide enough for a file."""

from __future__ import annotations

import sys

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

FILE_WIDTH = 200  # columns, where standard output is a file or a pipe
CUT = "…"


def show(*things: RenderableType) -> None:
    """Print tables and lines on standard output; numbers in them are not coloured.

    A table that would lose words in the terminal's width becomes a paragraph for each row.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    for thing in things:
        is_wide = isinstance(thing, Table) and not _fits(thing, console)
        console.print(_paragraphs(thing, console) if is_wide else thing)  # type: ignore[arg-type]


def _fits(table: Table, console: Console) -> bool:
    """True if rich shows every word of it; where a column is too narrow for one, it cuts it off."""
    return not any(CUT in segment.text for segment in console.render(table))


def _paragraphs(table: Table, console: Console) -> Group:
    """The first column of each row as a heading, the others as "title value" below it."""
    columns = (_cells(table, index, console) for index in range(len(table.columns)))
    titles, *cells = zip(*columns, strict=True)
    parts: list[RenderableType] = []
    for heading, *values in cells:
        pairs = zip(titles[1:], values, strict=True)
        said = Text(", ").join(_titled(title, value) for title, value in pairs if value.plain)
        parts += [heading] if heading.plain else []
        parts.append(Padding(said, (0, 0, 0, 2)))
    return Group(*parts)


def _titled(title: Text, value: Text) -> Text:
    return Text.assemble((f"{title.plain} ", "dim"), value) if title.plain else value


def _cells(table: Table, index: int, console: Console) -> list[Text]:
    """Title, rows and foot of one column."""
    column = table.columns[index]
    shown = [column.header, *column.cells, *([column.footer] if table.show_footer else [])]
    return [cell if isinstance(cell, Text) else console.render_str(str(cell)) for cell in shown]
