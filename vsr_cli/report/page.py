"""The page of an evaluation: scores, curves, spectra, and the frames with their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vsr_cli.metrics import entry_of
from vsr_cli.report.collect import MOST_CLIPS
from vsr_cli.report.figures import Drawing, draw_curves, draw_frame, draw_spectra
from vsr_cli.report.keep import SAMPLES
from vsr_cli.report.pictures import FramePictures, data_uri, frame_pictures
from vsr_cli.report.protocol import protocol_rows

if TYPE_CHECKING:
    from vsr_cli.metrics import ClipScores, FieldUnits, MeanScores
    from vsr_cli.pipeline.evaluate.evaluation import Evaluation
    from vsr_cli.report.collect import ReportCollector
    from vsr_cli.report.keep import ClipKeeper, KeptFrame, KeptRegion

PAGE = "index.html"
HERE = Path(__file__).parent


def report_files(
    results: Sequence[Evaluation], collector: ReportCollector, *, command: str
) -> Iterator[tuple[str, bytes]]:
    """The names and bytes of all files of a report: the page, and its figures as PNG."""
    models = [result.name for result in results]
    sections = []
    for index, name in enumerate(clip.name for clip in results[0].clips):
        scores = [result.clips[index] for result in results]
        keeper = collector.clips.get(name)
        section = _ClipSection(f"clip{index + 1}", models, scores, keeper, results[0].units)
        sections.append(section.html())
        for drawing in section.drawings:
            yield f"{drawing.name}.png", drawing.png
    yield PAGE, _page(results, sections, command).encode()


class _ClipSection:
    """The part of the page that is about one clip."""

    def __init__(
        self,
        prefix: str,
        models: Sequence[str],
        scores: Sequence[ClipScores],
        keeper: ClipKeeper | None,
        units: FieldUnits | None,
    ) -> None:
        self.units = units
        self.prefix, self.models, self.scores, self.keeper = prefix, models, scores, keeper
        self.drawings: list[Drawing] = []

    def html(self) -> str:
        """The section; its figures are in ``drawings`` then."""
        clip = self.scores[0]
        parts = [f'<section><h2 id="{self.prefix}">{escape(clip.name)}</h2>']
        if self.units is not None:
            low, high = clip.value_range or (0, 1)
            parts.append(
                f"<p>Pictures, their errors and spectra are of values in which 0 is {low:g} and 1 "
                f"is {high:g} {escape(self.units.value)}; black too is what is missing.</p>"
            )
        curves = draw_curves(f"{self.prefix}_curves", self.models, self.scores, self.units)
        parts.append(self._figure(curves, "Scores of each frame."))
        if self.keeper is None:
            parts.append(
                f"<p>Pictures and spectra are kept of the first {MOST_CLIPS} clips alone.</p>"
            )
        else:
            spectra = draw_spectra(f"{self.prefix}_spectra", self.models, self.keeper.spectra())
            caption = (
                "Power spectra, mean over the frames. Where the error has half of the truth's "
                "power (dotted), details end: the effective resolution."
            )
            parts.append(self._figure(spectra, caption))
            parts += self._frames(self.keeper)
            if self.keeper.region is not None:
                parts.append(self._region(self.keeper.region))
        return "\n".join([*parts, "</section>"])

    def _figure(self, drawing: Drawing | None, caption: str) -> str:
        if drawing is None:
            return ""
        self.drawings.append(drawing)
        return f"<figure>{drawing.svg}<figcaption>{caption}</figcaption></figure>"

    def _frames(self, keeper: ClipKeeper) -> Iterator[str]:
        kinds = {"worst": keeper.worst, "median": keeper.median, "best": keeper.best}
        if len(keeper.errors) > SAMPLES:
            yield (
                f"<p>By the mean squared error of {escape(self.models[-1])}; the median frame is "
                f"the nearest to the median of up to {SAMPLES} that were kept.</p>"
            )
        if len(keeper.errors) == 1:
            kinds = {"only": keeper.worst}
        for kind, frame in kinds.items():
            if frame is not None:
                title = f"The {kind} frame: {frame.number}"
                name = f"{self.prefix}_{kind}"
                self.drawings.append(draw_frame(name, self.models, frame, title))
                yield self._frame(name, title, frame)

    def _frame(self, name: str, title: str, frame: KeptFrame) -> str:
        pictures = frame_pictures(frame)
        parts = [f"<h3>{title}</h3>", self._slider(name, title, pictures)]
        parts.append(self._rows(pictures, name))
        errors = f"Errors: black 0, brightest {pictures.top:.2e} and more."
        parts.append(f"<p>{self._scores(frame)} {errors}</p>")
        return "\n".join(parts)

    def _scores(self, frame: KeptFrame) -> str:
        """What the metrics of single frames say of this one, model by model."""
        words = []
        for name, first in self.scores[0].per_frame[frame.number].values.items():
            if first is not None:
                entry = entry_of(name, self.units)
                values = (clip.per_frame[frame.number].values[name] for clip in self.scores)
                each = zip(self.models, map(entry.shown, values), strict=True)
                shown = ", ".join(f"{model} {value}" for model, value in each)
                words.append(f"{entry.title}: {shown}.")
        return escape(" ".join(words))

    def _rows(self, pictures: FramePictures, name: str = "", kind: str = "row") -> str:
        """Truth and results, and below each result its error."""
        images = zip(("truth", *self.models), (pictures.truth, *pictures.results), strict=True)
        shown = [
            _thumbnail(f"{name}_{number}" if name else "", png, label)
            for number, (label, png) in enumerate(images)
        ]
        errors = [
            _thumbnail("", png, f"error of {model}")
            for model, png in zip(self.models, pictures.errors, strict=True)
        ]
        columns = len(shown)
        cells = "\n".join([*shown, "<span></span>", *errors])
        return f'<div class="{kind}" style="--columns:{columns}">{cells}</div>'

    def _slider(self, name: str, title: str, pictures: FramePictures) -> str:
        """Two pictures over each other, and where the one ends and the other begins."""
        choices = ["truth", *self.models]
        left = 1 if len(self.models) > 1 else 0
        sides = ((left, "left"), (len(self.models), "right"))
        selects = [
            f'<label>{side} <select data-side="{side}">'
            + "".join(
                f'<option value="{name}_{number}"{" selected" if number == chosen else ""}>'
                f"{escape(choice)}</option>"
                for number, choice in enumerate(choices)
            )
            + "</select></label>"
            for chosen, side in sides
        ]
        width, height = pictures.size
        return (
            f'<div class="compare" style="max-width:{max(width, 320)}px">'
            f'<div class="stack" style="aspect-ratio:{width}/{height}">'
            '<img class="left" alt="left picture"><img class="right" alt="right picture">'
            '<span class="line"></span></div>'
            '<input type="range" min="0" max="100" value="50" '
            f'aria-label="{escape(title)}: where the left picture ends, per cent">'
            f'<div class="choice">{"".join(selects)}</div></div>'
        )

    def _region(self, region: KeptRegion) -> str:
        pictures = frame_pictures(region.frame, stretch=True)
        width, height = pictures.size
        several = len(self.models) > 1
        what = f"{self.models[-1]} gains most on {self.models[0]}"
        heading = f"Where {what}" if several else f"Where {self.models[0]} errs most"
        name = f"{self.prefix}_region"
        self.drawings.append(draw_frame(name, self.models, region.frame, heading))
        rows = self._rows(pictures, kind="row zoom")
        gain = "Mean squared error is lower by" if several else "Mean squared error:"
        return (
            f"<h3>{escape(heading)}</h3>{rows}<p>Frame {region.frame.number}, {width}x{height} "
            f"pixels from x {region.x}, y {region.y}. {gain} {region.gain:.2e}. Contrast is "
            f"stretched to the truth's. Errors: brightest {pictures.top:.2e} and more.</p>"
        )


def _thumbnail(name: str, png: bytes, label: str) -> str:
    place = f' id="{name}"' if name else ""
    text = escape(label)
    return (
        f'<figure><img{place} src="{data_uri(png)}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _page(results: Sequence[Evaluation], sections: Sequence[str], command: str) -> str:
    style, script = ((HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    protocol = protocol_rows(results)
    warnings = "".join(f"<li>{escape(line)}</li>" for line in results[0].warnings)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>vsr eval: {escape(", ".join(result.name for result in results))}</title>
<style>{style}</style></head><body><main>
<h1>vsr eval</h1>
<pre class="command">{escape(command)}</pre>
{f"<ul>{warnings}</ul>" if warnings else ""}
<h2>Scores</h2>
{_table(results)}
{"".join(sections)}
<h2>Protocol</h2>
<div class="wide"><table>{protocol}</table></div>
</main><script>{script}</script></body></html>
"""


def _table(results: Sequence[Evaluation]) -> str:
    shown = {name: entry_of(name, results[0].units) for name in results[0].mean.values}
    heads = "".join(f"<th>{escape(entry.title)}</th>" for entry in shown.values())
    rows = []

    def add(title: str, scores: Sequence[ClipScores | MeanScores]) -> None:
        for number, (result, score) in enumerate(zip(results, scores, strict=True)):
            cells = "".join(f"<td>{shown[n].shown(score.values[n])}</td>" for n in shown)
            first = f'<th rowspan="{len(results)}">{escape(title)}</th>' if not number else ""
            model = f"<th>{escape(result.name)}</th>"
            rows.append(f"<tr>{first}{model}<td>{score.frames}</td>{cells}</tr>")

    for index, clip in enumerate(results[0].clips):
        add(clip.name, [result.clips[index] for result in results])
    if len(results[0].clips) > 1:
        add(f"mean of {results[0].mean.clips}", [result.mean for result in results])
    head = f"<tr><th>clip</th><th>model</th><th>frames</th>{heads}</tr>"
    return f'<div class="wide"><table class="scores">{head}{"".join(rows)}</table></div>'
