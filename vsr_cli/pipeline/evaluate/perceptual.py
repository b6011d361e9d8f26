"""The weights of LPIPS, from the files that the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsr_cli.metrics import LearnedSimilarity
from vsr_cli.models.foreign import open_weights

if TYPE_CHECKING:
    from torch import Tensor


def load_similarity(paths: Sequence[Path]) -> LearnedSimilarity:
    """The network of LPIPS with its heads, from one file or two.

    Raises:
        WeightsError: a file cannot be read, or something is missing in all of them.
    """
    tensors: dict[str, Tensor] = {}
    for path in paths:
        tensors |= open_weights(path).tensors
    return LearnedSimilarity.of(tensors)
