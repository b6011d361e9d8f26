"""The aims of speed, measured on this machine: writes the table into examples/benchmarks.md.

Each row is a run of `vsr bench`, in which the two sides go by turns. OpenCV takes part with
--opencv-model FSRCNN_x2.pb (and pip install opencv-contrib-python-headless), ONNX Runtime with
pip install onnxruntime onnx, FFmpeg if it is on the PATH. Needs about ten minutes of two cores on
which nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("benchmarks.md")
START, END = "<!-- measured -->\n", "<!-- end -->\n"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One aim: what was measured, against what, and what the ratio shall be."""

    what: str
    ours: float  # frames per second
    other: str
    theirs: float | None
    ratio: str
    aim: float
    value: float

    def cells(self) -> tuple[str, ...]:
        """The row as texts."""
        theirs = "" if self.theirs is None else f"{self.theirs:.1f}"
        kept = "yes" if self.value >= self.aim else "no"
        return self.what, f"{self.ours:.1f}", self.other, theirs, self.ratio, f"{self.aim:g}", kept


def main() -> None:
    """Run the benchmarks, and show or keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opencv-model", type=Path)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", default="320x160")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="write into benchmarks.md")
    options = parser.parse_args()
    common = ["--size", options.size, "--frames", str(options.frames)]
    common += ["--repeats", str(options.repeats), "--precision", options.precision]
    rows, machine = measure(common, options.opencv_model)
    text = "\n".join([heading(machine, options), "", *table(rows), ""])
    if options.keep:
        before, rest = TABLE.read_text(encoding="utf-8").split(START)
        TABLE.write_text(before + START + text + END + rest.split(END)[1], encoding="utf-8")
    sys.stdout.write(text)


def measure(common: Sequence[str], opencv_model: Path | None) -> tuple[list[Row], Document]:
    """All rows, and the document of the last run."""
    rows: list[Row] = []
    if opencv_model is not None:
        peer = ["--against", "opencv", "--peer-model", str(opencv_model)]
        rows += races(bench("fsrcnn", *common, *peer), {"model": 3})
    rows += races(bench("fsrcnn", *common, "--against", "onnxruntime"), {"model": 2})
    rows += races(bench("bicubic", *common, "--against", "ffmpeg"), {"end_to_end": 0.9})
    first = bench("2d3d-fast", *common)
    whole = bench("2d3d", *common, "--against", "plain")
    second = bench("2d3d-fast", *common)
    rows += races(whole, {"end_to_end": 4})
    rates = [document["end_to_end_fps"] for document in (first, second)]
    fast, slow = sum(rates) / 2, whole["end_to_end_fps"]
    times = [rate / slow for rate in rates]
    spread = f"{fast / slow:.2f} ({min(times):.2f} to {max(times):.2f})"
    what = "2d3d-fast, end to end"
    rows.append(Row(what, fast, "2d3d, end to end", slow, spread, 10, fast / slow))
    rows.append(Row(what, fast, "25 frames per second", None, f"{fast / 25:.2f}", 1, fast / 25))
    return rows, second


def bench(model: str, *arguments: str) -> Document:
    """The document of one `vsr bench`."""
    words = [sys.executable, "-m", "vsr_cli", "bench", "--model", model, "--json", *arguments]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    document: Document = json.loads(done.stdout.splitlines()[-1])
    return document


def races(document: Document, aims: dict[str, float]) -> Iterator[Row]:
    """A row for each race that has an aim."""
    for race in document["against"]:
        if race["course"] in aims:
            course = race["course"].replace("_", " ")
            yield Row(
                what=f"{document['model']}, {course}",
                ours=race["own_fps"],
                other=race["title"],
                theirs=race["peer_fps"],
                ratio=f"{race['ratio']:.2f} ({race['ratio_min']:.2f} to {race['ratio_max']:.2f})",
                aim=aims[race["course"]],
                value=race["ratio"],
            )


def heading(document: Document, options: argparse.Namespace) -> str:
    """On what it was measured."""
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    width, height = document["output_size"]
    return (
        f"{document['machine']}, {document['threads']} threads, {document['precision']}; "
        f"{versions}. {options.size} to {width}x{height}, {options.frames} frames, median of "
        f"{options.repeats} rounds (least to most)."
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows in Markdown."""
    yield "| what | frames/s | against | frames/s | ratio | aim | reached |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(row.cells())} |"


if __name__ == "__main__":
    main()
