"""Who takes part in a race: loads what it needs, and does one round whenever it is told to."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Contender(Protocol):
    """One side of a race, made in its own process.

    Attributes:
        title: what it is, with its version.
    """

    title: str

    def warm_up(self) -> None:
        """Do so much that the next round is as fast as all that follow."""

    def round(self) -> float:
        """All frames of the clip once; seconds from the first one to the last result."""

    def picture(self) -> np.ndarray | None:
        """What the middle frame became, luma (H, W) in [0, 1]; None if it goes to a file alone."""
