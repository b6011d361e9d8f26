"""A run's log as a picture: the loss, and the PSNR on the validation set."""

from __future__ import annotations

import json
import logging
from pathlib import Path

logger = logging.getLogger(__name__)


def draw_curves(log: Path, output: Path, *, title: str) -> bool:
    """Draw the curves of a log in JSON lines; False, with a line in the log, without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.warning('%s is not drawn: pip install "vsr-cli[report]"', output.name)
        return False
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses = figure.add_subplot()
    losses.plot([line["step"] for line in lines], [line["loss"] for line in lines], color="#888888")
    losses.set_xlabel("step")
    losses.set_ylabel("mean loss since the last point", color="#666666")
    losses.set_title(title)
    scored = [(line["step"], line["psnr"]) for line in lines if line["psnr"] is not None]
    if scored:
        scores = losses.twinx()
        scores.plot(*zip(*scored, strict=True), color="#0b6e99", marker=".")
        scores.set_ylabel("PSNR on the validation set in dB", color="#0b6e99")
    figure.savefig(output, dpi=120)
    return True
