"""Every network with its size, its scores and its speed on this machine, for the README.

Parameters, products and scores are those of `vsr models --json`: PSNR in dB of the released weights
on Set5, and their mean over the climate benchmark. Speed is that of `vsr_cli.load_model` on an
array of moving luma at --size, x2, as the networks run in `vsr upscale`, in million pixels of
output a second: the median of --repeats passes after one that does not count. Weights do not change
it: all are random here, and a 3D stage alone runs behind bicubic. Networks of more than --heavy
thousand products per pixel of output are timed on one window of --small-size. --keep writes the
table into the README.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

import vsr_cli
from vsr_cli.models import ALIASES, MODELS, get_spec, parse_chain
from vsr_cli.models.catalog import CatalogEntry, find_entry
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.device import read_processor

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- models, measured -->\n", "<!-- end of models -->\n"
SCALE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, and show or keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=[*MODELS, *ALIASES])
    parser.add_argument("--size", default="320x160")
    parser.add_argument("--small-size", default="96x96")
    parser.add_argument("--heavy", type=float, default=160.0)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--keep", action="store_true", help="write into README.md")
    options = parser.parse_args(arguments)
    vsr_cli.keep_freed_memory()  # as the commands do
    lines = [
        "| model | parameters | kMAC per pixel | Set5 x2, x3, x4 | climate x2, x4 | Mpixel/s |"
    ]
    lines += ["|---" * 6 + "|"]
    for name in options.models:
        entry = find_entry(name)
        heavy = entry.macs.get(SCALE, entry.macs[min(entry.macs)]) > 1000 * options.heavy
        size = options.small_size if heavy else options.size
        frames = entry.window if heavy else max(options.frames, entry.window)
        speed = pixels_per_second(name, size, frames, options.repeats, options.precision) / 1e6
        lines.append(f"| {' | '.join([*cells(entry), f'{speed:.3g}' + '*' * heavy])} |")
        print(lines[-1], flush=True)
    text = "\n".join([*lines, "", told(options), ""])
    print(text)
    if options.keep:
        before, rest = options.readme.read_text(encoding="utf-8").split(START)
        options.readme.write_text(
            before + START + text + END + rest.split(END)[1], encoding="utf-8"
        )


def cells(entry: CatalogEntry) -> Iterator[str]:
    """Name, size, cost at x2 and scores."""
    yield f"`{entry.name}`"
    counts = sorted({*entry.parameters.values()})
    yield f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    yield f"{entry.macs.get(SCALE, entry.macs[min(entry.macs)]) / 1000:,.2f}"
    last = parse_chain(entry.name)[-1]
    # What refines is scored behind a 2D stage; what enlarges, alone.
    is_scored = entry.kind != "chain" or get_spec(last).scales == (1,)
    for domain, score in (("natural", "Set5"), ("climate", "mean")):
        known = {
            w.scale: (w.scores[score]["psnr"], w.features)
            for w in entry.weights
            if is_scored and w.domain == domain and w.model == last and score in w.scores
        }
        yield ", ".join(
            f"x{scale} {psnr:.2f}" + (f" ({features} channels)" if features else "")
            for scale, (psnr, features) in sorted(known.items())
        )


def pixels_per_second(name: str, size: str, frames: int, repeats: int, precision: str) -> float:
    """Pixels of output, by the median of the passes."""
    width, height = map(int, size.split("x"))
    clip = moving(frames, height, width)
    stages = parse_chain(name)
    chain = name if get_spec(stages[0]).scales != (1,) or len(stages) > 1 else f"bicubic+{name}"
    with TemporaryDirectory() as folder:
        weights = [random_weights(stage, Path(folder)) for stage in stages]
        model = vsr_cli.load_model(
            chain, scale=SCALE, weights=[path for path in weights if path], precision=precision
        )
        seconds = []
        for _ in range(1 + repeats):
            begin = time.perf_counter()
            result = model.upscale_array(clip)
            seconds.append(time.perf_counter() - begin)
    return result.size / median(seconds[1:])


def moving(frames: int, height: int, width: int) -> np.ndarray:
    """A wave that moves, (T, H, W) uint8: no frame is that before it, and there is no cut."""
    row, column = np.mgrid[:height, :width]
    phases = np.arange(frames)[:, None, None] * 0.3
    return np.uint8(127 + 100 * np.sin(row / 9 + phases) * np.cos(column / 7 - phases))


def random_weights(name: str, folder: Path) -> Path | None:
    """A weight file of a network as it starts; None for an interpolation."""
    spec = get_spec(name)
    if not spec.has_weights:
        return None
    torch.manual_seed(0)
    scale = SCALE if SCALE in spec.scales else 1
    path = folder / f"{name}.safetensors"
    record = WeightRecord(arch=name, scale=SCALE, window=spec.window)
    save_weights(path, spec.build(scale, record.residual), record)
    return path


def told(options: argparse.Namespace) -> str:
    """How the speed came about, in a sentence."""
    return (
        "Scores of `srnet3d` and `refine3d` are those behind `fsrcnn`, their speed is that behind "
        "`bicubic`; where scores name channels, size, cost and speed are those of the paper's "
        "width. Speed: "
        f"{options.size} to x2 in {options.precision}; *: {options.small_size}. torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, "
        f"{read_processor()[0] or platform.machine()}."
    )


if __name__ == "__main__":
    main()
