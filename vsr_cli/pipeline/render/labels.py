"""What stands below a field that is shown: its colours with their values, its name and its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vsr_cli.media.pictures.text import draw_text
from vsr_cli.pipeline.render.colors import Palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_WIDTH = 200  # pixels; less has no room for words
LETTERS = 1 / 45  # of the width
SMALLEST, LARGEST = 11, 48  # pixels of a font
PAPER, INK = 255, 0
MARGIN, BAR_END, TEXT_START = 0.03, 0.6, 0.66  # of the width
Side = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True)
class LabelStrip:
    """Draws the strip; it is as wide as the picture."""

    palette: Palette
    title: str  # the field's name and unit
    width: int

    @property
    def size(self) -> int:
        """Of the font, in pixels."""
        return min(LARGEST, max(SMALLEST, round(self.width * LETTERS)))

    @property
    def height(self) -> int:
        """Rows of the strip, an even number."""
        return 2 * round(1.9 * self.size)

    def draw(self, time: str) -> NDArray[np.uint8]:
        """(3, H, W): the colour bar on the left, the name and this time on the right."""
        strip = np.full((3, self.height, self.width), PAPER, np.uint8)
        left, end = round(MARGIN * self.width), round(BAR_END * self.width)
        top, half = self.size // 2, self.height // 2
        low, high = self.palette.value_range
        ramp = np.linspace(low, high, end - left)[None].repeat(half - top, 0)
        strip[:, top:half, left:end] = self.palette.paint(ramp)
        ticks: tuple[tuple[float, int, Side], ...] = (
            (low, left, "left"),
            ((low + high) / 2, (left + end) // 2, "middle"),
            (high, end, "right"),
        )
        for value, place, side in ticks:
            self._write(
                strip, f"{value:.4g}", place, half + self.size // 4, (end - left) // 3, side
            )
        start, edge = round(TEXT_START * self.width), self.width - left
        self._write(strip, self.title, start, top - self.size // 4, edge - start)
        self._write(strip, time, start, half + self.size // 4, edge - start)
        return strip

    def _write(
        self,
        strip: NDArray[np.uint8],
        text: str,
        x: int,
        y: int,
        max_width: int,
        side: Side = "left",
    ) -> None:
        """Write a line whose left end, middle or right end lies at x."""
        drawn = draw_text(text, size=self.size, max_width=max_width)
        if drawn is None:
            return
        ink = drawn.ink.numpy()[: self.height - y]
        x -= {"left": 0, "middle": ink.shape[1] // 2, "right": ink.shape[1]}[side]
        part = strip[:, y : y + ink.shape[0], x : x + ink.shape[1]]
        part[...] = np.round(part * (1 - ink[:, : part.shape[2]]) + INK * ink[:, : part.shape[2]])
