"""vsr simulate"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import (
    Command,
    json_option,
    options_of,
    overwrite_option,
    quiet_option,
)
from vsr_cli.cli.param_types import FILE, SizeType
from vsr_cli.cli.progress import progress_bar
from vsr_cli.specs import SPINUP_HOURS, DropletSpec, ShallowWaterSpec

WAVES, DROPS = ShallowWaterSpec(), DropletSpec()
wave, drop = options_of(ShallowWaterSpec), options_of(DropletSpec)
crf_option = click.option("--crf", type=float, help="Quality of an .mp4, 0 to 51; less is better.")


def size_option(spec: ShallowWaterSpec | DropletSpec, text: str) -> Callable[[Command], Command]:
    """--size, for the fields width and height."""
    default = f"{spec.width}x{spec.height}"
    return click.option("--size", type=SizeType(), default=default, show_default=True, help=text)


@click.group()
def simulate() -> None:
    """Make ground truth: known physics, known shapes."""


@simulate.command("shallow-water", epilog=examples("shallow-water"))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@size_option(WAVES, "The grid; twice as wide as high.")
@wave("frames", "Number of frames.")
@wave("interval-min", "Model minutes between two frames.")
@wave(
    "spinup-hours",
    "Model hours before the first frame.",
    type=click.FloatRange(min=0),
    default=None,
    show_default=", ".join(f"{hours:g} for {start}" for start, hours in SPINUP_HOURS.items()),
)
@wave("initial", "An unstable jet, or random vortices.")
@wave("seed", "Draws the initial state; two seeds share no trajectory.")
@wave("field", "What the frames show.")
@crf_option
@overwrite_option
@quiet_option
@json_option
def shallow_water(
    output: Path,
    size: tuple[int, int],
    spinup_hours: float | None,
    crf: float | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Integrate shallow-water flow on the rotating sphere and write it to OUTPUT.

    The ending of OUTPUT says how: .mkv is lossless grey video, .mp4 is H.264, .npz and .nc hold
    the physical values as float32.
    """
    if spinup_hours is not None:  # else that of the initial state
        settings["spinup_hours"] = spinup_hours
    spec = ShallowWaterSpec(width=size[0], height=size[1], **settings)
    from vsr_cli.pipeline.simulate.shallow_water import simulate_to_file

    with progress_bar("shallow water", spec.frames, quiet) as advance:
        report = simulate_to_file(spec, output, crf=crf, overwrite=overwrite, on_frame=advance)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        click.echo(f"{report.output}: {report.frames} frames of {report.field}")


@simulate.command("droplet", epilog=examples("droplet"))
@click.argument("output", type=FILE)
@size_option(DROPS, "Size of a picture.")
@drop("frames", "Frames of the clip, or number of stills.")
@drop(
    "stills/--clip",
    "Another drop in each frame, or one in motion.  [default: by the ending]",
    field="stills",
    default=None,
)
@drop("seed", "Two seeds share no drop.")
@drop(
    "diameter",
    "Pixels; drawn between.  [default: 0.35 to 0.65 of the shorter side]",
    type=(float, float),
    metavar="MIN MAX",
    default=None,
    show_default=False,
)
@drop("amplitude", "Of the oscillation at its start, in radii, 0 to 0.08.")
@drop("camera-rate", "Frames per second of the camera; the drop has 2 mm.")
@drop("blur", "Standard deviation of the optics, pixels.")
@drop("noise", "Standard deviation of the sensor at white, in codes of 8 bits.")
@drop("supersample", "Samples per pixel and axis.")
@crf_option
@overwrite_option
@quiet_option
@json_option
def droplet(
    output: Path,
    size: tuple[int, int],
    stills: bool | None,
    crf: float | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Render levitated drops of molten metal with known outlines, and write them to OUTPUT.

    A clip is one drop that turns, oscillates and drifts; stills are as many drops as there are
    frames. The ending of OUTPUT says how: .mkv is lossless grey video, .mp4 is H.264, both a clip;
    no ending is a folder of PNG files, .npz holds float32 in [0, 1], both stills. Area, diameter
    and outline of each frame are written to a .json file of the same name, or to truth.json in the
    folder.
    """
    by_ending = output.suffix.lower() in ("", ".npz")
    spec = DropletSpec(
        width=size[0],
        height=size[1],
        stills=by_ending if stills is None else stills,
        **settings,
    )
    from vsr_cli.pipeline.simulate.droplets import simulate_droplets_to_file

    with progress_bar("droplets", spec.frames, quiet) as advance:
        report = simulate_droplets_to_file(
            spec, output, crf=crf, overwrite=overwrite, on_frame=advance
        )
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        what = "stills of drops" if report.stills else "frames of a drop"
        click.echo(f"{report.output}: {report.frames} {what}; truth in {report.truth}")
