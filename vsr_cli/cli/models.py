"""vsr models"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich import box
from rich.table import Table

from vsr_cli.cli.console import show
from vsr_cli.cli.examples import complete_model, examples
from vsr_cli.cli.options import json_option

if TYPE_CHECKING:
    from vsr_cli.models.catalog import CatalogEntry
    from vsr_cli.models.cost import LayerCost
    from vsr_cli.models.weights import ReleasedWeights

VERIFY = "verify"


@click.command(epilog=examples("models"))
@click.argument("name", required=False, shell_complete=complete_model)
@click.option("--scale", type=int, help="Scale at which layers are counted.  [default: least]")
@json_option
@click.pass_context
def models(ctx: click.Context, name: str | None, scale: int | None, as_json: bool) -> None:
    """List the networks: what they take, what they cost, and which weights are here.

    With NAME (fsrcnn, 2d3d, bicubic+srnet3d) show its layers. With "verify" check the SHA-256 of
    every released weight file; the exit code is 1 if one is damaged or missing.
    """
    if scale is not None and name in (None, VERIFY):
        raise click.UsageError("--scale is for the layers of one network: vsr models NAME")
    if name == VERIFY:
        ctx.exit(_verify(as_json))
    if name is None:
        _list(as_json)
    else:
        _show(name, scale, as_json)


def _list(as_json: bool) -> None:
    from vsr_cli.models.catalog import list_entries

    entries = tuple(list_entries())
    if as_json:
        click.echo(json.dumps({"models": [entry.to_json() for entry in entries]}))
    else:
        show(overview(entries))


def _show(name: str, scale: int | None, as_json: bool) -> None:
    from vsr_cli.models.catalog import describe_layers, find_entry

    entry = find_entry(name)
    scale, layers = describe_layers(name, scale)
    if as_json:
        rows = [asdict(layer) for layer in layers]
        click.echo(json.dumps(entry.to_json() | {"scale": scale, "layers": rows}))
        return
    show(overview((entry,)), layer_table(layers, scale))


def _verify(as_json: bool) -> int:
    """Check every released file and say so; returns the exit code."""
    from vsr_cli.models.weights import find_fault, released_weights, weights_folder

    files = {entry.path: entry for entry in released_weights()}.values()  # some serve all scales
    faults = [(entry, find_fault(entry)) for entry in files]
    if as_json:
        told = [{"file": e.path.name, "ok": not fault, "fault": fault} for e, fault in faults]
        click.echo(json.dumps({"weights": told}))
    for entry, fault in faults:
        if fault:
            click.echo(f"Error: {fault}", err=True)
        elif not as_json:
            click.echo(f"{entry.path.name}: as in the manifest")
    if not faults:
        click.echo(f"Error: no weights are listed in {weights_folder()}/manifest.toml", err=True)
    return 1 if not faults or any(fault for _, fault in faults) else 0


def overview(entries: tuple[CatalogEntry, ...]) -> Table:
    """One row for each network; where scales differ, their figures in the order of the scales."""
    rows = Table(box=box.SIMPLE)
    for title in ("name", "kind", "colour", "scales"):
        rows.add_column(title, no_wrap=title == "name")
    for title in ("window", "radius", "parameters", "kMAC per pixel"):
        rows.add_column(title, justify="right")
    for title in ("weights (PSNR, dB)", "paper"):
        rows.add_column(title)
    for entry in entries:
        rows.add_row(
            entry.name,
            entry.kind,
            entry.color,
            _scales(entry.scales),
            str(entry.window),
            "whole frame" if entry.radius is None else str(entry.radius),
            " ".join(dict.fromkeys(f"{n:,}" for n in entry.parameters.values())),
            " ".join(dict.fromkeys(f"{n / 1000:,.2f}" for n in entry.macs.values())),
            ", ".join(_weights(entry))
            or ("none" if any(entry.parameters.values()) else "needs none"),
            entry.paper,
        )
    return rows


def layer_table(layers: tuple[LayerCost, ...], scale: int) -> Table:
    """One row for each layer, and the sum."""
    rows = Table(box=box.SIMPLE, show_footer=True)
    rows.add_column("layer", f"all, x{scale}", no_wrap=True)
    for title in ("type", "kernel", "channels"):
        rows.add_column(title)
    total = sum(layer.parameters for layer in layers)
    rows.add_column("parameters", f"{total:,}", justify="right")
    macs = sum(layer.macs for layer in layers)
    rows.add_column("MAC per output pixel", f"{macs:,.1f}", justify="right")
    for layer in layers:
        rows.add_row(
            layer.name,
            layer.type,
            "x".join(map(str, layer.kernel)),
            " to ".join(map(str, layer.channels)),
            f"{layer.parameters:,}",
            f"{layer.macs:,.1f}",
        )
    return rows


def _scales(scales: tuple[int, ...]) -> str:
    """One by one, or from the first to the last of many."""
    is_run = scales == tuple(range(scales[0], scales[-1] + 1))
    return (
        f"{scales[0]} to {scales[-1]}" if is_run and len(scales) > 4 else " ".join(map(str, scales))
    )


def _weights(entry: CatalogEntry) -> Iterator[str]:
    """Scale, domain and score; of a chain's files each scale and domain once.

    A chain has a score where its last network refines what the one before it gave: that network
    was measured behind it.
    """
    from vsr_cli.models import get_spec

    files: dict[tuple[int, str], list[ReleasedWeights]] = {}
    for file in entry.weights:
        files.setdefault((file.scale, file.domain), []).append(file)
    for (scale, domain), group in files.items():
        missing = "" if all(file.path.is_file() for file in group) else ", missing"
        refines = len(group) > 1 and not get_spec(group[-1].model).enlarges
        score = _score(group[-1]) if refines or entry.kind != "chain" else ""
        narrow = "".join(f", {file.features} channels" for file in group if file.features)
        yield f"x{scale} {domain}{score}{narrow}{missing}"


def _score(file: ReleasedWeights) -> str:
    """The mean PSNR, else that of the first clip, which is named; empty if none is known."""
    scores = {name: each["psnr"] for name, each in file.scores.items()}
    shown = ("", scores["mean"]) if "mean" in scores else next(iter(scores.items()), None)
    return "" if shown is None else f" ({shown[0]} {shown[1]:.2f})".replace("( ", "(")
