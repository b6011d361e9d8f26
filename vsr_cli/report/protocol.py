"""How scores came about, as rows of the page's last table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsr_cli.pipeline.evaluate.evaluation import Evaluation


def protocol_rows(results: Sequence[Evaluation]) -> str:
    """A row for each entry of the protocols."""
    return "".join(_protocol_row(name, results) for name in results[0].protocol)


def _protocol_row(name: str, results: Sequence[Evaluation]) -> str:
    """One cell where all say the same, nothing where they say nothing."""
    words = [escape(_words(result.protocol[name])) for result in results]
    if not any(words):
        return ""
    if len({*words}) == 1:
        cells = f'<td colspan="{len(words)}">{words[0]}</td>'
    else:
        cells = "".join(f"<td>{word}</td>" for word in words)
    return f"<tr><th>{escape(name)}</th>{cells}</tr>"


def _words(value: object) -> str:
    """A value of the protocol as one would say it."""
    if isinstance(value, dict):
        return ", ".join(map(str, value.values()))
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value)
    return "" if value is None else re.sub(r"\s+", " ", str(value))
