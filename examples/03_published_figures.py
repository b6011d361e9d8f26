"""Set5 and Set14: our weights beside the figures that the networks' papers print.

FOLDER holds SET/xSCALE/hr and SET/xSCALE/lr_matlab_bicubic, inputs made by MATLAB's imresize. Each
score is that of `vsr eval SET/xSCALE/hr --lr SET/xSCALE/lr_matlab_bicubic --model MODEL`: luma,
8 bits, `scale` pixels cut at each border. Without --weights every released network is scored.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsr_cli import evaluate_clips
from vsr_cli.metrics import mean_over_clips
from vsr_cli.models import get_spec
from vsr_cli.models.weights import read_weights, released_weights
from vsr_cli.pipeline.evaluate.truth import find_clips
from vsr_cli.specs import EvaluateSpec

FIGURES = Path(__file__).with_name("published_figures.toml")
SCALES = (2, 3, 4)
DOMAIN = "natural"


@dataclass(frozen=True, slots=True)
class Row:
    """One network on one set at one scale; what a paper does not print is None."""

    model: str
    name: str
    scale: int
    psnr: float
    ssim: float
    printed_psnr: float | None
    printed_ssim: float | None

    def cells(self) -> tuple[str, ...]:
        printed = "" if self.printed_psnr is None else f"{self.printed_psnr:.2f}"
        if self.printed_ssim is not None:
            printed += f" / {self.printed_ssim:.4f}"
        gain = "" if self.printed_psnr is None else f"{self.psnr - self.printed_psnr:+.2f}"
        ours = f"{self.psnr:.2f} / {self.ssim:.4f}"
        return self.model, self.name, f"x{self.scale}", ours, printed, gain


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="instead of released")
    parser.add_argument("--sets", nargs="+", default=["Set5", "Set14"])
    parser.add_argument("--scales", nargs="+", type=int, default=list(SCALES))
    options = parser.parse_args()
    print(table(list(rows(options.folder, options.weights, options.sets, options.scales))))


def rows(
    folder: Path, weights: Sequence[Path], sets: Sequence[str], scales: Sequence[int]
) -> Iterator[Row]:
    """Bicubic first, then each network, on every set at every scale that it has weights for."""
    printed = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    for model, known, path in (("bicubic", SCALES, None), *networks(weights)):
        for name in sets:
            for scale in (scale for scale in known if scale in scales):
                place = folder / name / f"x{scale}"
                spec = EvaluateSpec(
                    model=model,
                    scale=scale,
                    lr=place / "lr_matlab_bicubic",
                    weights=(path,) if path else (),
                    precision="fp32",
                )
                mean = mean_over_clips(evaluate_clips(find_clips([place / "hr"]), spec).clips)
                figures = printed.get(model, {}).get(name, {}).get(f"x{scale}", [])
                psnr, ssim = (*figures, None, None)[:2]
                yield Row(model, name, scale, mean.psnr, mean.ssim, psnr, ssim)


def networks(weights: Sequence[Path]) -> Iterator[tuple[str, tuple[int, ...], Path]]:
    """Name, scales and file of each network of single frames that is to be scored."""
    known = (entry.path for entry in released_weights() if entry.domain == DOMAIN)
    released = list(dict.fromkeys(known))  # one file may serve several scales
    for path in weights or released:
        _, record = read_weights(path)
        if get_spec(record.arch).kind == "frame":
            yield record.arch, record.trained_scales, path


def table(found: Sequence[Row]) -> str:
    """PSNR in dB / SSIM, ours and printed, and the difference, in Markdown."""
    head = ("model", "set", "scale", "vsr", "paper", "difference")
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *(row.cells() for row in found))]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


if __name__ == "__main__":
    main()
