"""Upscale a climate clip by two, score it against its truth, and draw what was gained.

The clip is simulated (see make_demo_clip.py): vorticity of a jet that breaks up, on the whole
globe. No weights were trained on this run. Needs pip install "vsr-cli[report]".
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vsr_cli import evaluate_clips, upscale_video
from vsr_cli.media import open_reader
from vsr_cli.metrics import MeanScores
from vsr_cli.models import parse_chain
from vsr_cli.models.weights import read_weights
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.specs import EncodingSpec, EvaluateSpec, UpscaleSpec

HERE = Path(__file__).parent
CLIP, TRUTH = HERE / "jet_320x160.mp4", HERE / "jet_640x320_truth.mkv"
OUTPUT, PICTURE = HERE / "output", HERE / "demo.png"
SCALE, DOMAIN = 2, "climate"
MODELS = {"bicubic": "Bicubic", "fsrcnn": "2D (fsrcnn)", "2d3d": "2D + 3D (2d3d)"}
LOSSLESS = EncodingSpec(codec="ffv1")

Image = NDArray[np.float64]  # (H, W), code value / 255
INK, PAPER = "#1b1f24", "#ffffff"
FLOW, ERROR = "RdBu_r", "inferno"  # colours of the field and of its error
DETAIL = 72  # pixels of the truth: side of the square that is shown enlarged
LEVELS = 255  # vorticity of -2.5e-4 1/s is code 0, of 2.5e-4 1/s code 255


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one model made of the frame that is drawn, and its scores over the clip."""

    title: str
    frame: Image
    scores: MeanScores


