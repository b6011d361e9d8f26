"""Extremes: how far the tails of the distribution of values are off.

Interpolation takes off peaks, which means over all pixels hardly show. All differences are those of
the result less those of the truth, wherever in the picture the values are; a negative one at the
high end says that peaks were lost. Pixels count the same on the sphere too; those without a truth
(NaN) do not count.

References:
    Hyndman, Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996),
    doi:10.1080/00031305.1996.10473566: quantiles by their definition 7, that of NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vsr_cli.metrics.batch import FramePairs

if TYPE_CHECKING:
    from vsr_cli.metrics.pair import Image

LOW, HIGH = 0.001, 0.999


def quantile_error(sr: Image, hr: Image, level: float, *, border: int = 0) -> float:
    """A quantile of the result less that of the truth; 0 and 1 are minimum and maximum.

    sr, hr: (H, W) or (3, H, W) float in [0, 1]; ``level`` from 0 to 1.

    Raises:
        ValueError: the images do not fit each other (see ``FramePairs``), or the level is none.
    """
    return float(quantile_error_per_frame(FramePairs.of(sr, hr), level, border=border))


def quantile_error_per_frame(frames: FramePairs, level: float, *, border: int) -> torch.Tensor:
    """The error of a quantile of each frame: (B,); NaN where there is no truth at all.

    Raises:
        ValueError: the level is none.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"a quantile must be in 0..1, got {level}")
    sr, hr = frames.inside(border)
    found = frames.parts.once(("sorted", border), lambda: _sorted(sr))
    truth = frames.truth.parts.once(("sorted", border), lambda: _sorted(hr))
    number = frames.truth.parts.once(("number", border), lambda: (~truth.isnan()).sum(1))
    return _quantiles(found, number, level) - _quantiles(truth, number, level)


def _sorted(images: torch.Tensor) -> torch.Tensor:
    """The values of each frame in ascending order, what is missing last: (B, C, H, W) to (B, N)."""
    values = images.flatten(1)
    if values.device.type == "cpu":
        return torch.from_numpy(np.sort(values.numpy(), axis=1))  # ten times as fast as torch's
    return values.sort(dim=1).values


def _quantiles(values: torch.Tensor, number: torch.Tensor, level: float) -> torch.Tensor:
    """The quantile of sorted values, on the line between the two around it.

    Args:
        values: (B, N) of each frame.
        number: (B,) how many of them are there.
        level: from 0 to 1.
    """
    last = (number - 1).clamp(min=0)[:, None]
    place = level * last.to(torch.float64)
    index = torch.minimum(place.floor().long(), (last - 1).clamp(min=0))
    share = place - index
    low, high = values.gather(1, index), values.gather(1, torch.minimum(index + 1, last))
    step = high - low
    return torch.where(share < 0.5, low + share * step, high - (1 - share) * step)[:, 0]
