"""The reference of the command line in Markdown, from the commands themselves.

``python -m vsr_cli.cli.reference > CLI.md`` writes it anew; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from vsr_cli.cli import main

INTRODUCTION = """# The commands of vsr

Written by `python -m vsr_cli.cli.reference > CLI.md` from the commands themselves; `vsr COMMAND
--help` says the same. Exit code 0: done; 1: the input, the output or the machine is at fault; 2:
the arguments are; 130, 143, 129: interrupted, terminated, hung up."""


def all_commands() -> dict[str, click.Command]:
    """Every command by the words that call it: "upscale", "simulate droplet"."""
    found: dict[str, click.Command] = {}
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": each for sub, each in command.commands.items()}
        elif command is not None:
            found[name] = command
    return found


def reference() -> str:
    """The whole reference; it ends with a line break."""
    sections = [INTRODUCTION, *(_section(*each) for each in all_commands().items())]
    return "\n\n".join(sections) + "\n"


def _section(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"vsr {words}")
    usage = " ".join(["vsr", words, *command.collect_usage_pieces(context)])
    parts = [f"## vsr {words}", f"```text\n{usage}\n```", *_paragraphs(command.help)]
    return "\n\n".join([*parts, "\n".join(_table(command, context)), *_paragraphs(command.epilog)])


def _paragraphs(text: str | None) -> Iterator[str]:
    """The paragraphs of a docstring; those that click leaves as they are become code."""
    for paragraph in re.split(r"\n\s*\n", (text or "").strip()):
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines and lines[0] == "\b":
            yield "\n".join(["```bash", *lines[1:], "```"])
        elif any(lines):
            yield _escaped(" ".join(lines))


def _table(command: click.Command, context: click.Context) -> Iterator[str]:
    yield "| option | what it does |"
    yield "|---|---|"
    for param in command.params:
        record = param.get_help_record(context)
        if record is not None and isinstance(param, click.Option):
            name, text = (cell.replace("|", "\\|") for cell in record)
            yield f"| `{name}` | {_escaped(' '.join(text.split()))} |"


def _escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown's own marks."""
    return re.sub(r"([*_<>])", r"\\\1", text)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
