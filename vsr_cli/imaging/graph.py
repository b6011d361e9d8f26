"""Enlargement as a graph: for exporters, which know no size yet and do not write in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PhaseTaps = Sequence[Sequence[float]]  # for each of s phases the weights of n - r ... n + r


def enlarge_as_graph(image: Tensor, across: PhaseTaps, down: PhaseTaps) -> Tensor:
    """What ``resample.enlarge`` gives, of the same taps: (B, C, H, W) to (B, C, s*H, s*W)."""
    for dim, phase_taps in ((-1, across), (-2, down)):
        length, reach = image.shape[dim], len(phase_taps[0]) // 2
        before, after = image.narrow(dim, 0, 1), image.narrow(dim, length - 1, 1)
        padded = torch.cat([*[before] * reach, image, *[after] * reach], dim)
        phases = []
        for taps in phase_taps:
            shifted = [padded.narrow(dim, k, length) * w for k, w in enumerate(taps) if w]
            phases.append(torch.stack(shifted).sum(0))
        image = torch.stack(phases, image.ndim + dim + 1).flatten(dim - 1, dim)
    return image
