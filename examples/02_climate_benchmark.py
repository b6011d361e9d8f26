"""The climate benchmark: simulate the clips of benchmark.toml, and score the models on them.

Writes one JSON document per model beside the clips and a table to stdout. The clips are made once
and kept. Needs pip install "vsr-cli[simulate]" and some minutes.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsr_cli import evaluate_clips
from vsr_cli.metrics import mean_over_clips, scores_to_json
from vsr_cli.pipeline.evaluate.run import Evaluation
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.pipeline.simulate.shallow_water import simulate_to_file
from vsr_cli.specs import EvaluateSpec, ShallowWaterSpec

HERE = Path(__file__).parent
MODELS = ("bicubic", "fsrcnn", "2d3d", "2d3d-fast")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "benchmark")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="instead of released")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    keep_freed_memory()
    benchmark = tomllib.loads((HERE / "benchmark.toml").read_text(encoding="utf-8"))
    options.folder.mkdir(parents=True, exist_ok=True)
    clips = make_clips(benchmark, options.folder)
    rows: dict[str, Evaluation] = {}
    for model in options.models:
        spec = EvaluateSpec(
            model=model,
            domain=None if model == "bicubic" or options.weights else "climate",
            weights=() if model == "bicubic" else fitting(options.weights, model),
            precision=options.precision,
        )
        rows[model] = evaluate_clips(clips, spec)
        document = json.dumps(rows[model].to_json(), indent=1)
        (options.folder / f"{model}.json").write_text(document, encoding="utf-8")
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


def fitting(weights: Sequence[Path], model: str) -> tuple[Path, ...]:
    """Those weight files that a model has use for: the first one for a single stage."""
    return tuple(weights if model == "2d3d" else weights[:1])


def table(rows: dict[str, Evaluation]) -> str:
    """PSNR in dB / SSIM / MSE of each clip and their mean, in Markdown."""
    names = [clip.name for clip in next(iter(rows.values())).clips]
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
