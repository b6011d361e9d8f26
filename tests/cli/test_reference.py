"""CLI.md: what the commands say of themselves now."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.cli.reference import all_commands, reference

REFERENCE = Path(__file__).parents[2] / "CLI.md"


def test_reference_is_that_of_the_commands() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m vsr_cli.cli.reference > CLI.md"
    )


def test_reference_names_every_option_of_every_command() -> None:
    sections = reference().split("\n## vsr ")
    for words, command in all_commands().items():
        (section,) = (each for each in sections if each.startswith(f"{words}\n"))
        for param in command.params:
            if param.param_type_name == "option":
                assert max(param.opts, key=len) in section
