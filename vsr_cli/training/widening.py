"""A trained network in the corner of a wider one, which computes the same and has room to learn."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

TRANSPOSED = nn.ConvTranspose2d | nn.ConvTranspose3d


def widen(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a narrower form of ``model`` in those of ``model``, which start fresh.

    The first channels of every layer are the trained ones and see each other alone: what they
    would take from the new channels is zero, and the last layer too has zeros for these. So the
    wider network gives what the narrow one gave, to rounding, also on its residual streams. The new
    channels see all and start as a fresh network's do, so that no two of them are alike.

    Differences from Chen et al.: their Net2WiderNet splits channels into equal copies, which want
    noise to part; here nothing is copied.

    Args:
        model: a fresh network of the wider form; it is not changed.
        tensors: those of the narrower form, by their names in ``model``.

    Raises:
        ValueError: a tensor is wider than the network's.

    References:
        Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR
        2016, arXiv:1511.05641.
    """
    layers = dict(model.named_modules())
    own = model.state_dict()
    return {
        name: _in_corner(own[name], tensor, name, layers[name.rpartition(".")[0]])
        for name, tensor in tensors.items()
    }


def _in_corner(fresh: Tensor, trained: Tensor, name: str, layer: nn.Module) -> Tensor:
    if fresh.ndim != trained.ndim or any(
        old > new for old, new in zip(trained.shape, fresh.shape, strict=True)
    ):
        found, wanted = tuple(trained.shape), tuple(fresh.shape)
        raise ValueError(f"{name} is {found}, which does not fit into {wanted}")
    widened = fresh.clone()
    if fresh.ndim < 2:  # a bias, a slope, a counter
        widened[_corner(trained)] = trained.to(fresh.dtype)
        return widened
    outs, ins = (1, 0) if isinstance(layer, TRANSPOSED) else (0, 1)
    num_concatenated = getattr(layer, "num_concatenated", 1)
    seen = _input_indices(trained.shape[ins], fresh.shape[ins], num_concatenated)
    old = torch.arange(trained.shape[outs])
    if outs:
        widened[:, old] = 0
        widened[seen[:, None], old] = trained.to(fresh.dtype)
    else:
        widened[old] = 0
        widened[old[:, None], seen] = trained.to(fresh.dtype)
    return widened


def _corner(trained: Tensor) -> tuple[slice, ...]:
    return tuple(slice(length) for length in trained.shape)


def _input_indices(old: int, new: int, num_concatenated: int) -> Tensor:
    """Where the inputs of the narrow layer lie among those of the wide one, (old,)."""
    each, part = new // num_concatenated, old // num_concatenated
    return torch.cat([torch.arange(part) + number * each for number in range(num_concatenated)])
