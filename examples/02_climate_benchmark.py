"""The climate benchmark: simulate the clips of benchmark.toml, and score the models on them.

Without --models: bicubic, every network with released climate weights at --scale, and the chains of
the 2D and the 3D stage: both orders, and 3D on raw bicubic. --row scores weights that are not
released; --finetune goes on from released weights on each clip's own low-resolution video, as a
user would who has nothing else, and scores what that gains.

Writes one JSON document per model beside the clips and a table to stdout. The clips are made once
and kept. Needs pip install "vsr-cli[simulate]" and some minutes.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vsr_cli import evaluate_clips, open_reader, open_writer
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.metrics import mean_over_clips, scores_to_json
from vsr_cli.models import ALIASES, get_spec
from vsr_cli.models.weights import find_released, released_weights
from vsr_cli.pipeline.evaluate.run import Evaluation, compare_models
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.pipeline.simulate.shallow_water import GRAY, simulate_to_file
from vsr_cli.specs import EncodingSpec, EvaluateSpec, ShallowWaterSpec, TrainSpec
from vsr_cli.training.recipes import find_recipe
from vsr_cli.training.train import train

HERE = Path(__file__).parent
DOMAIN = "climate"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "benchmark")
    parser.add_argument("--benchmark", type=Path, default=HERE / "benchmark.toml")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--models", nargs="+", help="instead of all with released weights")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="instead of released")
    parser.add_argument(
        "--row", nargs="+", action="append", default=[], metavar=("MODEL", "FILE"), help="one more"
    )
    parser.add_argument("--finetune", nargs="*", default=[], metavar="MODEL")
    parser.add_argument("--steps", type=int, default=300, help="of --finetune")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    benchmark = tomllib.loads(options.benchmark.read_text(encoding="utf-8"))
    if options.scale not in benchmark["degradation"]["scales"]:
        parser.error(f"the benchmark has the scales {benchmark['degradation']['scales']}")
    options.folder.mkdir(parents=True, exist_ok=True)
    clips = make_clips(benchmark, options.folder)
    models = options.models or known_models(options.scale)
    given = EvaluateSpec(model="bicubic", scale=options.scale, precision=options.precision)
    base = replace(given, domain=None if options.weights else DOMAIN)
    specs = [replace(base, model=m, weights=tuple(options.weights)) for m in models]
    rows = dict(zip(models, compare_models(clips, specs), strict=True))
    for model, *files in options.row:
        spec = replace(given, model=model, weights=tuple(Path(file) for file in files))
        label = ", ".join([model, *(Path(file).stem for file in files)])
        rows[label] = evaluate_clips(clips, spec)
    for model in options.finetune:
        rows[f"{model}, tuned on the clip"] = finetuned(
            clips, replace(given, model=model), options.folder, options.steps
        )
    for name, evaluation in rows.items():
        document = json.dumps(evaluation.to_json(), indent=1)
        path = options.folder / f"{name.replace(', ', '_').replace(' ', '-')}_x{options.scale}.json"
        path.write_text(document, encoding="utf-8")
    print(table(rows))


def make_clips(benchmark: dict[str, Any], folder: Path) -> list[Path]:
    """Simulate the clips that are not there yet; lossless grey video."""
    truth = benchmark["truth"]
    width, height = (int(side) for side in truth["size"].split("x"))
    paths = []
    for clip in benchmark["clip"]:
        spec = ShallowWaterSpec(
            width=width,
            height=height,
            frames=truth["frames"],
            interval_min=truth["interval_min"],
            field=truth["field"],
            initial=clip["initial"],
            seed=clip["seed"],
            spinup_hours=clip["spinup_hours"],
        )
        if list(spec.value_range) != truth["value_range"]:
            raise ValueError(f"the benchmark maps {truth['value_range']}, vsr {spec.value_range}")
        paths.append(folder / f"{clip['name']}.mkv")
        if not paths[-1].exists():
            simulate_to_file(spec, paths[-1])
    return paths


def known_models(scale: int) -> list[str]:
    """What released weights of this domain can do, each 3D stage behind a 2D one."""
    names = {e.model for e in released_weights() if (e.domain, e.scale) == (DOMAIN, scale)}
    behind = {name for name in names if get_spec(name).scales == (1,)}
    chains = [f"fsrcnn+{name}" for name in sorted(behind)]
    if "srnet3d" in behind:
        chains += ["srnet3d+fsrcnn", "bicubic+srnet3d"]
    short = {chain: alias for alias, chain in ALIASES.items()}
    return ["bicubic", *sorted(names - behind), *(short.get(chain, chain) for chain in chains)]


def finetuned(clips: Sequence[Path], spec: EvaluateSpec, folder: Path, steps: int) -> Evaluation:
    """Each clip by weights that went on learning from its own low-resolution video."""
    assert spec.model is not None
    results = []
    for clip in clips:
        low = folder / f"{clip.stem}_low_x{spec.scale}.mkv"
        side = shrink(clip, low, spec.scale)
        recipe = find_recipe(spec.model).finetuned()
        training = TrainSpec(
            model=spec.model,
            data=(low,),
            output=folder / f"{spec.model}_x{spec.scale}_{clip.stem}.safetensors",
            recipe=replace(recipe, steps=steps, patch=min(recipe.patch, side // spec.scale)),
            scale=spec.scale,
            start=(find_released(spec.model, spec.scale, DOMAIN).path,),
            precision=spec.precision,
            overwrite=True,
        )
        weights = train(training, lambda now: None)
        results.append(evaluate_clips([clip], replace(spec, weights=(weights,))))
    scores = tuple(score for result in results for score in result.clips)
    return replace(results[0], clips=scores, mean=mean_over_clips(scores))


def shrink(clip: Path, low: Path, scale: int) -> int:
    """The clip as models see it: shrunk by bicubic, 8 bits, lossless. Returns its shorter side."""
    with open_reader(clip) as reader:
        info = replace(
            reader.info,
            pixel_format=GRAY,
            width=reader.info.width // scale,
            height=reader.info.height // scale,
        )
        with open_writer(low, info, EncodingSpec(codec="ffv1"), overwrite=True) as writer:
            for frame in reader:
                luma = degrade_bicubic(frame.planes[0].float() / 255, scale)
                writer.write(replace(frame, planes=((luma * 255).round().byte(),)))
    return min(info.width, info.height)


def table(rows: dict[str, Evaluation]) -> str:
    """PSNR in dB / SSIM / MSE of each clip and their mean, in Markdown."""
    names = [Path(clip.name).stem for clip in next(iter(rows.values())).clips]
    lines = [
        f"| model | {' | '.join(names)} | mean |",
        f"|---{'|---' * len(names)}|---|",
    ]
    for model, evaluation in rows.items():
        scores = [*evaluation.clips, mean_over_clips(evaluation.clips)]
        cells = [
            "{psnr:.3f} / {ssim:.5f} / {mse:.3e}".format(**scores_to_json(score))
            for score in scores
        ]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
