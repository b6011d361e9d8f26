"""vsr train"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from vsr_cli.cli.examples import complete_model, examples
from vsr_cli.cli.options import (
    degradation_option,
    max_pixels_option,
    options_of,
    overwrite_option,
    quiet_option,
)
from vsr_cli.cli.progress import training_bar
from vsr_cli.specs import (
    CUSTOM_DOMAIN,
    DEFAULT_FORM,
    Interpolation,
    LossName,
    RecipeForm,
    TrainSpec,
    parse_simulated,
)

PATHS = click.Path(exists=True, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
option = options_of(TrainSpec)
TUNED = ("steps", "batch_size", "patch", "learning_rate", "loss", "residual", "patience")


def _behind(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Path | str | None:
    if value is None or value in get_args(Interpolation):
        return value
    path: Path = EXISTING_FILE.convert(value, parameter, context)
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
@option("variable", "Variable of fields with several.")
@option("validate", "Clips to score on. Repeatable.", field="validation", type=PATHS)
@degradation_option
@option("hold-out", "Part of the data that is scored on, not learnt: 0.2.", show_default=False)
@option("scale", "Enlargement.")
@option(
    "features",
    "Channels of the layers, a multiple of 16.  [default: those of --start, or the paper's]",
    type=click.IntRange(min=1),
)
@option("domain", "Recorded in the weights.")
@option(
    "behind",
    "Weights of the 2D stage, or the interpolation, whose output a clip model refines.",
    type=str,
    metavar="FILE|bicubic",
    callback=_behind,
)
@option("start", "Weights to start from. Repeatable.", type=EXISTING_FILE)
@option(
    "transfer",
    "Weights of another network, scale or width, to take what fits from.",
    type=EXISTING_FILE,
)
@option("transfer-layer", "Layer that is taken. Repeatable. [all]", field="layers")
@option("only", "Layer that is trained. Repeatable.  [default: all]")
@click.option("--finetune", is_flag=True, help="Go on from --start, or the released weights.")
@click.option(
    "--recipe",
    "recipe_form",
    type=click.Choice(get_args(RecipeForm)),
    default=DEFAULT_FORM,
    show_default=True,
    help="Ours, or that of the network's paper.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the optimiser.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Patches in a step.")
@click.option("--patch", type=click.IntRange(min=8), help="Pixels of a patch of the input.")
@click.option("--learning-rate", type=float, help="Peak of the schedule.")
@click.option("--loss", type=click.Choice(get_args(LossName)), help="What is minimised.")
@option("perceptual-weights", "VGG-19 of torchvision, for srgan.", type=EXISTING_FILE)
@click.option("--residual/--plain", default=None, help="Learn the residual, or the paper's form.")
@click.option("--patience", type=click.IntRange(min=0), help="Validations without a gain; 0: all.")
@option("tensorboard", "Log folder.", type=click.Path(file_okay=False, path_type=Path))
@option("licence", "Of the data; stands in the model card.", show_default=False)
@option("checkpoint-every", "Steps; validates too.")
@option("seed", "Of weights and patches.")
@option("device", "auto, cpu, cuda or cuda:N.")
@option("precision", "fp32, bf16 or fp16; auto: bf16 where the device is fast at it.")
@max_pixels_option
@option("resume", "Go on from OUTPUT's checkpoint.")
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
    wanted = options["domain"] if options["domain"] != CUSTOM_DOMAIN else None
    start = find_released(model, scale, choose_domain((model,), scale, wanted))
    partner = read_weights(start.path)[1].partner_sha256
    if options["behind"] or not partner:
        return {"start": (start.path,)}
    behind = (entry.path for entry in released_weights() if entry.sha256 == partner)
    return {"start": (start.path,), "behind": next(behind, None)}
