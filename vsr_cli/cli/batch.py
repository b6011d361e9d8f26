"""vsr batch"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsr_cli.cli.batch_options import batch_options, pop_batch_settings
from vsr_cli.cli.batch_tables import show, show_plan
from vsr_cli.cli.examples import examples
from vsr_cli.cli.field_options import check_kinds, field_options
from vsr_cli.cli.options import json_option, overwrite_option, pop_settings, quiet_option
from vsr_cli.cli.param_types import FILE
from vsr_cli.cli.upscale_options import clip_options, clip_settings, with_settings
from vsr_cli.specs import BatchSpec, FieldSpec

if TYPE_CHECKING:
    from vsr_cli.batch.jobs import FileSettings, ListedInput


@click.command(epilog=examples("batch"))
@click.argument("sources", metavar="[IN]...", nargs=-1, type=FILE)
@click.argument("out_dir", metavar="OUT_DIR", type=FILE)
@click.option(
    "--list",
    "listed",
    metavar="FILE",
    type=FILE,
    help="More inputs: a path a line, or .toml with settings for each; - is standard input.",
)
@batch_options
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--plan", is_flag=True, help="Only show what it would cost, by a short probe.")
@clip_options
@field_options
@overwrite_option
@json_option
@quiet_option
def batch(
    sources: tuple[Path, ...],
    out_dir: Path,
    listed: Path | None,
    dry_run: bool,
    plan: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Upscale many files into OUT_DIR: files, folders with the tree below them, 'runs/*/u.mp4'.

    What is done already is skipped: the same input and settings, and a complete output. What
    changed is done anew. A file that fails stops no other, and the exit code is then 1. Each has a
    log in OUT_DIR/.vsr-batch. With workers, a file is computed by one of them.
    """
    spec = pop_batch_settings(options)
    if not sources and listed is None:
        raise click.UsageError("nothing to upscale: give files, folders, a pattern or --list")
    if plan and dry_run:
        raise click.UsageError("--plan and --dry-run are two questions; give one")
    from vsr_cli.batch.run import plan_batch, run_batch
    from vsr_cli.cli.batch_display import BatchDisplay
    from vsr_cli.pipeline.memory import keep_freed_memory

    keep_freed_memory()
    inputs = _inputs(sources, listed, out_dir, spec, options)
    if plan:
        with BatchDisplay(quiet=quiet) as display:
            planned = plan_batch(inputs, out_dir, spec, listener=display)
        click.echo(json.dumps(planned.to_json())) if as_json else show_plan(planned)
        click.get_current_context().exit(1 if planned.failed else 0)
    with BatchDisplay(quiet=quiet) as display:
        report = run_batch(inputs, out_dir, spec, dry_run=dry_run, listener=display)
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        show(report, every=dry_run)
    click.get_current_context().exit(1 if "failed" in report.counts else 0)


def _inputs(
    sources: tuple[Path, ...],
    listed: Path | None,
    out_dir: Path,
    spec: BatchSpec,
    options: Mapping[str, Any],
) -> list[ListedInput]:
    """The files that were named, found and listed, each with its settings."""
    from vsr_cli.batch.inputs import find_inputs, listed_file
    from vsr_cli.batch.jobs import ListedInput
    from vsr_cli.batch.lists import read_list

    common = _file_settings(options)
    found = find_inputs(sources, out_dir, spec)
    inputs = [ListedInput(file=file, settings=common) for file in found]
    entries = read_list(listed) if listed is not None else []
    paths = [*(file.path for file in found), *(entry.path for entry in entries)]
    check_kinds(paths, common.fields, common.encoding, common.decoding)
    for entry in entries:
        settings = common
        if entry.settings:
            where = f"{listed}, {entry.path}"
            settings = _file_settings(with_settings(options, entry.settings, where))
        file = listed_file(entry.path)
        inputs.append(ListedInput(file=file, settings=settings, output=entry.output))
    return inputs


def _file_settings(options: Mapping[str, Any]) -> FileSettings:
    from vsr_cli.batch.jobs import FileSettings

    rest = dict(options)
    fields = pop_settings(FieldSpec, rest)
    upscale, encoding, decoding = clip_settings(rest)
    return FileSettings(upscale=upscale, encoding=encoding, decoding=decoding, fields=fields)
