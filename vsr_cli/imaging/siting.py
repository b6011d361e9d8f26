"""Where chroma samples lie between the luma samples, and how that place is kept at another size.

The place of a grid of samples is given as the distance of its first sample from the picture's
edge, down and across, in units of its own pitch: 0.5 is the middle of the first cell, as for luma.
A grid that keeps its place at ``f`` times the size has its sample m at (m + o) / f - o of the
smaller one, for the place o.

References:
    ITU-T H.265 (2024), figure E.1 (chroma sample locations of 4:2:0).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vsr_cli.frames import ChromaLocation, PixelFormat

# Luma samples between the picture's first one and the first chroma sample of 4:2:0: (down, across).
_POSITIONS: Mapping[ChromaLocation, tuple[float, float]] = MappingProxyType(
    {
        "left": (0.5, 0.0),
        "center": (0.5, 0.5),
        "topleft": (0.0, 0.0),
        "top": (0.0, 0.5),
        "bottomleft": (1.0, 0.0),
        "bottom": (1.0, 0.5),
        "unspecified": (0.5, 0.0),  # MPEG-2, H.264, H.265 and AV1 all say left without a tag
    }
)


class Siting(NamedTuple):
    """The place of a plane's grid (see above)."""

    down: float = 0.5
    across: float = 0.5


CENTERED = Siting()


def chroma_siting(pixel_format: PixelFormat, location: ChromaLocation) -> Siting:
    """The place of the chroma planes of a format; centred along an axis that is not subsampled.

    What 4:2:0 calls left is co-sited with the first luma column also in 4:2:2 and 4:1:1.
    """
    down, across = _POSITIONS[location]
    return Siting(
        _place(down, pixel_format.chroma_shift_y), _place(across, pixel_format.chroma_shift_x)
    )


def _place(position: float, shift: int) -> float:
    """From luma samples of 4:2:0 to units of the chroma's own pitch."""
    pitch = 1 << shift
    middle = (pitch - 1) / 2
    # Half a sample of 4:2:0 is the middle between two; of a coarser grid it is the middle, too.
    return (position * 2 * middle + 0.5) / pitch
