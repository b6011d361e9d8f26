"""vsr train"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vsr_cli.cli.examples import complete_model, examples
from vsr_cli.cli.options import degradation_option, overwrite_option, quiet_option
from vsr_cli.cli.progress import training_bar
from vsr_cli.specs import Interpolation, LossName, RecipeForm, TrainSpec, parse_simulated

if TYPE_CHECKING:
    pass

PATHS = click.Path(exists=True, path_type=Path)
CUSTOM = "custom"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TUNED = ("steps", "batch_size", "patch", "learning_rate", "loss", "residual", "patience")


def _behind(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Path | str | None:
    if value is None or value in get_args(Interpolation):
        return value
    path: Path = FILE.convert(value, parameter, context)
    return path


@click.command(epilog=examples("train"))
@click.argument("model", shell_complete=complete_model)
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--data",
    multiple=True,
    type=PATHS,
    help="Clip, picture, field (.nc, .zarr, .npz), or folder of them. Repeatable.",
)
@click.option(
    "--simulate",
    "simulated",
    multiple=True,
    metavar="KIND:SEEDS",
    help="Runs made for this training: jet:1-5, turbulence:3, droplet:1-9. Repeatable.",
)
@click.option("--variable", help="Variable of fields with several.")
@click.option(
    "--validate", "validation", multiple=True, type=PATHS, help="Clips to score on. Repeatable."
)
@degradation_option
@click.option(
    "--hold-out", default=0.0, help="Part of the data that is scored on, not learnt: 0.2."
)
@click.option("--scale", default=2, show_default=True, help="Enlargement.")
@click.option("--domain", default=CUSTOM, show_default=True, help="Recorded in the weights.")
@click.option(
    "--behind",
    metavar="FILE|bicubic",
    callback=_behind,
    help="Weights of the 2D stage, or the interpolation, whose output a clip model refines.",
)
@click.option("--start", multiple=True, type=FILE, help="Weights to start from. Repeatable.")
@click.option(
    "--transfer", type=FILE, help="Weights of another network or scale, to take what fits from."
)
@click.option(
    "--transfer-layer", "layers", multiple=True, help="Layer that is taken. Repeatable. [all]"
)
@click.option("--only", multiple=True, help="Layer that is trained. Repeatable.  [default: all]")
@click.option("--finetune", is_flag=True, help="Go on from --start, or the released weights.")
@click.option(
    "--recipe",
    "recipe_form",
    type=click.Choice(get_args(RecipeForm)),
    default="ours",
    show_default=True,
    help="Ours, or that of the network's paper.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the optimiser.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Patches in a step.")
@click.option("--patch", type=click.IntRange(min=8), help="Pixels of a patch of the input.")
@click.option("--learning-rate", type=float, help="Peak of the schedule.")
@click.option("--loss", type=click.Choice(get_args(LossName)), help="What is minimised.")
@click.option("--perceptual-weights", type=FILE, help="VGG-19 of torchvision, for srgan.")
@click.option("--residual/--plain", default=None, help="Learn the residual, or the paper's form.")
@click.option("--patience", type=click.IntRange(min=0), help="Validations without a gain; 0: all.")
@click.option("--tensorboard", type=click.Path(file_okay=False, path_type=Path), help="Log folder.")
@click.option("--licence", default="", help="Of the data; stands in the model card.")
@click.option("--checkpoint-every", default=2000, show_default=True, help="Steps; validates too.")
@click.option("--seed", default=0, show_default=True, help="Of weights and patches.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", default="bf16", show_default=True, help="fp32, bf16 or fp16.")
@click.option("--resume", is_flag=True, help="Go on from OUTPUT's checkpoint.")
@overwrite_option
@quiet_option
def train(model: str, output: Path, quiet: bool, **options: Any) -> None:
    """Train MODEL on clips and pictures, and write its weights to OUTPUT.

    They are the truth; what the network sees is degraded from them (antialiased bicubic, 8 bits,
    unless --degradation says otherwise: vsr eval --help lists its steps).
    Videos are cut into their shots; a network of five frames sees a picture as if a camera moved
    over it. First the 2D stage: vsr train fsrcnn 2d.safetensors --data runs. Then the 3D stage on
    its output: vsr train srnet3d 3d.safetensors --behind 2d.safetensors --data runs. Then, if
    wanted, both in one graph: vsr train 2d3d-joint both.safetensors --start 2d.safetensors --start
    3d.safetensors --data runs. On a clip of your own: vsr train 2d3d-fast mine.safetensors
    --finetune --domain climate --data clip.mp4. Beside OUTPUT lie checkpoints, a log in JSON lines,
    its curves as PNG and the model card. torchrun --nproc-per-node N -m vsr_cli train ... uses N
    GPUs.
    """
    spec = _spec(model, output, options)
    from vsr_cli.models.weights import read_weights
    from vsr_cli.pipeline.memory import keep_freed_memory
    from vsr_cli.training.distributed import is_first
    from vsr_cli.training.train import train as run

    keep_freed_memory()
    quiet = quiet or not is_first()
    with ExitStack() as stack:
        recipe = spec.recipe
        bar = training_bar(f"train {model}", recipe.steps, recipe.batch_size, quiet)
        show = stack.enter_context(bar)
        path = run(spec, lambda now: show(now.step, now.loss, now.psnr, now.learning_rate))
    if is_first():
        told = read_weights(path)[1].training
        click.echo(
            f"{path}: trained for {told['steps']} steps, {told['patches_per_s']:,.0f} patches/s, "
            f"{told['waiting']:.1%} of their time spent waiting for patches"
        )


def _spec(model: str, output: Path, options: dict[str, Any]) -> TrainSpec:
    """The settings of a run: the model's recipe, with what the user wants otherwise."""
    from vsr_cli.pipeline.evaluate.truth import find_clips
    from vsr_cli.training.recipes import find_recipe

    tuned = {name: options.pop(name) for name in TUNED}
    recipe = find_recipe(model, options.pop("recipe_form"))
    if options.pop("finetune"):
        recipe = recipe.finetuned()
        options |= _released_start(model, options)
    recipe = replace(recipe, **{name: value for name, value in tuned.items() if value is not None})
    for name in ("data", "validation"):
        options[name] = find_clips(options[name])
    options["simulated"] = tuple(
        run for text in options["simulated"] for run in parse_simulated(text)
    )
    return TrainSpec(model=model, output=output, recipe=recipe, **options)


def _released_start(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """What fine-tuning begins with where no file is named: the released weights of the domain.

    A 3D stage goes on behind the 2D weights that it was trained behind.
    """
    from vsr_cli.models.weights import choose_domain, find_released, read_weights, released_weights

    if options["start"]:
        return {}
    scale = options["scale"]
    wanted = options["domain"] if options["domain"] != CUSTOM else None
    start = find_released(model, scale, choose_domain((model,), scale, wanted))
    partner = read_weights(start.path)[1].partner_sha256
    if options["behind"] or not partner:
        return {"start": (start.path,)}
    behind = (entry.path for entry in released_weights() if entry.sha256 == partner)
    return {"start": (start.path,), "behind": next(behind, None)}
