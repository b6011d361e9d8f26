"""Words in, calls out: the table of commands, and the place where an error becomes an exit code.

A command's module holds a click command of the module's own name; it is imported when the command
is called, so that ``vsr --help`` loads none of them.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from signal import SIGHUP, SIGINT, SIGTERM
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from vsr_cli import __version__
from vsr_cli.cli.examples import COMPLETION
from vsr_cli.cli.signals import EndingSignal, ending_signals
from vsr_cli.errors import VsrError, message_of


class CommandEntry(NamedTuple):
    """Where a command lives, and its line in ``vsr --help``."""

    module: str
    short_help: str


COMMANDS: Mapping[str, CommandEntry] = MappingProxyType(
    {
        "upscale": CommandEntry("vsr_cli.cli.upscale", "Upscale one clip."),
        "batch": CommandEntry("vsr_cli.cli.batch", "Upscale many clips, on one machine or more."),
        "info": CommandEntry("vsr_cli.cli.info", "Show what is in a file."),
        "doctor": CommandEntry("vsr_cli.cli.doctor", "Try what works on this machine."),
        "models": CommandEntry("vsr_cli.cli.models", "List the networks, or check their weights."),
        "export": CommandEntry("vsr_cli.cli.export", "Write a network for other programs."),
        "eval": CommandEntry("vsr_cli.cli.evaluate", "Score models against ground truth."),
        "bench": CommandEntry("vsr_cli.cli.bench", "Measure how fast a model runs here."),
        "compare": CommandEntry("vsr_cli.cli.compare", "Show clips beside each other."),
        "train": CommandEntry("vsr_cli.cli.train", "Train a model."),
        "render": CommandEntry("vsr_cli.cli.render", "Show a field as a video or picture."),
        "simulate": CommandEntry("vsr_cli.cli.simulate", "Make ground truth of known physics."),
    }
)


class OneLineError(click.ClickException):
    """Shown as ``Error: ...`` on stderr. The input, the output or the machine is at fault."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ArgumentError(OneLineError):
    """The caller's arguments are at fault."""

    exit_code = 2


class InterruptError(OneLineError):
    """The user wanted it to end."""

    exit_code = 130  # 128 + SIGINT, as shells count


class TerminateError(OneLineError):
    """The machine, or a scheduler, wanted it to end."""

    exit_code = 143  # 128 + SIGTERM


class HangUpError(OneLineError):
    """The terminal is gone."""

    exit_code = 129  # 128 + SIGHUP


ENDINGS: Mapping[int, type[OneLineError]] = MappingProxyType(
    {SIGINT: InterruptError, SIGTERM: TerminateError, SIGHUP: HangUpError}
)


class CommandTable(click.Group):
    """A group whose commands are those of ``COMMANDS`` that exist."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if find_spec(entry.module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = COMMANDS[cmd_name].module
        command = getattr(import_module(module), module.rpartition(".")[2])
        if not isinstance(command, click.Command):
            raise TypeError(f"{module} must hold a click command of its own name, got {command!r}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, COMMANDS[name].short_help) for name in self.list_commands(ctx)]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first argument; names like it if there is none."""
        names = self.list_commands(ctx)
        if args[0] not in names:
            known = get_close_matches(args[0], names) or names
            ctx.fail(f"no command is called {args[0]!r}; try {', '.join(known)}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options that come before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _usage_line(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong becomes one line and an exit code."""
        try:
            with ending_signals():
                return super().invoke(ctx)
        except click.UsageError as error:
            raise _usage_line(error) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if ctx.params.get("debug"):
                click.echo(traceback.format_exc(), err=True, nl=False)
            raise _one_line(error) from None


def _usage_line(error: click.UsageError) -> click.ClickException:
    """The same in one line; help that was asked for by giving nothing stays as it is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    command = "vsr" if error.ctx is None else error.ctx.command_path
    message = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and not error.option_name.startswith("--"):
        message += "; a name that begins with a dash is given as ./-NAME"
    return ArgumentError(f"{message}; see {command} --help")


def _one_line(error: BaseException) -> OneLineError:
    """What the command line says about an error that a command did not catch, with its notes."""
    message = message_of(error)
    if isinstance(error, EndingSignal):
        return ENDINGS[error.number](message)
    if isinstance(error, KeyboardInterrupt):
        return InterruptError(f"interrupted{message}")
    if isinstance(error, VsrError | OSError | FloatingPointError):
        return OneLineError(message)
    if isinstance(error, ValueError):
        return ArgumentError(message)
    return OneLineError(f"unexpected {type(error).__name__}: {message}; vsr --debug shows where")


@click.group(
    cls=CommandTable,
    epilog=COMPLETION,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="vsr")
@click.option("--debug", is_flag=True, help="Log in detail, and show the traceback of an error.")
def main(debug: bool) -> None:
    """Video super-resolution for footage and for scientific fields."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text that can be printed; stderr is like this by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Threads that wait for work sleep; by default they spin, on the cores that the encoder wants.
    # To be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if debug:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("vsr_cli")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
