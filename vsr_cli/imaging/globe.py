"""Fields continued beyond their edges: around the globe, over its poles, or by their mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Side = Literal["reflect", "replicate", "periodic"]
Pole = Literal["none", "between", "on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What follows on a field's last rows and columns.

    Over a pole the same rows come again, half way around the globe: the first one too where the
    pole lies ``between`` rows, not where it lies ``on`` one. Components of a vector point the other
    way there. ``overlap`` columns at the end are the first ones again.
    """

    across: Side = "reflect"
    top: Pole = "none"
    bottom: Pole = "none"
    is_vector: bool = False
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.across != "periodic" and (self.top, self.bottom) != ("none", "none"):
            raise ValueError("a field that does not go around the globe has no pole at its edge")
        if self.overlap and self.across != "periodic":
            raise ValueError("a field that does not go around the globe has no column twice")


def extend(field: Tensor, margin: int, edges: Edges) -> Tensor:
    """Continue a field (H, W) by ``margin`` cells on all sides: (H + 2 margin, W + 2 margin).

    Raises:
        ValueError: rows come again half way around a globe of an odd number of columns.
    """
    width = field.shape[-1]
    columns = torch.arange(-margin, width + margin, device=field.device)
    if edges.across == "periodic":
        field = field[:, : width - edges.overlap]
        places = columns % field.shape[-1]
    elif edges.across == "replicate":
        places = columns.clamp(0, width - 1)
    else:
        places = _mirrored(columns, width)
    wide = field[:, places]
    steps = torch.arange(1, margin + 1, device=field.device)
    above = _beyond(wide, field, steps, edges.top, edges, places)
    below = _beyond(wide.flip(0), field.flip(0), steps, edges.bottom, edges, places)
    return torch.cat([above.flip(0), wide, below])


def _beyond(
    wide: Tensor, field: Tensor, steps: Tensor, pole: Pole, edges: Edges, places: Tensor
) -> Tensor:
    """The rows before the first one, the nearest first; ``wide`` is ``field`` in its columns."""
    height, width = field.shape
    if pole == "none":
        if edges.across == "replicate":
            return wide[torch.zeros_like(steps)]
        return wide[_mirrored(-steps, height)]
    if width % 2:
        raise ValueError(f"rows cannot go on over a pole with an odd number of columns, {width}")
    rows = _mirrored(steps if pole == "on" else steps - 1, height)
    beyond = field[:, (places + width // 2) % width][rows]
    return -beyond if edges.is_vector else beyond


def _mirrored(places: Tensor, length: int) -> Tensor:
    """Places beyond the ends, folded back with the end repeated."""
    folded = places % (2 * length)
    return torch.minimum(folded, 2 * length - 1 - folded)
