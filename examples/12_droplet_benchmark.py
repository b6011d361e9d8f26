"""Levitated drops at x2, x3 and x4: PSNR, SSIM, and how well diameter and area survive.

The tables of the paper on drops of molten metal (Ning 2021), on drops of our own, since its
photographs are not public: 25 stills of 280x280 (`vsr simulate droplet`, seed 1001; seeds below
1000 train), shrunk by antialiased bicubic, upscaled by every network that has droplet weights.
Errors of the outline are against that of the original picture, found at half the height of its edge
(level) and by Canny's detector, in pixels. Without --weights every released network is scored.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vsr_cli.models.weights import read_weights, released_weights
from vsr_cli.pipeline.evaluate.run import Evaluation, compare_models
from vsr_cli.pipeline.simulate.droplets import simulate_droplets_to_file
from vsr_cli.specs import DropletSpec, EvaluateSpec

HERE = Path(__file__).parent
SCALES = (2, 3, 4)
DOMAIN = "droplet"


@dataclass(frozen=True, slots=True)
class Row:
    """One model at one scale; errors of diameter and area by method."""

    model: str
    scale: int
    psnr: float
    ssim: float
    errors: dict[str, tuple[float, float]]

    def cells(self) -> tuple[str, ...]:
        errors = (f"{size:.4f} / {area:.2f}" for size, area in self.errors.values())
        return self.model, f"x{self.scale}", f"{self.psnr:.3f}", f"{self.ssim:.4f}", *errors


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "output" / "droplets")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="instead of released")
    parser.add_argument("--scales", nargs="+", type=int, default=list(SCALES))
    parser.add_argument("--drops", type=int, default=25)
    parser.add_argument("--side", type=int, default=280, help="of a picture, pixels")
    options = parser.parse_args(arguments)
    drops = options.folder / f"{options.drops}x{options.side}"
    if not drops.exists():
        options.folder.mkdir(parents=True, exist_ok=True)
        spec = DropletSpec(
            width=options.side, height=options.side, frames=options.drops, stills=True, seed=1001
        )
        simulate_droplets_to_file(spec, drops)
    print(table([row for scale in options.scales for row in rows(drops, options.weights, scale)]))


def rows(drops: Path, weights: Sequence[Path], scale: int) -> Iterator[Row]:
    """Bicubic first, then each network that has weights for this scale."""
    base = EvaluateSpec(model="bicubic", scale=scale, border=0, precision="fp32")
    specs = [base, *(replace(base, model=m, weights=(p,)) for m, p in networks(weights, scale))]
    found: dict[str, list[Evaluation]] = {}
    for method in ("level", "canny"):
        measured = [replace(spec, outline=method) for spec in specs]
        for result in compare_models([drops], measured):
            found.setdefault(result.name, []).append(result)
    for model, (level, canny) in found.items():
        errors = {}
        for name, result in (("level", level), ("canny", canny)):
            outline = result.mean.outline
            assert outline is not None
            errors[name] = (outline.diameter_error, outline.area_error)
        yield Row(model, scale, level.mean.psnr, level.mean.ssim, errors)


def networks(weights: Sequence[Path], scale: int) -> Iterator[tuple[str, Path]]:
    """Name and file of each network that is to be scored."""
    known = (entry.path for entry in released_weights() if entry.domain == DOMAIN)
    released = list(dict.fromkeys(known))  # one file may serve several scales
    for path in weights or released:
        _, record = read_weights(path)
        if scale in record.trained_scales:
            yield record.arch, path


def table(found: Sequence[Row]) -> str:
    """PSNR in dB, SSIM, and errors of diameter and area in pixels, in Markdown."""
    head = ("model", "scale", "PSNR", "SSIM", "level: diameter / area", "Canny: diameter / area")
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *(row.cells() for row in found))]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


if __name__ == "__main__":
    main()
