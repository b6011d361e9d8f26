"""The options of ``vsr batch`` beside those of ``vsr upscale``."""

from __future__ import annotations

from typing import Any

from vsr_cli.cli.options import Command, add_options, options_of, pop_settings
from vsr_cli.specs import BatchSpec, SchedulerSpec, Shard

OPTION = options_of(BatchSpec)
OPTIONS = (
    OPTION(
        "pattern",
        "Names to take from folders. Repeatable.  [default: videos, by their endings]",
        field="patterns",
        metavar="GLOB",
    ),
    OPTION("recursive/--no-recursive", "Also take folders in folders.", field="recursive"),
    OPTION("suffix", "Added to names: _x2.", metavar="TEXT", show_default=False),
    OPTION(
        "extension",
        "Container of the outputs: mkv.  [default: the input's, mkv if it cannot be written]",
        metavar="EXT",
    ),
    OPTION(
        "scheduler",
        "none, local, local:N, tcp://host:8786, or a scheduler file FILE.json of Dask.  "
        "[default: local if more than one worker helps, else none]",
        default=BatchSpec().scheduler.kind,
        show_default=False,
        metavar="WHERE",
    ),
    OPTION("workers", "Files at once.  [default: GPUs, or cores / threads]"),
    OPTION("threads-per-worker", "CPU threads of each.  [default: cores / workers]"),
    OPTION("retries", "Further attempts at a file whose failure may pass."),
    OPTION(
        "segment-frames",
        "Frames of a segment of long files; 0: none is split.  [default: a minute's work]",
        metavar="N",
    ),
    OPTION("shard", "Only part I of N, from 0/N on: for job arrays.", metavar="I/N"),
)


def batch_options(command: Command) -> Command:
    """Which files, where to, and by whom."""
    return add_options(OPTIONS, command)


def pop_batch_settings(options: dict[str, Any]) -> BatchSpec:
    """The settings in the values of ``batch_options``, which are taken out of ``options``.

    Raises:
        ValueError: a value cannot be.
    """
    options["scheduler"] = SchedulerSpec.parse(options["scheduler"])
    if options["shard"] is not None:
        options["shard"] = Shard.parse(options["shard"])
    return pop_settings(BatchSpec, options)
