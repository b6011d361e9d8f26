"""How clips are shown beside each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from vsr_cli.specs.media import MAX_TIME_S

Layout = Literal["row", "column", "grid", "split"]
Resize = Literal["bicubic", "nearest"]
Align = Literal["pts", "first"]
MOST_CLIPS = 16
MAX_ZOOM = 64
MAX_GAP = 1000  # pixels


class Box(NamedTuple):
    """A part of a picture, in pixels from its left upper corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSpec:
    """How clips are shown beside each other."""

    layout: Layout = "row"
    position: float | None = None  # of the line between two clips, of the width; None: the middle
    labels: tuple[str, ...] = ()  # one for each clip; none: the names of the files
    has_labels: bool = True
    has_times: bool = False  # write on each panel the time of the frame that it shows
    font: Path | None = None  # a TrueType or OpenType file; None: one that has the letters
    resize: Resize = "bicubic"  # how smaller clips are brought to the size of the largest
    align: Align = "pts"  # by the times that the files state, or by the first frame of each
    shortest: bool = False  # end with the first clip that ends; else its last frame stays
    at_s: float | None = None  # seconds; of a picture; None: where the clips begin
    crop: Box | None = None  # in pixels of the largest clip, upright; None: all of it
    zoom: int = 1  # each pixel becomes a square of so many
    difference: bool = False  # also show how each other clip differs from the first one
    gain: float = 4.0  # by which the difference is amplified
    gap: int = 4  # pixels of black between two panels

    def __post_init__(self) -> None:
        for name, words in (("layout", Layout), ("resize", Resize), ("align", Align)):
            if (value := getattr(self, name)) not in get_args(words):
                raise ValueError(f"{name} must be one of {', '.join(get_args(words))}, got {value}")
        if self.position is not None and self.layout != "split":
            raise ValueError("--position is that of the line of --layout split; give both")
        if self.position is not None and not 0 < self.position < 1:
            raise ValueError(f"position must be between 0 and 1, got {self.position:g}")
        if self.labels and not self.has_labels:
            raise ValueError("--label and --no-labels exclude each other; leave one out")
        if self.difference and self.layout == "split":
            raise ValueError("--difference is a panel: it goes with --layout row, column or grid")
        if self.at_s is not None and not 0 <= self.at_s <= MAX_TIME_S:
            raise ValueError(f"at must be 0 to {MAX_TIME_S:g} seconds, got {self.at_s:g}")
        if not (math.isfinite(self.gain) and self.gain > 0):
            raise ValueError(f"gain must be a number above 0, got {self.gain:g}")
        if not 1 <= self.zoom <= MAX_ZOOM:
            raise ValueError(f"zoom must be 1 to {MAX_ZOOM}, got {self.zoom}")
        if not 0 <= self.gap <= MAX_GAP:
            raise ValueError(f"gap must be 0 to {MAX_GAP} pixels, got {self.gap}")
        if self.crop is not None and (min(self.crop) < 0 or 0 in self.crop[2:]):
            box = ",".join(map(str, self.crop))
            raise ValueError(f"crop is X,Y,W,H from 0,0 on and at least 1 pixel, got {box}")

    def check_clips(self, number: int) -> None:
        """Refuse a number of clips that cannot be compared so.

        Raises:
            ValueError: too few or too many, or the labels are not theirs.
        """
        if not 2 <= number <= MOST_CLIPS:
            raise ValueError(f"2 to {MOST_CLIPS} clips are compared, got {number}")
        if self.labels and len(self.labels) != number:
            raise ValueError(
                f"give --label once for each of the {number} clips, got {len(self.labels)}"
            )
        if self.position is not None and number > 2:
            raise ValueError(f"--position is for two clips; {number} have strips of one width")
