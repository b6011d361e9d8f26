"""vsr simulate"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import FILE, SizeType, json_option, overwrite_option, quiet_option
from vsr_cli.cli.progress import progress_bar
from vsr_cli.specs import (
    SPINUP_HOURS,
    DropletSpec,
    InitialState,
    ShallowWaterSpec,
    SimulatedField,
)

DEFAULTS = ShallowWaterSpec()
DROPLET = DropletSpec()
DEFAULTS_OF_INITIAL = -1.0  # hours: the spec fills in SPINUP_HOURS
SPINUP_HELP = ", ".join(f"{hours:g} for {initial}" for initial, hours in SPINUP_HOURS.items())


@click.group()
def simulate() -> None:
    """Make ground truth: known physics, known shapes."""


@simulate.command("shallow-water", epilog=examples("shallow-water"))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--size",
    type=SizeType(),
    default=f"{DEFAULTS.width}x{DEFAULTS.height}",
    show_default=True,
    help="The grid; twice as wide as high.",
)
@click.option("--frames", default=DEFAULTS.frames, show_default=True, help="Number of frames.")
@click.option(
    "--interval-min",
    default=DEFAULTS.interval_min,
    show_default=True,
    help="Model minutes between two frames.",
)
@click.option(
    "--spinup-hours",
    type=click.FloatRange(min=0),
    show_default=SPINUP_HELP,
    help="Model hours before the first frame.",
)
@click.option(
    "--initial",
    type=click.Choice(get_args(InitialState)),
    default=DEFAULTS.initial,
    show_default=True,
    help="An unstable jet, or random vortices.",
)
@click.option(
    "--seed",
    default=DEFAULTS.seed,
    show_default=True,
    help="Draws the initial state; two seeds share no trajectory.",
)
@click.option(
    "--field",
    type=click.Choice(get_args(SimulatedField)),
    default=DEFAULTS.field,
    show_default=True,
    help="What the frames show.",
)
@click.option("--crf", type=float, help="Quality of an .mp4, 0 to 51; less is better.")
@overwrite_option
@quiet_option
@json_option
def shallow_water(
    output: Path,
    size: tuple[int, int],
    frames: int,
    interval_min: float,
    spinup_hours: float | None,
    initial: InitialState,
    seed: int,
    field: SimulatedField,
    crf: float | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Integrate shallow-water flow on the rotating sphere and write it to OUTPUT.

    The ending of OUTPUT says how: .mkv is lossless grey video, .mp4 is H.264, .npz and .nc hold
    the physical values as float32.
    """
    spec = ShallowWaterSpec(
        width=size[0],
        height=size[1],
        frames=frames,
        interval_min=interval_min,
        spinup_hours=DEFAULTS_OF_INITIAL if spinup_hours is None else spinup_hours,
        initial=initial,
        seed=seed,
        field=field,
    )
    from vsr_cli.pipeline.simulate.shallow_water import simulate_to_file

    with progress_bar("shallow water", spec.frames, quiet) as advance:
        report = simulate_to_file(spec, output, crf=crf, overwrite=overwrite, on_frame=advance)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        click.echo(f"{report.output}: {report.frames} frames of {report.field}")


@simulate.command("droplet", epilog=examples("droplet"))
@click.argument("output", type=FILE)
@click.option(
    "--size",
    type=SizeType(),
    default=f"{DROPLET.width}x{DROPLET.height}",
    show_default=True,
    help="Size of a picture.",
)
@click.option(
    "--frames",
    default=DROPLET.frames,
    show_default=True,
    help="Frames of the clip, or number of stills.",
)
@click.option(
    "--stills/--clip",
    default=None,
    help="Another drop in each frame, or one in motion.  [default: by the ending]",
)
@click.option("--seed", default=DROPLET.seed, show_default=True, help="Two seeds share no drop.")
@click.option(
    "--diameter",
    type=(float, float),
    metavar="MIN MAX",
    help="Pixels; drawn between.  [default: 0.35 to 0.65 of the shorter side]",
)
@click.option(
    "--amplitude",
    default=DROPLET.amplitude,
    show_default=True,
    help="Of the oscillation at its start, in radii, 0 to 0.08.",
)
@click.option(
    "--camera-rate",
    default=DROPLET.camera_rate,
    show_default=True,
    help="Frames per second of the camera; the drop has 2 mm.",
)
@click.option(
    "--blur",
    default=DROPLET.blur,
    show_default=True,
    help="Standard deviation of the optics, pixels.",
)
@click.option(
    "--noise",
    default=DROPLET.noise,
    show_default=True,
    help="Standard deviation of the sensor at white, in codes of 8 bits.",
)
@click.option(
    "--supersample",
    default=DROPLET.supersample,
    show_default=True,
    help="Samples per pixel and axis.",
)
@click.option("--crf", type=float, help="Quality of an .mp4, 0 to 51; less is better.")
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
