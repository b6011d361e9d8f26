"""Means that stay: what is added to an enlarged field so that its blocks have the means they had.

References:
    Harder et al., "Hard-Constrained Deep Learning for Climate Downscaling", Journal of Machine
    Learning Research 24 (2023), arXiv:2208.05424: the additive constraint; here with areas for
    weights, missing cells, and a smooth part before the last, exact one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsr_cli.imaging.globe import Edges, extend
from vsr_cli.imaging.resample import resize

ROUNDS = 8  # of the smooth part: most of the difference goes there, and leaves no edges of blocks
MARGIN = 4  # cells that bicubic interpolation sees


def block_means(fine: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Weighted means of blocks of ``scale`` x ``scale`` cells.

    Args:
        fine: (s*H, s*W), finite where its weight is not 0.
        weights: as ``fine``: areas, 0 where a cell is missing.

    Returns:
        (H, W); 0 where no cell of a block has a weight.
    """
    total = _sums(weights, scale)
    summed = _sums(torch.where(weights > 0, fine * weights, torch.zeros_like(fine)), scale)
    return torch.where(total > 0, summed / total, torch.zeros_like(total))


def conserve_means(
    fine: Tensor, coarse: Tensor, valid: Tensor, weights: Tensor, scale: int, edges: Edges
) -> Tensor:
    """Add to a field so that the mean of every block is the value it came from.

    Args:
        fine: (s*H, s*W) float64.
        coarse: (H, W) float64.
        valid: (H, W) bool; what is not is left alone.
        weights: as ``fine``: areas of the cells.
        scale: s.
        edges: how the field goes on beyond its edges.

    Returns:
        As ``fine``; the means hold to rounding.
    """
    weights = torch.where(spread(valid, scale), weights, torch.zeros_like(weights))
    target = torch.where(valid, coarse, torch.zeros_like(coarse))
    height, width = coarse.shape
    for _ in range(ROUNDS):
        missing = target - block_means(fine, weights, scale)
        wide = extend(missing, MARGIN, edges)
        size = scale * wide.shape[0], scale * wide.shape[1]
        smooth = resize(wide[None, None], height=size[0], width=size[1])[0, 0]
        inside = slice(scale * MARGIN, scale * (MARGIN + height))
        fine = fine + smooth[inside, scale * MARGIN : scale * (MARGIN + width)]
    return fine + spread(target - block_means(fine, weights, scale), scale)


def spread(coarse: Tensor, scale: int) -> Tensor:
    """Each cell as a block of ``scale`` x ``scale`` equal ones."""
    return coarse.repeat_interleave(scale, -2).repeat_interleave(scale, -1)


def _sums(fine: Tensor, scale: int) -> Tensor:
    height, width = fine.shape[-2] // scale, fine.shape[-1] // scale
    return fine.reshape(height, scale, width, scale).sum(dim=(1, 3))
