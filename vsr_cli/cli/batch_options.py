"""The options of ``vsr batch`` beside those of ``vsr upscale``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from vsr_cli.cli.options import Command
from vsr_cli.specs import BatchSpec, SchedulerSpec, Shard

BATCH = tuple(field.name for field in fields(BatchSpec))
OPTIONS = (
    click.option(
        "--pattern",
        "patterns",
        metavar="GLOB",
        multiple=True,
        help="Names to take from folders. Repeatable.  [default: videos, by their endings]",
    ),
    click.option(
        "--recursive/--no-recursive",
        default=BatchSpec().recursive,
        show_default=True,
        help="Also take folders in folders.",
    ),
    click.option("--suffix", default="", metavar="TEXT", help="Added to names: _x2."),
    click.option(
        "--extension",
        metavar="EXT",
        help="Container of the outputs: mkv.  [default: the input's, mkv if it cannot be written]",
    ),
    click.option(
        "--scheduler",
        default="auto",
        metavar="WHERE",
        help="none, local, local:N, tcp://host:8786, or a scheduler file FILE.json of Dask.  "
        "[default: local if more than one worker helps, else none]",
    ),
    click.option("--workers", type=int, help="Files at once.  [default: GPUs, or cores / threads]"),
    click.option(
        "--threads-per-worker", type=int, help="CPU threads of each.  [default: cores / workers]"
    ),
    click.option(
        "--retries",
        default=BatchSpec().retries,
        show_default=True,
        help="Further attempts at a file whose failure may pass.",
    ),
    click.option(
        "--segment-frames",
        type=int,
        metavar="N",
        help="Frames of a segment of long files; 0: none is split.  [default: a minute's work]",
    ),
    click.option("--shard", metavar="I/N", help="Only part I of N, from 0/N on: for job arrays."),
)


def batch_options(command: Command) -> Command:
    """Which files, where to, and by whom."""
    for add in reversed(OPTIONS):
        command = add(command)
    return command


def batch_settings(options: dict[str, Any]) -> tuple[BatchSpec, dict[str, Any]]:
    """The settings in the values of ``batch_options``, and the values that are left.

    Raises:
        ValueError: a value cannot be.
    """
    own = {name: value for name, value in options.items() if name in BATCH}
    rest = {name: value for name, value in options.items() if name not in BATCH}
    own["scheduler"] = SchedulerSpec.parse(own["scheduler"])
    own["shard"] = None if own["shard"] is None else Shard.parse(own["shard"])
    return BatchSpec(**own), rest
