"""vsr export"""

from __future__ import annotations

import json
from pathlib import Path

import click

from vsr_cli.cli.examples import complete_model, examples
from vsr_cli.cli.options import json_option, overwrite_option
from vsr_cli.cli.param_types import FILE
from vsr_cli.specs import DEFAULT_SCALE


@click.command(epilog=examples("export"))
@click.argument("model", shell_complete=complete_model)
@click.argument("target", metavar="OUT", type=FILE)
@click.option(
    "--scale",
    default=DEFAULT_SCALE,
    show_default=True,
    help="Enlargement; of a pair the whole's.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "pth"]),
    help="What OUT becomes.  [default: by its ending]",
)
@click.option("--domain", help="Which released weights.  [default: natural, if any]")
@click.option("--weights", multiple=True, type=FILE, help="A weight file of your own.")
@overwrite_option
@json_option
def export(
    model: str,
    target: Path,
    scale: int,
    form: str | None,
    domain: str | None,
    weights: tuple[Path, ...],
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the network MODEL with its weights to OUT, for other programs.

    onnx: a graph (opset 18) whose batch, height and width are open, at least 4 pixels a side; it
    needs the extra [onnx]. pth: {"params_ema": tensors} for torch.load. Both hold the network of
    the paper alone: values are in [0, 1], the result is not clamped, and borders are padded with
    zeros, where vsr upscale mirrors the picture.
    """
    from vsr_cli.pipeline.export import export_model

    report = export_model(
        model,
        target,
        scale=scale,
        form=form,
        domain=domain,
        weights=weights,
        overwrite=overwrite,
    )
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    opset = f", opset {report.opset}" if report.opset else ""
    line = f"{report.output}: {report.model} x{report.scale} as {report.format}{opset}"
    click.echo(json.dumps(report.to_json()) if as_json else f"{line}, {report.bytes:,} bytes")
