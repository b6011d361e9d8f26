"""vsr train"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vsr_cli.cli.options import degradation_option, overwrite_option, quiet_option
from vsr_cli.cli.progress import training_bar
from vsr_cli.specs import LossName, TrainSpec

if TYPE_CHECKING:
    from vsr_cli.specs import Recipe

PATHS = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TUNED = ("steps", "batch_size", "patch", "learning_rate", "loss", "residual")


@click.command()
@click.argument("model")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--data", multiple=True, required=True, type=PATHS, help="Clip, or folder of clips. Repeatable."
)
@click.option(
    "--validate", "validation", multiple=True, type=PATHS, help="Clips to score on. Repeatable."
)
@degradation_option
@click.option("--scale", default=2, show_default=True, help="Enlargement.")
@click.option("--domain", default="custom", show_default=True, help="Recorded in the weights.")
@click.option("--behind", type=FILE, help="Weights of the 2D stage that a clip model refines.")
@click.option("--start", multiple=True, type=FILE, help="Weights to start from. Repeatable.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the optimiser.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Patches in a step.")
@click.option("--patch", type=click.IntRange(min=8), help="Pixels of a patch of the input.")
@click.option("--learning-rate", type=float, help="Peak of the schedule.")
@click.option("--loss", type=click.Choice(get_args(LossName)), help="What is minimised.")
@click.option("--residual/--plain", default=None, help="Learn the residual, or the paper's form.")
@click.option("--checkpoint-every", default=2000, show_default=True, help="Steps; validates too.")
@click.option("--seed", default=0, show_default=True, help="Of weights and patches.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", default="bf16", show_default=True, help="fp32, bf16 or fp16.")
@click.option("--resume", is_flag=True, help="Go on from OUTPUT's checkpoint.")
@overwrite_option
@quiet_option
def train(model: str, output: Path, quiet: bool, **options: Any) -> None:
    """Train MODEL on clips, and write its weights to OUTPUT.

    MODEL is fsrcnn, srnet3d, 2d3d-joint, or one of our own: plain, plain-s, 2d3d-fast, refine3d.

    The clips are the truth; what the network sees is degraded from them (antialiased bicubic, 8
    bits, unless --degradation says otherwise: vsr eval --help lists its steps). First the 2D stage:
    vsr train fsrcnn 2d.safetensors --data runs. Then the 3D stage on its output: vsr train srnet3d
    3d.safetensors --behind 2d.safetensors --data runs. Then, if wanted, both in one graph: vsr
    train 2d3d-joint both.safetensors --start 2d.safetensors --start 3d.safetensors --data runs. The
    checkpoint and a log in JSON lines lie beside OUTPUT.
    """
    spec = _spec(model, output, options)
    from vsr_cli.pipeline.memory import keep_freed_memory
    from vsr_cli.training.train import train as run

    keep_freed_memory()
    with ExitStack() as stack:
        show = stack.enter_context(training_bar(f"train {model}", spec.recipe.steps, quiet))
        path = run(spec, lambda progress: show(progress.step, progress.loss, progress.psnr))
    click.echo(f"{path}: trained for {spec.recipe.steps} steps")


def _spec(model: str, output: Path, options: dict[str, Any]) -> TrainSpec:
    """The settings of a run: the model's recipe, with what the user wants otherwise."""
    from vsr_cli.pipeline.truth import find_clips
    from vsr_cli.training.recipes import find_recipe

    tuned = {name: options.pop(name) for name in TUNED}
    recipe: Recipe = replace(
        find_recipe(model), **{name: value for name, value in tuned.items() if value is not None}
    )
    for name in ("data", "validation"):
        options[name] = find_clips(options[name])
    return TrainSpec(model=model, output=output, recipe=recipe, **options)