def main() -> None:
    """Run the demo on the clip that lies beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="instead of released")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the clips")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    keep_freed_memory()
    run_demo(CLIP, TRUTH, options.output, options.picture, weights=tuple(options.weights))


def run_demo(
    clip: Path, truth: Path, output: Path, picture: Path, *, weights: tuple[Path, ...] = ()
) -> dict[str, MeanScores]:
    """Upscale ``clip`` with every model, print the scores, draw the picture; returns the scores."""
    output.mkdir(parents=True, exist_ok=True)
    print(f"{'model':10}{'PSNR dB':>10}{'SSIM':>10}")
    files, scores = {}, {}
    for model in MODELS:
        files[model] = output / f"{clip.stem}_x{SCALE}_{model}.mkv"
        upscale_video(clip, files[model], _spec(model, weights), LOSSLESS, overwrite=True)
        comparison = EvaluateSpec(against=files[model], border=SCALE)
        scores[model] = evaluate_clips([truth], comparison).mean
        print(f"{model:10}{scores[model].psnr:10.3f}{scores[model].ssim:10.5f}")
    number = busiest_frame(files["bicubic"], truth)
    results = [
        Result(title=MODELS[model], frame=read_frame(files[model], number), scores=scores[model])
        for model in MODELS
    ]
    figure = draw(read_frame(clip, number), results, read_frame(truth, number))
    figure.savefig(picture, facecolor=PAPER)
    print(f"{picture}: frame {number}\n{output}: the clips")
    return scores


def _spec(model: str, weights: tuple[Path, ...]) -> UpscaleSpec:
    """Released weights, or those of the given ones that are for a network of this model."""
    own = tuple(path for path in weights if read_weights(path)[1].arch in parse_chain(model))
    return UpscaleSpec(model=model, scale=SCALE, domain=DOMAIN, weights=own)


def read_luma(path: Path) -> Iterator[Image]:
    """The luma of a clip, frame by frame."""
    with open_reader(path) as reader:
        for frame in reader:
            yield frame.planes[0].double().numpy() / LEVELS


def read_frame(path: Path, number: int) -> Image:
    """The luma of one frame."""
    return next(islice(read_luma(path), number, None))


def busiest_frame(bicubic: Path, truth: Path) -> int:
    """The frame of which bicubic interpolation misses most."""
    pairs = zip(read_luma(bicubic), read_luma(truth), strict=True)
    return int(np.argmax([np.square(sr - hr).mean() for sr, hr in pairs]))


def busiest_square(bicubic: Image, truth: Image, side: int) -> tuple[int, int]:
    """Even row and column of the square inside the frame that bicubic interpolation misses most."""
    error = np.square(bicubic - truth)
    margin = min(side // 2, (min(error.shape) - side) // 4) * 2
    sums = np.pad(error, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    bottom, right = (length - margin for length in inside.shape)
    inside = inside[margin:bottom:2, margin:right:2]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return margin + 2 * int(row), margin + 2 * int(column)


def draw(low: Image, results: list[Result], truth: Image, *, detail: int = DETAIL) -> Figure:
    """Results side by side with input and truth, and below them their errors on one scale."""
    row, column = busiest_square(results[0].frame, truth, detail)
    at = np.s_[row : row + detail, column : column + detail]
    low_at = np.s_[row // 2 : (row + detail) // 2, column // 2 : (column + detail) // 2]
    panels: dict[str, Image] = {"Input": low[low_at]}
    panels |= {result.title: result.frame[at] for result in results} | {"Truth": truth[at]}
    errors = [np.abs(result.frame - truth)[at] * LEVELS for result in results]
    swing = float(np.abs(truth[at] - 0.5).max())
    top = math.ceil(max(error.max() for error in errors))

    figure = Figure(figsize=(16, 7.12), dpi=100)
    places = figure.add_gridspec(
        2, len(panels), left=0.01, right=0.99, top=0.94, bottom=0.015, wspace=0.04, hspace=0.16
    )
    grid = places.subplots()
    for axes, (title, image) in zip(grid[0], panels.items(), strict=True):
        _show(axes, image, FLOW, low=0.5 - swing, high=0.5 + swing)
        axes.set_title(title, fontsize=18, fontweight="bold", color=INK)
    for axes, result, error in zip(grid[1, 1:], results, errors, strict=False):
        shown = _show(axes, error, ERROR, low=0, high=max(top, 1))
        axes.set_title(_numbers(result.scores), fontsize=15, color=INK)
    _overview(grid[1, 0], low, (row / 2, column / 2, detail / 2))
    _legend(grid[1, -1], shown, results[0].scores.frames)
    return figure


def _show(axes: Axes, image: Image, colours: str, *, low: float, high: float) -> AxesImage:
    axes.set(xticks=[], yticks=[])
    for edge in axes.spines.values():
        edge.set_color(INK)
    return axes.imshow(image, cmap=colours, vmin=low, vmax=high, interpolation="nearest")


def _overview(axes: Axes, low: Image, square: tuple[float, float, float]) -> None:
    """The whole input, and where the detail is."""
    row, column, side = square
    swing = float(np.abs(low - 0.5).max())
    _show(axes, low, FLOW, low=0.5 - swing, high=0.5 + swing)
    corner = (column - 0.5, row - 0.5)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=INK, linewidth=2))
    axes.set_anchor("N")
    axes.set_title(f"Whole input, {low.shape[1]}x{low.shape[0]}", fontsize=15, color=INK)
    text = "Vorticity of a simulated jet:\nred counterclockwise,\nblue clockwise."
    axes.text(0, -0.08, text, transform=axes.transAxes, va="top", fontsize=15, color=INK)


def _legend(axes: Axes, shown: AxesImage, frames: int) -> None:
    """The scale of the errors, and what the numbers above them are."""
    axes.axis("off")
    bar = axes.figure.colorbar(shown, cax=axes.inset_axes((0.04, 0, 0.09, 1)))
    bar.ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    bar.ax.tick_params(labelsize=15, colors=INK)
    text = (
        "Absolute error in\nthis frame, in grey\nlevels of 255.\n\n"
        f"PSNR and SSIM\nare means over all\n{frames} frames."
    )
    axes.text(0.34, 0.5, text, transform=axes.transAxes, va="center", fontsize=15, color=INK)


def _numbers(scores: MeanScores) -> str:
    return f"{scores.psnr:.2f} dB, SSIM {scores.ssim:.4f}"


if __name__ == "__main__":
    main()
