"""Curves and pictures as figures: SVG in the colours of the page, and PNG on white."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.metrics import ClipScores, FieldUnits, Spectra, entry_of
from vsr_cli.metrics.spectrum import THRESHOLD
from vsr_cli.report.keep import TOP, KeptFrame
from vsr_cli.report.pictures import ERROR_MAP, brightest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can tell apart; the blue is lighter, for dark
# pages.
COLORS = ("#2387c0", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK = "#101112"  # becomes the colour of the page's text
GRID = "#80808055"
MOST_POINTS = 2000  # of a curve
PANEL = 2.9  # inches across, of one picture of several
TALLEST = 12.0  # inches
# Without them an SVG has no block of metadata, which holds addresses.
NAMELESS = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure in both forms."""

    name: str  # of its file, without ending
    svg: str
    png: bytes


def draw_curves(
    name: str,
    models: Sequence[str],
    scores: Sequence[ClipScores],
    units: FieldUnits | None = None,
) -> Drawing | None:
    """Each metric over the frames of a clip, a line for each model; None for a single frame."""
    frames = scores[0].per_frame
    metrics = [n for n in frames[0].values if any(f.values[n] is not None for f in frames)]
    if scores[0].frames < 2 or not metrics:
        return None

    stride = -(-scores[0].frames // MOST_POINTS)
    numbers = range(0, scores[0].frames, stride)
    across = "frame" if stride == 1 else f"frame (one in {stride} is drawn)"

    def draw(figure: Figure) -> None:
        for row, axes in enumerate(figure.subplots(len(metrics), 1, squeeze=False, sharex=True)):
            entry, name = entry_of(metrics[row], units), metrics[row]
            for index, clip in enumerate(scores):
                values = [_drawn(clip.per_frame[number].values[name]) for number in numbers]
                axes[0].plot(
                    numbers, values, color=_color(index), label=_short(models[index]), linewidth=1.5
                )
            _label(axes[0], across if row == len(metrics) - 1 else "", entry.title)
        figure.axes[0].legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))

    return _drawing(name, (8.0, 0.6 + 1.7 * len(metrics)), draw)


def draw_spectra(name: str, models: Sequence[str], spectra: Sequence[Spectra]) -> Drawing | None:
    """Power of truth and results, and the error's share of it; None where there are no spectra."""
    if not spectra:
        return None

    def draw(figure: Figure) -> None:
        power, noise = figure.subplots(1, 2)
        waves = spectra[0].wavenumber
        power.loglog(waves, _positive(spectra[0].hr), color=INK, label="truth", linewidth=1.5)
        for index, (model, one) in enumerate(zip(models, spectra, strict=True)):
            power.loglog(
                waves, _positive(one.sr), color=_color(index), label=_short(model), linewidth=1.2
            )
            label = f"{_short(model)}: {one.resolution:.2f} px"
            noise.loglog(
                waves, _positive(one.noise), color=_color(index), label=label, linewidth=1.2
            )
        noise.axhline(THRESHOLD, color=INK, linestyle=":", linewidth=1)
        _label(power, "wavenumber (1/px)", "power")
        _label(noise, "wavenumber (1/px)", "power of error / truth")
        power.legend(frameon=False)
        noise.legend(frameon=False, title="effective resolution")

    return _drawing(name, (9.0, 3.6), draw)


def draw_frame(name: str, models: Sequence[str], frame: KeptFrame, title: str) -> Drawing:
    """Truth and results in one row, their errors below."""
    values = [codes / TOP for codes in (frame.truth, *frame.results)]
    errors = [np.abs(result - values[0]) for result in values[1:]]
    top = brightest(errors)
    side = min(PANEL * values[0].shape[0] / values[0].shape[1], TALLEST)
    height = 2 * side + 1.1  # inches, with two titles

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        edges = {"left": 0.01, "right": 0.99, "bottom": 0.05 / height, "top": 1 - 0.7 / height}
        spaces = {"wspace": 0.03, "hspace": 0.35 / max(side, 0.1)}
        grid = figure.subplots(2, len(values), squeeze=False, gridspec_kw=edges | spaces)
        for axes in grid.flat:
            axes.set_axis_off()
        for column, image in enumerate(values):
            grid[0, column].imshow(image, cmap="gray", vmin=0, vmax=1)
            grid[0, column].set_title(("truth", *map(_short, models))[column], fontsize=9)
        for column, error in enumerate(errors, 1):
            grid[1, column].imshow(error, cmap=ERROR_MAP, vmin=0, vmax=top)
            grid[1, column].set_title(f"error, black 0 to {top:.1e}", fontsize=9)
        figure.suptitle(_short(title, 60), fontsize=11)

    return _drawing(name, (PANEL * len(values), height), draw, with_svg=False)


def _short(name: str, most: int = 28) -> str:
    """A name that leaves room for what it is the name of: its end, if it is long."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _drawing(
    name: str,
    size: tuple[float, float],
    draw: Callable[[Figure], None],
    *,
    with_svg: bool = True,
) -> Drawing:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style: dict[Any, Any] = dict.fromkeys(inked, INK)
    style |= {"svg.fonttype": "none", "svg.hashsalt": name}
    with rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        png, svg = BytesIO(), StringIO()
        figure.savefig(png, format="png", dpi=120, facecolor="white", metadata={"Software": None})
        if with_svg:
            for axes in figure.axes:
                axes.set_facecolor("none")
            figure.savefig(svg, format="svg", transparent=True, metadata=NAMELESS)
    drawn = svg.getvalue()
    return Drawing(name, drawn[drawn.find("<svg") :].replace(INK, "currentColor"), png.getvalue())


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, color=GRID, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _color(index: int) -> str:
    return COLORS[index % len(COLORS)]


def _drawn(value: float | None) -> float:
    """A gap where there is no value, or none that fits on paper."""
    return math.nan if value is None or not math.isfinite(value) else value


def _positive(values: Sequence[float]) -> list[float]:
    """What has a logarithm."""
    return [value if 0 < value < math.inf else math.nan for value in values]
