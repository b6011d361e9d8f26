"""What is written on the panels of a comparison: names above, times below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from vsr_cli.imaging.panels import Overlay
from vsr_cli.media.pictures.text import DrawnText, draw_text
from vsr_cli.specs.compare import CompareSpec

LETTERS = 1 / 24  # of the height of a panel: the size of its letters
SMALLEST, LARGEST = 10, 64  # pixels of a font
LEAST_SIDE = 3  # times the size of the letters, at least, that a panel must be high
SHADE = 0.6  # opacity of the black behind the letters


@dataclass(frozen=True, slots=True)
class Strip:
    """The place of one panel, or of the part of it that is shown."""

    x: int  # on the canvas
    y: int
    first: int  # column of the panel
    last: int  # behind its last column


@dataclass(frozen=True, slots=True)
class PanelWriter:
    """Writes into the corners of panels: on the left, of the last part of a split one on the right.

    ``step`` is that of the grid on which something can stand, down and across.
    """

    spec: CompareSpec
    strips: Sequence[Strip]
    height: int  # of a panel
    step: tuple[int, int]

    @property
    def size(self) -> int:
        """Of the font, in pixels."""
        return min(LARGEST, max(SMALLEST, round(self.height * LETTERS)))

    @property
    def has_room(self) -> bool:
        return self.height >= LEAST_SIDE * self.size

    def names(self, titles: Sequence[str]) -> tuple[list[Overlay], list[str]]:
        """A label for each panel, and a line for each thing that cannot be written.

        Raises:
            InputError: the font cannot be read.
        """
        if not self.has_room and (self.spec.has_labels or self.spec.has_times):
            return [], [f"{self.height} rows are too few for letters; try --zoom, or --no-labels"]
        overlays, warnings = [], []
        for title, strip in zip(titles if self.spec.has_labels else (), self.strips, strict=False):
            text = self._draw(title, strip)
            if text is None:
                warnings.append(f"no room for the label {title!r}")
                continue
            if text.missing:
                warnings.append(
                    f"the font has no {text.missing!r}, which the label {title!r} needs: "
                    "give --font"
                )
            overlays.append(self._place(text, strip, is_low=False))
        return overlays, warnings

    def times(self, seconds: Sequence[Fraction | None]) -> list[Overlay]:
        """The time of the frame that each of the first panels shows, where it shows one."""
        if not (self.spec.has_times and self.has_room):
            return []
        overlays = []
        for time_s, strip in zip(seconds, self.strips, strict=False):
            text = None if time_s is None else self._draw(clock_text(time_s), strip)
            if text is not None:
                overlays.append(self._place(text, strip, is_low=True))
        return overlays

    @property
    def _margins(self) -> tuple[int, int]:
        """Pixels around a box, and between its edge and the letters."""
        return max(2, self.size // 4), self.size // 3

    def _draw(self, text: str, strip: Strip) -> DrawnText | None:
        room = strip.last - strip.first - 2 * sum(self._margins)
        return draw_text(text, size=self.size, max_width=room, font=self.spec.font)

    def _place(self, text: DrawnText, strip: Strip, *, is_low: bool) -> Overlay:
        margin, pad = self._margins
        opacity, light = _boxed(text.ink, pad)
        rows, columns = opacity.shape
        is_right = self.spec.layout == "split" and strip is self.strips[-1]
        x = strip.last - strip.first - columns - margin if is_right else margin
        y = self.height - rows - margin if is_low else margin
        down, across = self.step
        place = (strip.x + x) // across * across, (strip.y + y) // down * down
        return Overlay(*place, opacity, light)


def clock_text(seconds: Fraction) -> str:
    """Minutes, seconds and milliseconds: "1:02.345"."""
    total = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and total else ""
    return f"{sign}{total // 60_000}:{total // 1000 % 60:02d}.{total % 1000:03d}"


def _boxed(ink: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """White letters on a dark box: opacity and light."""
    rows, columns = ink.shape
    letters = torch.zeros(rows + pad // 2 * 2, columns + 2 * pad)
    letters[pad // 2 : pad // 2 + rows, pad : pad + columns] = ink
    opacity = SHADE + (1 - SHADE) * letters
    return opacity, letters / opacity  # so that black and white mix by the letters' coverage
