"""An image continued beyond its border."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def mirror_pad(image: Tensor, margin: int) -> Tensor:
    """Pad both spatial axes by reflection with the edge pixel repeated (MATLAB's ``symmetric``).

    image: (..., H, W); returns (..., H + 2 margin, W + 2 margin).
    """
    return _pad(image, margin, [_mirrored(image.shape[dim], margin) for dim in (-2, -1)])


def replicate_pad(image: Tensor, margin: int) -> Tensor:
    """Pad both spatial axes by the edge pixel (MATLAB's ``replicate``), as ``mirror_pad``."""
    return _pad(image, margin, [_replicated(image.shape[dim], margin) for dim in (-2, -1)])


def _pad(image: Tensor, margin: int, sources: Sequence[Sequence[int]]) -> Tensor:
    height, width = image.shape[-2:]
    size = height + 2 * margin, width + 2 * margin
    padded = image.new_empty((*image.shape[:-2], *size))
    padded[..., margin : margin + height, margin : margin + width] = image
    _fill_border(padded[..., margin : margin + height, :], margin, sources[1], dim=-1)
    _fill_border(padded, margin, sources[0], dim=-2)
    return padded


def _fill_border(padded: Tensor, margin: int, sources: Sequence[int], *, dim: int) -> None:
    """Write both margins of an axis whose inside is there, from the places of ``sources``."""
    length = padded.shape[dim] - 2 * margin
    places = (*range(margin), *range(margin + length, length + 2 * margin))
    for place, source in zip(places, sources, strict=True):
        padded.select(dim, place).copy_(padded.select(dim, margin + source))


def _outside(length: int, margin: int) -> tuple[int, ...]:
    return (*range(-margin, 0), *range(length, length + margin))


def _mirrored(length: int, margin: int) -> list[int]:
    folded = [index % (2 * length) for index in _outside(length, margin)]
    return [min(index, 2 * length - 1 - index) for index in folded]


def _replicated(length: int, margin: int) -> list[int]:
    return [min(max(index, 0), length - 1) for index in _outside(length, margin)]
