"""The command table, and what becomes of errors."""

from __future__ import annotations

import sys

import click
import pytest
from click.testing import CliRunner, Result

import vsr_cli
from vsr_cli import cli
from vsr_cli.cli import COMMANDS, main
from vsr_cli.errors import DeviceError

EXISTING = main.list_commands(click.Context(main))


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture
def _failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``vsr simulate`` raise the test's parameter."""

    @click.command()
    def simulate() -> None:
        raise request.param

    monkeypatch.setattr("vsr_cli.cli.simulate.simulate", simulate)


@pytest.mark.parametrize("name", EXISTING)
def test_help_lists_every_command_that_exists(name: str) -> None:
    result = _run("--help")
    assert result.exit_code == 0
    assert f"  {name} " in result.output
    assert COMMANDS[name].short_help in result.output


@pytest.mark.parametrize("name", EXISTING)
def test_every_command_has_a_help(name: str) -> None:
    result = _run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


def test_command_without_a_module_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    attic = cli.CommandEntry("vsr_cli.cli.attic", "Nothing.")
    monkeypatch.setattr(cli, "COMMANDS", {**COMMANDS, "attic": attic})
    assert "attic" not in _run("--help").output
    assert "no command is called" in _run("attic").stderr


def test_module_without_its_command_is_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = cli.CommandEntry("vsr_cli.cli.options", "No command.")
    monkeypatch.setattr(cli, "COMMANDS", {"options": entry})
    assert "unexpected" in _run("options").stderr


def test_version() -> None:
    assert _run("--version").output.strip() == f"vsr, version {vsr_cli.__version__}"


@pytest.mark.parametrize(
    ("_failing", "code", "line"),
    [
        (DeviceError("no GPU"), 1, "Error: no GPU"),
        (OSError(28, "No space left on device"), 1, "Error: [Errno 28] No space left on device"),
        (FloatingPointError("unstable"), 1, "Error: unstable"),
        (ValueError("scale must be 2"), 2, "Error: scale must be 2"),
        (ValueError("two\n  lines"), 2, "Error: two lines"),
        (KeyboardInterrupt(), 130, "Error: interrupted"),
        (TypeError("oops"), 1, "Error: unexpected TypeError: oops; vsr --debug shows where"),
    ],
    indirect=["_failing"],
)
@pytest.mark.usefixtures("_failing")
def test_error_is_one_line_and_an_exit_code(code: int, line: str) -> None:
    result = _run("simulate")
    assert result.exit_code == code
    assert result.stderr == f"{line}\n"
    assert result.stdout == ""


@pytest.mark.parametrize("_failing", [DeviceError("no GPU")], indirect=True)
@pytest.mark.usefixtures("_failing")
def test_debug_shows_the_traceback() -> None:
    result = _run("--debug", "simulate")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("Error: no GPU\n")


def test_unknown_option_is_a_usage_error() -> None:
    result = _run("--colour")
    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_help_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["vsr", "--help"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--bogus",),
        ("upscal",),
        ("upscale", "a.mp4"),
        ("upscale", "a.mp4", "b.mp4", "--scale", "x"),
        ("upscale", "a.mp4", "b.mp4", "--chroma", "x"),
        ("info", ""),
        ("eval", "a.mp4", "--against", ""),
        ("export", "fsrcnn", ""),
        ("upscale", "a.mp4", "b.mp4", "--weights", ""),
        ("upscale", "a.mp4", "b.mp4", "--codec-option", "tune="),
    ],
)
def test_usage_error_is_one_line_that_names_the_help(args: tuple[str, ...]) -> None:
    result = _run(*args)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith(" --help\n")


def test_misspelt_command_is_guessed() -> None:
    assert "no command is called 'upscal'; try upscale;" in _run("upscal").stderr


def test_name_that_begins_with_a_dash_is_told_how_to_give() -> None:
    assert "given as ./-NAME; see" in _run("info", "-dash.mp4").stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--domain", ""), "domain must not be empty"),
        (("--consistency", "99999999999"), "consistency must be in 0..1000, got 99999999999"),
        (("--crf", "-1"), "crf must be in 0..63, got -1"),
    ],
)
def test_value_that_cannot_be_is_one_line(args: tuple[str, ...], words: str) -> None:
    result = _run("upscale", "a.mp4", "b.mp4", *args)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert words in result.stderr
