"""Levitated drops, shrunk and upscaled: how well their outline, area and diameter survive.

Simulates stills of drops whose area is known from a formula, upscales them from half the size with
each model, measures the outlines, and draws them on one drop. Makes drops/ and contours.png in
FOLDER; `vsr eval FOLDER/drops --model NAME --outline level` gives the same errors against the
outline in the original picture. Those against the formula are mostly the bias of the method, which
misses the dark limb of a drop in any picture. Needs pip install "vsr-cli[report]".
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from vsr_cli.metrics.contour import find_outline
from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame
from vsr_cli.pipeline.evaluate.run import compare_models
from vsr_cli.pipeline.simulate.droplets import simulate_droplets_to_file
from vsr_cli.specs import DropletSpec, EvaluateSpec

HERE = Path(__file__).parent
COLORS = ("tab:orange", "tab:cyan", "tab:pink", "tab:olive")


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, upscale, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "drops")
    parser.add_argument("--models", nargs="+", default=["bicubic", "fsrcnn", "2d3d-fast"])
    parser.add_argument("--drops", type=int, default=12)
    parser.add_argument("--side", type=int, default=280, help="of a picture, pixels")
    parser.add_argument("--scale", type=int, default=2)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    drops = DropletSpec(
        width=options.side, height=options.side, frames=options.drops, stills=True, seed=3
    )
    known = simulate_droplets_to_file(drops, options.folder / "drops", overwrite=True).droplets

    frames: list[ScoredFrame] = []
    specs = [
        EvaluateSpec(model=model, scale=options.scale, outline="level", border=0)
        for model in options.models
    ]
    results = compare_models([options.folder / "drops"], specs, watch=frames.append)

    print(f"{'model':12}{'PSNR dB':>9}{'area':>9}{'diameter':>10}   mean errors in pixels, against")
    for result in results:
        found = result.mean.outline
        print(f"{result.name:12}{result.mean.psnr:9.3f}{found.area_error:9.2f}", end="")
        print(f"{found.diameter_error:10.4f}   the outline in the original picture")
        outlines = [clip.outline for clip in result.clips]
        area = fmean(abs(o.area - drop.area) for o, drop in zip(outlines, known, strict=True))
        size = fmean(
            abs(o.diameter - math.sqrt(4 * drop.area / math.pi))
            for o, drop in zip(outlines, known, strict=True)
        )
        print(f"{'':21}{area:9.2f}{size:10.4f}   the formula")
    picture = options.folder / "contours.png"
    draw(frames[0], options.models).savefig(picture)
    print(f"{picture}: {frames[0].clip}")


def draw(frame: ScoredFrame, models: Sequence[str]) -> Figure:
    """The outlines of all models on one drop, and a part of its limb enlarged."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    whole, part = figure.subplots(1, 2)
    images = {"truth": frame.truth, **dict(zip(models, frame.results, strict=True))}
    outlines = {name: find_outline(image).points for name, image in images.items()}
    for axes in (whole, part):
        axes.imshow(frame.truth.numpy(), cmap="gray")
        for (name, points), color in zip(outlines.items(), ("white", *COLORS), strict=False):
            axes.plot(*points.T, color=color, linewidth=1, label=name)
    right = outlines["truth"][outlines["truth"][:, 0].argmax()]
    part.set(xlim=(right[0] - 8, right[0] + 4), ylim=(right[1] + 6, right[1] - 6))
    whole.legend()
    return figure


if __name__ == "__main__":
    main()
